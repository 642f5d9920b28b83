"""The noise of NIR, which replaces selected words of low TF-IDF by others (Storek et al. 2023). Both forms use it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor, nn

from ver_lite.corpora.core import Batch, Split
from ver_lite.system.checks import check_choice, check_number

REPLACED_BY = ("low", "high")


class WordNoise(nn.Module):
    """Replaces selected words of little TF-IDF by words drawn from the training vocabulary.

    With N training texts, n_w of them with the word w, and tf = count / length: s_w = tf_w · ln(N / n_w) in a text of l
    words. The word at t is replaced with probability min(1, η · l · u_t / Σu), u_t = max s − s_t, so the rates of a
    text average η and its highest word stays. The new word is drawn from P(w) ∝ max S − S_w, S_w = Σ s_w over all
    training texts: words of low weight again, as in NIR's code; "high" draws from P(w) ∝ S_w, as VER's paper describes
    it. (The code normalizes within each sentence where there are sentences; here a text is one.) Where the deciding
    words are frequent, their TF-IDF is low, and they are replaced first.
    """

    idf: Tensor  # float [V]
    cumulative: Tensor  # float [V], cumulative probabilities with which words are drawn

    def __init__(self, words: int, noise: float = 0.1, replaced_by: str = "low"):
        super().__init__()
        check_number("noise", noise, least=0, most=1)
        check_choice("replaced_by", replaced_by, REPLACED_BY)
        self.noise, self.replaced_by = noise, replaced_by
        self.register_buffer("idf", torch.zeros(words))
        self.register_buffer("cumulative", torch.ones(words))

    def fit(self, train: Split) -> None:
        """Compute ``idf`` and ``cumulative`` from the training texts, without their queries."""
        found, shares = torch.zeros(2, len(self.idf), dtype=torch.float64)
        for batch in train.to("cpu").batches(512):
            counts, lengths = occurrences(batch)
            here, words = batch.selectable, batch.tokens[batch.selectable]
            found.index_add_(0, words, (1 / counts.double())[here])
            shares.index_add_(0, words, (1 / lengths.double()).expand_as(counts)[here])
        seen = found > 0.5
        idf = torch.where(seen, (len(train) / found.round().clamp(min=1)).log(), 0.0)
        weight = idf * shares
        wanted = torch.where(seen, weight[seen].max() - weight if self.replaced_by == "low" else weight, 0.0)
        drawn = (wanted if bool(wanted.any()) else seen.double()).cumsum(0)
        self.idf.copy_(idf)
        self.cumulative.copy_(drawn / drawn[-1])

    def rates(self, batch: Batch) -> Tensor:
        """The probability with which each word is replaced if it is selected: float [B, T], 0 outside the text."""
        counts, lengths = occurrences(batch)
        weight = counts / lengths * self.idf[batch.tokens]
        most = weight.masked_fill(~batch.selectable, -torch.inf).amax(1, keepdim=True)
        less = torch.where(batch.selectable, most - weight, 0.0)
        return (self.noise * lengths * less / less.sum(1, keepdim=True).clamp(min=1e-9)).clamp(max=1)

    def corrupt(self, batch: Batch, mask: Tensor, generator: Generator | None = None) -> Batch:
        """The batch with some of its words under ``mask`` [B, T] replaced. With ``noise`` 0 nothing is drawn."""
        if self.noise == 0:
            return batch
        luck, which = torch.rand(2, *mask.shape, generator=generator, device=mask.device)
        hit = (mask.detach() > 0.5) & (luck < self.rates(batch))
        words = torch.searchsorted(self.cumulative, which, right=True)
        return replace(batch, tokens=torch.where(hit, words, batch.tokens))


def occurrences(batch: Batch) -> tuple[Tensor, Tensor]:
    """The count of each position's word in its text, int [B, T], and the length of the text, at least 1, int [B, 1]."""
    words = batch.tokens.masked_fill(~batch.selectable, -1)
    ordered = words.sort(1).values
    counts = torch.searchsorted(ordered, words, right=True) - torch.searchsorted(ordered, words)
    return counts, batch.selectable.sum(1, keepdim=True).clamp(min=1)
