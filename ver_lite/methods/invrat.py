"""INVRAT, invariant rationalization (Chang et al. 2020): words to which the text's environment adds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ver_lite.corpora.core import Batch, CorpusError, Split
from ver_lite.methods.base import Method, Step, frozen, learners
from ver_lite.players.players import another
from ver_lite.system.checks import check_number, check_switch


class INVRAT(Method):
    """RNP for training texts that come from several environments e, with a second predictor that also knows e. If e
    helps to name the label from the words, they are related to it by accident, so the selector pays for what e adds::

        selector    H_i + λ · max(0, H_i − H_e) + Ω(m)
        predictors  H_i + H_e,   where H_i = H_c(Y, Ŷ | Z) and H_e = H_c(Y, Ŷ_e | Z, E)

    ``invariance``: λ, applied to the batch's means (10 in the released code for IMDB; .5 to 100 tried for Beer).
    ``environments``: how many there are. ``corpus.train.environments`` says which text is in which; the review world
    brings them, and nobody distributes any for the real corpora. They are used in training only.

    The released code (code-terminator/invariant_rationalization) appends e to every word vector; here the second
    predictor has a head for each environment, which any encoder allows. The code makes masks without noise
    (``draws=False``) and moves one player a batch; here masks are sampled as in RNP and all players move on every
    batch. Its Beer version selects one span of fixed length.
    """

    def __init__(self, *players, environments: int = 2, invariance: float = 10.0, draws: bool = True, **options):
        super().__init__(*players, **options)
        check_switch("draws", draws)
        check_number("environments", environments, least=2, whole=True)
        check_number("invariance", invariance, least=0)
        self.environments, self.invariance, self.draws = environments, invariance, draws
        self.aware = another(self.predictor)
        self.aware.head = nn.Linear(self.predictor.head.in_features, environments * self.classes)
        self.register_buffer("of_text", torch.zeros(0, dtype=torch.long), persistent=False)

    def prepare(self, train: Split) -> None:
        """Learn the environment of every training text. Raises CorpusError where there are none, or too many."""
        found = train.environments
        if found is None:
            raise CorpusError(
                "INVRAT learns from environments, and this corpus has none",
                hint="Set corpus.train.environments (a number from 0 for each text), or take the review world.",
            )
        if len(found) != len(train) or not 0 <= int(found.min()) <= int(found.max()) < self.environments:
            raise CorpusError(
                f"corpus.train.environments must be {len(train)} numbers from 0 to {self.environments - 1}",
                hint='The option "environments" says how many there are.',
            )
        self.of_text = found.to(train.labels)

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = self.select(batch)
        with frozen(self.predictor, self.aware):
            logits = self.predict(batch, mask)
            blind = self.cross_entropy(logits, batch)
            gap = blind - self.cross_entropy(self.predict_aware(batch, mask), batch)
        yield Step("selector", blind + self.invariance * F.relu(gap) + self.omega(mask, batch), mask, logits)
        mask = mask.detach()
        answers = self.predict(batch, mask), self.predict_aware(batch, mask)
        yield Step("predictors", sum(self.cross_entropy(logits, batch) for logits in answers))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        selector = learners(self.selector, without=self.selector.embedding)
        return {"selector": selector, "predictors": learners(self.predictor, self.aware)}

    def predict_aware(self, batch: Batch, shown: Tensor) -> Tensor:
        """Logits [B, C] of the second predictor, which knows the environment of each training text."""
        heads = self.aware(batch.tokens, batch.real, shown + batch.query).unflatten(1, (self.environments, -1))
        return heads[torch.arange(len(heads), device=heads.device), self.of_text[batch.index]]
