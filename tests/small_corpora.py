"""Small corpora that several tests train on, made in memory."""

import numpy as np
import torch

from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Corpus, Text

KEYWORDS = (("awful", "bad", "dull", "flat", "poor", "sour"), ("fine", "good", "great", "lovely", "rich", "superb"))
FILLER = tuple(f"w{i}" for i in range(60))


def keyword_texts(count: int, seed: int, shortest: int = 10, longest: int = 20, keywords: int = 6) -> list[Text]:
    """Texts of filler words and one word that decides the label: the gold rationale, one of ``keywords`` for each
    class."""
    random = np.random.default_rng(seed)
    texts = []
    for i in range(count):
        words = list(random.choice(FILLER, random.integers(shortest, longest + 1)))
        at = int(random.integers(len(words)))
        words[at] = str(random.choice(KEYWORDS[i % 2][:keywords]))
        texts.append(Text(tuple(map(str, words)), i % 2, tuple(j == at for j in range(len(words))), id=str(i)))
    return texts


def keyword_corpus(train: int = 600, dev: int = 200, test: int = 200, seed: int = 101, **sizes) -> Corpus:
    """Three splits of :func:`keyword_texts`; the training texts have two environments that do not differ."""
    counts = {"train": train, "dev": dev, "test": test}
    splits = {name: keyword_texts(n, seed + i, **sizes) for i, (name, n) in enumerate(counts.items())}
    corpus = assemble("keywords", splits, ("negative", "positive"), {})
    corpus.train.environments = torch.arange(train) // 2 % 2
    return corpus


def chosen(run, row) -> bool:
    """A callback that ends training when no later epoch can be chosen: one had every dev text right."""
    return run.best["dev"]["accuracy"] == 1
