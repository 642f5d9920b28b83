"""Masks: drawing them, pricing them (Ω), perturbing them.

Everywhere ``real`` is bool [B, T] and says which positions may be selected: words, not padding (and not a query).
A mask is float [B, T] of zeros and ones; a position outside ``real`` is never selected. Nothing here loops over texts
or reads a value back to the host. Randomness comes from an explicit ``generator`` (None: torch's own). Lesson 02
builds sampling and Ω from scratch, lesson 07 the perturbation.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ver_lite.system.checks import check_number


def gumbel_noise(like: Tensor, generator: Generator | None = None) -> Tensor:
    """Standard Gumbel noise of the shape of ``like``: −log(−log u), u uniform (Jang et al. 2017)."""
    u = torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    tiny = torch.finfo(like.dtype).tiny
    return -(-u.clamp(min=tiny).log()).clamp(min=tiny).log()


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """A tensor with the value of ``hard`` and the gradient of ``soft``."""
    return hard.detach() + (soft - soft.detach())


def sample(logits: Tensor, real: Tensor, *, temperature: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw a mask: hard 0/1 forward, the gradient of the soft choice backward (straight-through Gumbel-softmax).

    ``logits`` float [B, T, 2], channel 1 = select (paper §3, footnote 2). Returns float [B, T]. The temperature
    touches the gradient alone: the hard choice is read off at temperature 1, because dividing by another one can round
    a close pair to a tie. Raises ValueError for a temperature that is not a positive number.
    """
    check_number("temperature", temperature, above=0)
    noisy = logits + gumbel_noise(logits, generator)
    soft = F.softmax(noisy / temperature, dim=-1)[..., 1]
    choice = soft if temperature == 1 else F.softmax(noisy.detach(), dim=-1)[..., 1]
    return straight_through((choice > 0.5).to(soft), soft) * real


def likelier(logits: Tensor, real: Tensor, *, temperature: float = 1.0) -> Tensor:
    """The mask of :func:`argmax` with the gradient of the soft choice, as in :func:`sample` but without noise. The
    released codes of CAR, DMR and INVRAT make masks like this."""
    soft = F.softmax(logits / temperature, dim=-1)[..., 1]
    return straight_through(argmax(logits, real), soft * real)


def argmax(logits: Tensor, real: Tensor) -> Tensor:
    """The mask of every position's likelier choice: no noise, no gradient. A tie is not selected."""
    return (logits[..., 1] > logits[..., 0]).to(logits) * real


def top_k(scores: Tensor, real: Tensor, share: float) -> Tensor:
    """The ⌈share · length⌉ best-scored words of each text, at least one; ties go to the earlier word.

    ``scores`` float [B, T]. A text of padding only stays empty. Raises ValueError unless 0 < share ≤ 1.
    """
    return (_rank(scores, real) < share_of_words(real, share)[:, None]).to(scores) * real


def share_of_words(real: Tensor, share: float) -> Tensor:
    """How many words of each text :func:`top_k` takes: ⌈share · length⌉, at least one if there are any. int [B].
    Raises ValueError unless 0 < share ≤ 1."""
    check_number("share", share, above=0, most=1)
    length = real.sum(1)
    return (length * share - 1e-6).ceil().long().clamp(min=1).minimum(length)


def random_mask(real: Tensor, share: float, *, generator: Generator | None = None) -> Tensor:
    """Uniformly random ⌈share · length⌉ words of each text, at least one (paper §A.6). float32 [B, T]."""
    noise = torch.rand(real.shape, generator=generator, device=real.device)
    return top_k(noise, real, share)


