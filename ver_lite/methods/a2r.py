"""A2R, attention to rationale (Yu et al. 2021): a second head reads the whole text by attention."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step
from ver_lite.players.players import max_pool
from ver_lite.system.checks import check_choice, check_number

MOVED = ("all", "predictors")


class A2R(Method):
    """The selector is an attention a over the words. A soft head answers from the attended whole text, which teaches
    the selector; the hard head, the predictor's own, answers from the ``alpha`` best words, and the two must agree::

        a = softmax_t(s_t),   Ŷ_soft = f(Σ_t a_t h_t),   Ŷ_hard = P(max h'_t over the best words t)
        H_c(Y, Ŷ_soft) + H_c(Y, Ŷ_hard) + λ · (D(Ŷ_soft ‖ Ŷ_hard) + D(Ŷ_hard ‖ Ŷ_soft))

    h are the predictor's states of the full text, h' those of the shown words, pooled over these alone. No gradient
    passes through the mask, so the selector never depends on what the hard head has learned yet (the "interlocking"
    of the paper's title). There is no Ω: the mask has exactly ``alpha`` of each text's words. ``agreement``: λ.

    This is the token-level form of the released code (Gorov/Understanding_Interlocking, the movies notebook), with a
    selector of its own instead of one encoder for all, and words instead of pairs of words. In that code the gradient
    of the agreement also moves the attention, which can then leave a telling word because the hard head has not learned
    it yet. In the sentence-level form it moves the predictors alone: ``agreement_moves="predictors"``. The paper speaks
    of a Jensen-Shannon gap that the selector minimizes; the code, and we, take the divergence both ways.
    """

    ranks_only = True

    def __init__(self, *players, agreement: float = 1.0, agreement_moves: str = "all", **options):
        super().__init__(*players, **options)
        check_choice("agreement_moves", agreement_moves, MOVED)
        check_number("agreement", agreement, least=0)
        self.agreement, self.agreement_moves = agreement, agreement_moves
        self.soft_head = nn.Linear(self.predictor.head.in_features, self.classes)

    def play(self, batch: Batch) -> Iterator[Step]:
        scores = self.scores(batch)
        mask = masks.top_k(scores.detach(), batch.selectable, self.alpha)
        states = self.predictor.states(batch.tokens, batch.real, batch.real.to(scores))
        soft, hard = self.predict_softly(batch, scores, states), self.predict(batch, mask)
        tied = soft if self.agreement_moves == "all" else self.predict_softly(batch, scores.detach(), states)
        one, other = tied.log_softmax(-1), hard.log_softmax(-1)
        apart = ((one.exp() - other.exp()) * (one - other)).sum(-1).mean()
        loss = self.cross_entropy(soft, batch) + self.cross_entropy(hard, batch) + self.agreement * apart
        yield Step("game", loss, mask, hard)

    def predict_softly(self, batch: Batch, scores: Tensor, states: Tensor) -> Tensor:
        """Logits [B, C] of the soft head: the full text's ``states``, weighted by the attention of ``scores``."""
        attention = F.softmax(scores.masked_fill(~batch.selectable, -1e9), -1) * batch.selectable
        return self.soft_head(self.predictor.dropout((attention[..., None] * states).sum(1))).to(scores)

    def predict(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """Logits [B, C] of the hard head, pooled over the ``shown`` words and the query unless ``pool`` is given."""
        shown = shown + batch.query
        states = self.predictor.states(batch.tokens, batch.real, shown)
        return self.predictor.decide(max_pool(states, batch.real, shown > 0 if pool is None else pool))
