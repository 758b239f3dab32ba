"""Writes the teacher's vectors of the benchmark's texts: teacher.py SHARED/data/retrieval OUT."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "distill"))
import teacher  # noqa: E402

TOKENS = 256  # the longest text of sentence-transformers' configuration


def main():
    data, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    model, tokenizer = teacher.Teacher(), teacher.tokenizer(TOKENS)

    def write(name, texts):
        file = out / f"{name}.f32"
        if not file.exists():
            model.encode_ids([e.ids for e in tokenizer.encode_batch(texts)]).astype("<f4").tofile(file)

    for language in ("en", "de", "es"):
        articles = json.loads((data / f"xquad.{language}.json").read_text("utf-8"))["data"]
        paragraphs = [p for a in articles for p in a["paragraphs"]]
        write(f"{language}.paragraphs", [p["context"] for p in paragraphs])
        write(f"{language}.questions", [q["question"] for p in paragraphs for q in p["qas"]])
    for file in sorted((pathlib.Path(__file__).parent / "testdata").glob("*.tsv")):
        lines = file.read_text("utf-8").splitlines()
        write(f"en-{file.stem}.questions", [line.split("\t")[1] for line in lines if not line.startswith("#")])


if __name__ == "__main__":
    main()