def random_words(real: Tensor, count: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Uniformly random words, ``count`` [B] of each text or all if it has fewer. float32 [B, T]."""
    noise = torch.rand(real.shape, generator=generator, device=real.device)
    return ((_rank(noise, real) < count[:, None]) & real).to(noise)


def closed_up(kept: Tensor) -> tuple[Tensor, Tensor]:
    """How the kept words (bool [B, T]) close up to the left, in order: the position from which each position takes its
    word, int [B, T], a permutation; and the positions that then hold a word, bool [B, T]."""
    order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
    return order, torch.arange(kept.shape[1], device=kept.device) < kept.sum(1, keepdim=True)


def omega(mask: Tensor, real: Tensor, alpha: float, lambda1: float, lambda2: float) -> Tensor:
    """Ω of Eq. 4, averaged over the batch: λ1 · | ‖m‖₁/l − α | + λ2 · Σ_t |m_t − m_{t−1}|, both per text.

    Transitions are counted between neighboring words of the text only, so padding costs nothing. A text without words
    costs nothing. Returns a scalar.
    """
    return omega_of_each(mask, real, alpha, lambda1, lambda2).mean()


def omega_of_each(mask: Tensor, real: Tensor, alpha: float, lambda1: float, lambda2: float) -> Tensor:
    """Ω of each text, before :func:`omega` averages it. float [B]."""
    length = real.sum(1)
    share = mask.sum(1) / length.clamp(min=1)
    sparsity = (share - alpha).abs() * (length > 0)
    return lambda1 * sparsity + lambda2 * transitions(mask, real)


def transitions(mask: Tensor, real: Tensor) -> Tensor:
    """Σ_t |m_t − m_{t−1}| of each text, over neighboring words of it. float [B]."""
    return ((mask[:, 1:] - mask[:, :-1]).abs() * (real[:, 1:] & real[:, :-1])).sum(1)


def omega_released(mask: Tensor, real: Tensor, alpha: float, lambda1: float, lambda2: float) -> Tensor:
    """Ω as the released code computes it: one share for the whole batch, the mean transition over all B·(T−1) places.

    With T = 256 the released λ2 = 12 is 12/255 ≈ 0.047 a transition in :func:`omega`'s terms. Returns a scalar.
    """
    share = mask.sum() / real.sum().clamp(min=1)
    steps = (mask[:, 1:] - mask[:, :-1]).abs()
    return lambda1 * (share - alpha).abs() + lambda2 * steps.sum() / max(steps.numel(), 1)


def perturb(mask: Tensor, real: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Vicinal perturbation, Eq. 8: each selected word is dropped with probability p; as many unselected words, chosen
    uniformly from the same text, are shown instead.

    The value is the perturbed mask, the gradient that of ``mask``. Every text keeps its number of selected words as
    long as it has enough unselected ones; otherwise all unselected words are added (a text with everything selected
    only loses words; one with nothing selected, or without words, does not change). p = 0 is the identity
    and draws no noise. Raises ValueError unless 0 ≤ p ≤ 1.
    """
    if p == 0:
        return mask
    selected, dropped = _drop(mask, real, p, generator)
    return _replace(mask, real & ~selected, dropped, dropped.sum(1), generator)


def perturb_released(mask: Tensor, real: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """The perturbation of the released code: one count for the whole batch, the floor of the mean number of drops and
    never below one, added to every text, or to none if any text has no unselected word left.

    So a text's rationale size is not preserved, and p → 0 does not approach RNP: only p = 0 itself is the identity.
    (The released code may also draw already selected words when a text has too few unselected ones; this doesn't.)
    """
    if p == 0:
        return mask
    selected, dropped = _drop(mask, real, p, generator)
    candidates = real & ~selected
    count = (dropped.sum() // max(len(mask), 1)).clamp(min=1) * candidates.any(1).all()
    return _replace(mask, candidates, dropped, count.expand(len(mask)), generator)


def drop_only(mask: Tensor, real: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Half of Eq. 8: each selected word is hidden with probability p, and nothing is shown instead.

    Value and gradient as in :func:`perturb`. Raises ValueError unless 0 ≤ p ≤ 1.
    """
    selected, dropped = _drop(mask, real, p, generator)
    return straight_through((selected & ~dropped).to(mask), mask)


def add_only(mask: Tensor, real: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """The other half of Eq. 8: as many unselected words are shown as Eq. 8 would drop, and nothing is hidden.

    Value and gradient as in :func:`perturb`. Raises ValueError unless 0 ≤ p ≤ 1.
    """
    selected, dropped = _drop(mask, real, p, generator)
    return _replace(mask, real & ~selected, torch.zeros_like(selected), dropped.sum(1), generator)


def add_one(mask: Tensor, real: Tensor, *, generator: Generator | None = None) -> Tensor:
    """One uniformly chosen unselected word is shown in every text that has one: the least that
    :func:`perturb_released` does, however small p is. Value and gradient as in :func:`perturb`.
    """
    selected = (mask.detach() > 0.5) & real
    return _replace(mask, real & ~selected, torch.zeros_like(selected), torch.ones_like(mask[:, 0]), generator)


def non_overlap(first: Tensor, second: Tensor) -> Tensor:
    """‖m¹ − m²‖₁ / (‖m¹‖₁ + ‖m²‖₁) of each text (Eq. 7): 0 the same words, 1 none in common. float [B].

    Two empty masks do not differ: 0. The paper averages this over a batch.
    """
    return (first - second).abs().sum(1) / (first.sum(1) + second.sum(1)).clamp(min=1)


def expected_non_overlap(first: Tensor, second: Tensor) -> Tensor:
    """The expected :func:`non_overlap`, as a ratio of expectations, of masks drawn by two selectors. float [B].

    ``first``, ``second``: float [B, T], the probability with which each word is selected, 0 where it may not be.
    Independent draws differ at a word with probability a(1 − b) + b(1 − a) = a(1 − a) + b(1 − b) + (a − b)²: the first
    two terms are there even if nothing moved. Two masks of *one* selector have this floor: Σ a(1 − a) / Σ a.
    """
    return _per_selected(first * (1 - second) + second * (1 - first), first, second)


def expected_movement(first: Tensor, second: Tensor) -> Tensor:
    """The part of :func:`expected_non_overlap` that comes from the selector's movement: Σ (a − b)² / Σ (a + b)."""
    return _per_selected((first - second).square(), first, second)


def _per_selected(differ: Tensor, first: Tensor, second: Tensor) -> Tensor:
    total = (first + second).sum(1)
    return differ.sum(1) / total.clamp(min=torch.finfo(total.dtype).tiny)


def _drop(mask: Tensor, real: Tensor, p: float, generator: Generator | None) -> tuple[Tensor, Tensor]:
    check_number("p", p, least=0, most=1)
    selected = (mask.detach() > 0.5) & real
    noise = torch.rand(mask.shape, generator=generator, device=mask.device)
    return selected, selected & (noise < p)


def _replace(mask: Tensor, candidates: Tensor, dropped: Tensor, count: Tensor, generator: Generator | None) -> Tensor:
    noise = torch.rand(mask.shape, generator=generator, device=mask.device)
    added = candidates & (_rank(noise, candidates) < count[:, None])
    kept = mask.detach().bool() & ~dropped
    return straight_through((kept | added).to(mask), mask)


def _rank(scores: Tensor, candidates: Tensor) -> Tensor:
    """Place of every candidate among its text's candidates by falling score, 0 the best; the others come after."""
    order = scores.masked_fill(~candidates, -torch.inf).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)
