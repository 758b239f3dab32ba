"""Reads the training text: sources whose licences allow derived works to be shipped under any terms."""

import hashlib
import json
import pathlib
import random
import re

# Field words of WordNet's lexicographer files that make a good question about an instance (people, places, ...).
_ASK = ["What is {}?", "What does {} mean?", "Which {} is meant?", "Who or what is {}?", "How is {} used?",
        "Where can {} be found?", "Why does {} matter?", "When was {} known?", "How many kinds of {} are there?"]


def wordnet(folder):
    """Yields (text, group) of every synset: 'lemma, lemma: gloss', its examples, and some questions."""
    rng = random.Random(1)
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split()
            count = int(fields[3], 16)
            lemmas = [re.sub(r"\((a|p|ip)\)$", "", fields[4 + 2 * i]).replace("_", " ") for i in range(count)]
            definition = re.sub(r'\s*;?\s*"[^"]*"', "", gloss).strip(" ;")
            yield f"{', '.join(lemmas[:4])}: {definition}"
            for example in re.findall(r'"([^"]{20,})"', gloss):
                yield example
            if part == "noun" and rng.random() < 0.15:
                yield rng.choice(_ASK).format(lemmas[0])
            if part == "noun" and rng.random() < 0.1:
                yield f"{rng.choice(['What', 'Which', 'Who'])} is {definition}?"


def factbook(folder):
    """Yields the running text of the country profiles."""

    def walk(node):
        if isinstance(node, dict):
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, str) and len(node) > 60 and sum(c.isalpha() for c in node) > 0.7 * len(node):
            yield node

    for file in sorted(folder.rglob("*.json")):
        if file.name != "package.json":
            yield from walk(json.loads(file.read_text("utf-8")))


def paragraphs(text):
    for block in re.split(r"\n\s*\n", text):
        block = " ".join(block.split())
        if len(block) > 80 and sum(c.isalpha() or c == " " for c in block) > 0.85 * len(block):
            yield block


def rst(folder):
    """Yields the paragraphs of a tree of reStructuredText, markup removed."""
    for file in sorted(folder.rglob("*.rst.txt")):
        text = file.read_text("utf-8")
        text = re.sub(r"^\.\..*(\n[ \t]+.*)*", "", text, flags=re.M)
        text = re.sub(r":[\w:]+:`~?!?\.?([^`<]*)[^`]*`", r"\1", text)
        yield from paragraphs(re.sub(r"[`*|]+", "", text))


def html(folder):
    """Yields the paragraphs of a tree of HTML."""
    for file in sorted(folder.rglob("*.html")):
        for block in re.findall(r"<p>(.*?)</p>", file.read_text("utf-8", "replace"), flags=re.S):
            block = re.sub(r"<[^>]+>", "", block)
            for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&nbsp;", " "), ("&#160;", " "), ("&amp;", "&")):
                block = block.replace(entity, char)
            yield from paragraphs(block)


def go(folder):
    """Yields the doc comments of Go source."""
    for file in sorted(folder.rglob("*.go")):
        name = str(file)
        if "testdata" in name or "/vendor/" in name or "/cmd/" in name or name.endswith("_test.go"):
            continue
        for block in re.findall(r"(?:^//.*\n)+(?=func [A-Z(]|type |package )", file.read_text("utf-8", "replace"), flags=re.M):
            yield from paragraphs(re.sub(r"^// ?", "", block, flags=re.M))


def load(root, goroot):
    """Returns the distinct training texts by source, in a stable order. root holds the unpacked sources (see README)."""
    root = pathlib.Path(root)
    limits = {"wordnet": None, "factbook": 9000, "python": 14000, "postgres": 9000, "go": 9000}
    sources = {
        "wordnet": wordnet(root / "wordnet"),
        "factbook": factbook(root / "factbook"),
        "python": rst(root / "python"),
        "postgres": html(root / "postgresql"),
        "go": go(pathlib.Path(goroot) / "src"),
    }
    out, seen = {}, set()
    for name, texts in sources.items():
        kept = []
        for text in texts:
            text = text[:900]
            key = hashlib.sha256(text.encode()).digest()
            if key not in seen:
                seen.add(key)
                kept.append(text)
        random.Random(2).shuffle(kept)
        out[name] = kept[: limits[name]]
    return out


_TEMPLATES = [
    "{0} and {1} were named in the report about {2}.", "What did {0} say about {1} after {2}?", "{0} moved from {1} to {2} in the spring.",
    "The {0} of {1} was first described by {2}.", "In {1}, {0} became known for {2}.", "Who built the {0} near {1} and {2}?",
    "{0} won against {1} in the final of {2}.", "A customer from {0} asked whether {1} works with {2}.",
    "How does {0} differ from {1} and {2}?", "{0}, {1} and {2} belong together.", "{0} wrote to {1} that the {2} had failed.",
    "The history of {0} is tied to {1} and to {2}.", "Between {0} and {1}, {2} rose again.", "{0}: {1} {2}",
]


def rare(tokens):
    """Yields sentences that hold each of the rare tokens four times, beside others, so that the fit reaches them too."""
    rng = random.Random(3)
    for _ in range(4):
        order = list(tokens)
        rng.shuffle(order)
        for i in range(0, len(order) - 2, 3):
            yield rng.choice(_TEMPLATES).format(*order[i : i + 3])


def longer(glosses, number):
    """Yields passages of neighbouring synsets, which share a subject: the fit must see long texts as well."""
    rng = random.Random(4)
    for _ in range(number):
        i = rng.randrange(len(glosses) - 8)
        yield "; ".join(glosses[i : i + rng.randint(4, 8)])
