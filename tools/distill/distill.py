"""Distils the built-in embedding model. See README.md."""

import argparse
import hashlib
import pathlib
import re
import struct

import numpy as np
import scipy.sparse as sp

import corpus
import teacher

DIMENSIONS = 256
TRAIN_TOKENS = 96  # of a training text
EPOCHS, BATCH, RATE = 10, 1024, 0.02
SIF = 1e-4  # a of a/(a+p), smooth inverse frequency (Arora et al. 2017); only the start of the fit
RANK_WEIGHT, TEMPERATURE = 0.5, 0.05  # of the loss on similarities within a batch
RARE = 12  # tokens in no more texts than this get sentences of their own


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=pathlib.Path, required=True)
    parser.add_argument("--goroot", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder for the teacher's vectors")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)

    tokenizer = teacher.tokenizer(TRAIN_TOKENS)
    vocabulary = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    texts = training_texts(args, tokenizer, vocabulary)
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    alone = [[tokenizer.token_to_id("[CLS]"), i, tokenizer.token_to_id("[SEP]")] for i in range(len(vocabulary))]
    targets = cached(args.cache, "texts", ids)
    tokens = cached(args.cache, "tokens", alone)
    rows = fit(bags(ids, len(vocabulary)), targets, tokens)
    write(args.out, vocabulary, rows)


def training_texts(args, tokenizer, vocabulary):
    by_source = corpus.load(args.sources, args.goroot)
    texts = [t for source in by_source.values() for t in source]
    seen = np.zeros(len(vocabulary), int)
    for e in tokenizer.encode_batch(texts):
        seen[list(set(e.ids))] += 1
    words = [t for i, t in enumerate(vocabulary) if seen[i] <= RARE and re.fullmatch("[a-z]{2,}|[0-9]{2,}", t)]
    glosses = [t for t in corpus.wordnet(args.sources / "wordnet") if ": " in t[:60] and not t.endswith("?")]
    return texts + list(corpus.rare(words)) + list(corpus.longer(glosses, 9000))


def cached(folder, name, ids):
    """The teacher's vectors, computed once for one set of token ids."""
    key = hashlib.sha256(repr(ids).encode()).hexdigest()[:16]
    file = folder / f"{name}-{key}.npy"
    if not file.exists():
        np.save(file, teacher.Teacher().encode_ids(ids, progress=lambda i, n: print(f"teacher: {name} {i}/{n}", flush=True)).astype(np.float16))
    return np.load(file).astype(np.float32)


def bags(ids, size):
    """Counts of tokens in each text, without [CLS], [SEP] and unknown words."""
    rows = np.repeat(np.arange(len(ids)), [len(i) - 2 for i in ids])
    columns = np.fromiter((t for i in ids for t in i[1:-1]), np.int64)
    known = columns != 100
    out = sp.csr_matrix((np.ones(known.sum(), np.float32), (rows[known], columns[known])), shape=(len(ids), size))
    out.sum_duplicates()
    return out


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def fit(x, targets, tokens):
    """Fits token vectors whose sum points where the teacher's vector of the text does.

    It starts as model2vec does: the teacher's vector of each token alone, on the principal components, weighted by
    frequency. The loss is the cosine distance to the teacher's vector, and the cross entropy between the teacher's and
    the table's similarities within a batch, which matters more for retrieval than the vectors themselves.
    """
    mean = targets.mean(0)
    centred = targets - mean
    values, components = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    components = components[:, np.argsort(-values)[:DIMENSIONS]].astype(np.float32)
    components *= np.sign(components.sum(0))  # an eigenvector's sign is arbitrary
    goals = unit(centred @ components)
    count = np.asarray(x.sum(0)).ravel() + 1
    table = (tokens - mean) @ components * (SIF / (SIF + count / count.sum()))[:, None]

    some = np.flatnonzero(np.diff(x.indptr))
    x, goals = x[some], goals[some]
    rate = RATE * np.abs(table).mean()
    first, second = np.zeros_like(table), np.zeros_like(table)  # Adam's moments; only rows in the batch move
    rng = np.random.default_rng(0)
    steps, step = EPOCHS * (len(some) // BATCH), 0
    for epoch in range(EPOCHS):
        order, loss = rng.permutation(len(some)), 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            pick = order[start : start + BATCH]
            columns, inverse = np.unique(x[pick].indices, return_inverse=True)
            bag = sp.csr_matrix((x[pick].data, inverse, x[pick].indptr), shape=(BATCH, len(columns)))
            step += 1
            grad, part = gradient(bag, table[columns], goals[pick])
            loss += part
            first[columns] = m = 0.9 * first[columns] + 0.1 * grad
            second[columns] = s = 0.99 * second[columns] + 0.01 * grad * grad
            m, s = m / (1 - 0.9**step), s / (1 - 0.99**step)
            table[columns] -= rate * (1 - step / (steps + 1)) * m / (np.sqrt(s) + 1e-10)
        print(f"fit: epoch {epoch + 1}, cosine distance {loss / (len(order) // BATCH):.4f}", flush=True)
    return table


def gradient(bag, rows, goals):
    total = bag @ rows
    length = np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)
    got = total / length
    ours, theirs = softmax(got @ got.T), softmax(goals @ goals.T)
    apart = ours - theirs
    grad = (-goals + RANK_WEIGHT / TEMPERATURE * (apart + apart.T) @ got) / len(goals)
    grad = (grad - (grad * got).sum(1, keepdims=True) * got) / length
    return bag.T @ grad, 1 - (got * goals).sum(1).mean()


def softmax(similarity):
    z = similarity / TEMPERATURE
    np.fill_diagonal(z, -np.inf)
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def write(file, vocabulary, rows):
    """Quantises to a byte a value and a weight a row, and writes the format that embedding/builtin/table.go states."""
    special = [i for i, t in enumerate(vocabulary) if re.fullmatch(r"\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]", t)]
    scale = np.abs(rows).max(1) / 127
    weights = np.round(scale / scale.max() * 65535).astype("<u2")
    weights[special] = 0
    values = np.clip(np.round(rows / np.maximum(scale, 1e-12)[:, None]), -127, 127).astype(np.int16) + 128
    words = "".join(t + "\n" for t in vocabulary).encode()
    body = words + weights.tobytes() + values.astype(np.uint8).tobytes()
    head = struct.pack("<8sIIII", b"HFSTATIC", 1, rows.shape[1], len(vocabulary), len(words))
    file.write_bytes(head + hashlib.sha256(body).digest() + body)
    print(f"{file}: {len(head) + 32 + len(body)} bytes")


if __name__ == "__main__":
    main()
