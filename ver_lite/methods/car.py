"""CAR, class-wise adversarial rationalization (Chang et al. 2019): every class has a selector that argues for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step, frozen, learners
from ver_lite.players.players import another
from ver_lite.system.checks import check_choice, check_switch

PATHS = ("predicted", "gold")


class CAR(Method):
    """A game for each class t, its path: a selector g_t picks words that make *any* text look like class t, and a
    predictor P_t, which knows the path, names the true class from them. So only words that texts of other classes
    cannot offer persuade it::

        selectors  −P_t(t | Z_t) + Ω(m_t)
        predictor  H_c(Y, Ŷ_t | Z_t)

    The P_t share an encoder and have a head each. In every step each text takes one path, drawn at random. In the
    released code (code-terminator/classwise_rationale) all texts of a batch take one path, each path in turn; the
    encoder reads t beside every word; masks are made without noise, here ``draws=False``; and g_t sees the label.

    **At test time** the rationale comes from the path of *one* class. The published code takes the *true* label's path,
    which gives the answer away; ``path="gold"`` does the same, to show the difference. By default it is the path of the
    class that argues best: each g_t shows its ``alpha`` best words, all the same number, so that none wins by saying
    more, and the class t with the largest P_t(t | Z_t) is taken. For two classes, that is the class that the paths'
    predictions favor on average. The label of a given rationale is named by the mean of all heads, so that it does not
    depend on words that are not shown.
    """

    def __init__(self, *players, path: str = "predicted", draws: bool = True, **options):
        super().__init__(*players, **options)
        check_switch("draws", draws)
        check_choice("path", path, PATHS)
        self.path, self.draws = path, draws
        head = self.predictor.head
        self.others = nn.ModuleList(another(self.selector) for _ in range(1, head.out_features))
        self.predictor.head = nn.Linear(head.in_features, head.out_features**2)

    @property
    def classes(self) -> int:
        return 1 + len(self.others)

    def play(self, batch: Batch) -> Iterator[Step]:
        labels = batch.labels
        path = torch.randint(self.classes, labels.shape, generator=self.generator, device=labels.device)
        mask = self.select(batch, _along(self.pleas(batch), path))
        with frozen(self.predictor):
            logits = _along(self.verdicts(batch, mask), path)
            believed = _along(logits.softmax(-1), path).mean()
        yield Step("selectors", self.omega(mask, batch) - believed, mask, logits)
        yield Step("predictor", self.cross_entropy(_along(self.verdicts(batch, mask.detach()), path), batch))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        selectors = learners(self.selector, self.others, without=self.selector.embedding)
        return {"selectors": selectors, "predictor": learners(self.predictor)}

    def pleas(self, batch: Batch) -> Tensor:
        """The logits of every class's selector: float [B, C, T, 2]."""
        return torch.stack([g(batch.tokens, batch.real) for g in (self.selector, *self.others)], 1)

    def verdicts(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """The logits of every path's predictor on the shown words: float [B, C, C], path before class."""
        return self.predictor(batch.tokens, batch.real, shown + batch.query, pool).unflatten(1, (self.classes, -1))

    def logits(self, batch: Batch) -> Tensor:
        """The logits [B, T, 2] of the selector whose path is taken (see above)."""
        pleas = self.pleas(batch)
        return _along(pleas, batch.labels if self.path == "gold" else self.best_path(batch, pleas))

    def best_path(self, batch: Batch, pleas: Tensor) -> Tensor:
        """The class that argues best for itself: int [B]."""
        scores = pleas[..., 1] - pleas[..., 0]
        shown = [masks.top_k(scores[:, t], batch.selectable, self.alpha) for t in range(self.classes)]
        believed = [self.verdicts(batch, z)[:, t].softmax(-1)[:, t] for t, z in enumerate(shown)]
        return torch.stack(believed, 1).argmax(1)

    def predict(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        verdicts = self.verdicts(batch, shown, pool)
        if self.path == "gold":
            return _along(verdicts, batch.labels)
        return verdicts.log_softmax(-1).logsumexp(1)


def _along(paths: Tensor, path: Tensor) -> Tensor:
    """Each text's entry of ``paths`` [B, C, ...] at its own ``path`` (int [B]): [B, ...]."""
    return paths[torch.arange(len(path), device=path.device), path]
