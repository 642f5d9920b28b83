"""A bidirectional GRU for a CPU: what it computes is ``nn.GRU``'s, forward and backward, in about half the time.

Three things make it fast. A word is multiplied by the input weights once a batch, however often it occurs; its places
only look the product up. The backward pass is written out: a handful of operations a step, in memory that is already
there. The two directions run on two threads, their steps outside Python's interpreter, for which threads would wait.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def _outside_the_interpreter(function: Callable) -> Callable:
    """``function`` compiled by TorchScript. Its operations are small: threads that run them from Python spend more time
    waiting for the interpreter's lock. Where TorchScript is gone (it is deprecated), the function itself: the same
    numbers, slower."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.script(function)
    except (AttributeError, OSError, RuntimeError):
        return function


def bidirectional(words: Tensor, rows: Tensor, shown: Tensor | None, turned: Tensor, *weights: Tensor) -> Tensor:
    """States float [B, T, 2h] of a forward and a backward GRU that start at zero.

    ``words`` float [U, D], the distinct word vectors; ``rows`` int [B, T], which of them stands at a place; ``shown``
    float [B, T], what each is multiplied by (None: one). ``turned`` int [B, T], the place that the backward direction
    reads at its t-th step; it must be its own inverse. ``weights``: the four of ``nn.GRU``, forward, then backward:
    [3h, D], [3h, h], [3h], [3h].
    """
    with torch.autocast("cpu", enabled=False):
        products = [words @ weights[i].T for i in (0, 4)]
        return _Bidirectional.apply(*products, shown, *weights[1:4], *weights[5:8], rows, turned)


class _Direction(NamedTuple):
    """What one direction reads, and how: the words' products [U, 3h], its weights, the place it reads at step t."""

    product: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor
    order: Tensor  # int [B, T]


class _Bidirectional(torch.autograd.Function):
    """Gradients for: the two products [U, 3h], shown, and W_hh, b_ih, b_hh of each direction."""

    @staticmethod
    def forward(ctx, ahead, back, shown, *rest):
        *weights, rows, turned = rest
        (batch, width), keep = rows.shape, any(ctx.needs_input_grad)
        directions = _directions(ahead, back, weights, turned)
        ran = _on_two_threads(lambda k: _run(directions[k], rows, shown, keep))
        if keep:
            ctx.save_for_backward(ahead, back, shown, *rest, *(states for states, _ in ran))
            ctx.slots = [slots for _, slots in ran]
        first = torch.arange(batch)[:, None]
        places = [((d.order + 1) * batch + first).flatten() for d in directions]
        ordered = [states.flatten(0, 1).index_select(0, at) for (states, _), at in zip(ran, places, strict=True)]
        return torch.cat(ordered, 1).view(batch, width, -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        ahead, back, shown, *weights, rows, turned, states_ahead, states_back = ctx.saved_tensors
        directions, states = _directions(ahead, back, weights, turned), (states_ahead, states_back)
        slots, ctx.slots = ctx.slots, None
        if slots is None:  # a second backward pass: the first has used them up
            slots = [kept for _, kept in _on_two_threads(lambda k: _run(directions[k], rows, shown, True))]
        arriving, needs = grad.chunk(2, -1), ctx.needs_input_grad

        def one(k: int) -> tuple[Tensor | None, ...]:
            return _run_back(directions[k], rows, shown, arriving[k], states[k], slots[k], needs[k], needs[2])

        (of_ahead, shown_ahead, *w_ahead), (of_back, shown_back, *w_back) = _on_two_threads(one)
        of_shown = shown_ahead + shown_back if needs[2] else None
        return of_ahead, of_back, of_shown, *w_ahead, *w_back, None, None


def _directions(ahead: Tensor, back: Tensor, weights: list[Tensor], turned: Tensor) -> tuple[_Direction, _Direction]:
    forward = torch.arange(turned.shape[1]).expand_as(turned)
    return _Direction(ahead, *weights[:3], forward), _Direction(back, *weights[3:], turned)


# A place's four slots, each of h numbers: hidden part of n | r | z | n. The recurrent product fills the first three,
# the looked-up word the last three, so that each is one block. In the order of nn.GRU the gates are r, z, n.


def _run(d: _Direction, rows: Tensor, shown: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None]:
    """All steps of one direction: states [T + 1, B, h], the first zero, and (``keep``) the slots [T, B, 4h]."""
    (batch, width), hidden = rows.shape, d.w_hh.shape[1]
    product, rows = _looked_up(d.product, rows, shown)
    table = _table(d, product)
    weights = _n_first(d.w_hh).T.contiguous()
    states = table.new_empty(width + 1, batch, hidden)
    states[0] = 0
    slots = table.new_empty(width if keep else 1, batch, 4 * hidden)
    _steps(table, rows.gather(1, d.order).T.contiguous(), weights, states, slots)
    return states, slots if keep else None


@_outside_the_interpreter
def _steps(table: Tensor, read: Tensor, weights: Tensor, states: Tensor, slots: Tensor) -> None:
    """Fill ``states`` from the second on, and ``slots``; where there is one place for them, each step takes it."""
    hidden = states.shape[2]
    minus = torch.full([], -1.0, dtype=states.dtype)
    rows, state, places = read.unbind(0), states.unbind(0), slots.unbind(0)
    recurrent, gates = slots[..., : 3 * hidden].unbind(0), slots[..., hidden : 3 * hidden].unbind(0)
    g, r, z, n = [part.unbind(0) for part in slots.chunk(4, 2)]
    for t in range(len(rows)):
        k = t % len(places)
        torch.index_select(table, 0, rows[t], out=places[k])
        recurrent[k].addmm_(state[t], weights)
        gates[k].sigmoid_()
        n[k].addcmul_(r[k], g[k], value=2.0).sigmoid_()
        torch.add(minus, n[k], alpha=2.0, out=n[k])
        torch.lerp(n[k], state[t], z[k], out=state[t + 1])


def _looked_up(product: Tensor, rows: Tensor, shown: Tensor | None) -> tuple[Tensor, Tensor]:
    """The products to look up, and which row at each place; row U is no word. A mask that is not 0 or 1 makes every
    place a word of its own."""
    if shown is None:
        return product, rows
    visible = shown != 0
    if bool((visible & (shown != 1)).any()):
        return (product[rows] * shown[..., None]).flatten(0, 1), torch.arange(rows.numel()).view(rows.shape)
    return product, torch.where(visible, rows, len(product))


def _table(d: _Direction, product: Tensor) -> Tensor:
    """The slots as they are before the recurrent product, [U + 1, 4h], the last row for a place without a word. The
    slot of n is doubled, because tanh x = 2σ(2x) − 1 and σ is the faster one."""
    hidden = len(d.b_hh) // 3
    table = product.new_empty(len(product) + 1, 4 * hidden)
    table[:-1, hidden:] = product
    table[-1, hidden:] = 0
    table[:, :hidden] = d.b_hh[2 * hidden :]
    table[:, hidden:] += d.b_ih
    table[:, hidden : 3 * hidden] += d.b_hh[: 2 * hidden]
    table[:, 3 * hidden :] *= 2
    return table


def _run_back(
    d: _Direction,
    rows: Tensor,
    shown: Tensor | None,
    arriving: Tensor,
    states: Tensor,
    slots: Tensor,
    of_words: bool,
    of_shown: bool,
) -> tuple[Tensor | None, ...]:
    """Gradients of the products [U, 3h], of shown [B, T], of W_hh, b_ih and b_hh, from those of the states [B, T, h].

    The gradients of the slots, before their nonlinearities, take the slots' place: what :func:`_run` kept is used up.
    What is summed over places is summed while a step's numbers are at hand: fetching them again takes longer.
    """
    (batch, width), hidden = rows.shape, states.shape[-1]
    places = (torch.arange(batch) * width + d.order.T).flatten()
    arriving = arriving.reshape(-1, hidden).index_select(0, places).view(width, batch, hidden)
    weights, read = _n_first(d.w_hh), rows.gather(1, d.order).T.contiguous()
    of_weights, of_constants = torch.zeros_like(weights), states.new_zeros(4 * hidden)
    of_place = states.new_empty(width, batch) if of_shown else None
    _steps_back(d.product, read, weights, arriving, states, slots, of_weights, of_constants, of_place)
    weight = None if shown is None else shown.gather(1, d.order).T.flatten()
    by_word = _by_word(slots.flatten(0, 1), read.flatten(), weight, len(d.product))[:, hidden:] if of_words else None
    of_biases = of_constants[hidden:], _n_last(of_constants[: 3 * hidden])
    return by_word, None if of_place is None else of_place.T.gather(1, d.order), _n_last(of_weights), *of_biases


@_outside_the_interpreter
def _steps_back(
    product: Tensor,
    read: Tensor,
    weights: Tensor,
    arriving: Tensor,
    states: Tensor,
    slots: Tensor,
    of_weights: Tensor,
    of_constants: Tensor,
    of_place: Tensor | None,
) -> None:
    """All steps from the last to the first: overwrite ``slots``, add to ``of_weights`` and ``of_constants``, fill
    ``of_place``."""
    hidden = states.shape[2]
    ones, word = torch.ones_like(states[0, :, 0]), torch.empty_like(slots[0, :, hidden:])
    d_h, kept = torch.zeros_like(states[0]), torch.empty_like(states[0])
    d_gates = torch.empty_like(slots[0, :, : 2 * hidden])
    d_r, d_z = d_gates.chunk(2, 1)
    rows, state, d_state, places = read.unbind(0), states.unbind(0), arriving.unbind(0), slots.unbind(0)
    recurrent, gates = slots[..., : 3 * hidden].unbind(0), slots[..., hidden : 3 * hidden].unbind(0)
    g, r, z, n = [part.unbind(0) for part in slots.chunk(4, 2)]
    for step in range(len(rows)):
        t = len(rows) - 1 - step
        d_h.add_(d_state[t])
        torch.sub(state[t], n[t], out=d_z)
        d_z.mul_(d_h)
        torch.mul(d_h, z[t], out=kept)
        d_h.sub_(kept)
        torch.ops.aten.tanh_backward(d_h, n[t], grad_input=n[t])
        torch.mul(n[t], g[t], out=d_r)
        torch.mul(n[t], r[t], out=g[t])
        torch.ops.aten.sigmoid_backward(d_gates, gates[t], grad_input=gates[t])
        kept.addmm_(recurrent[t], weights)
        of_weights.addmm_(recurrent[t].T, state[t])
        of_constants.addmv_(places[t].T, ones)
        if of_place is not None:
            torch.index_select(product, 0, rows[t], out=word)
            torch.linalg.vecdot(places[t][:, hidden:], word, out=of_place[t])
        d_h, kept = kept, d_h


def _by_word(found: Tensor, rows: Tensor, weight: Tensor | None, words: int) -> Tensor:
    """The weighted sum of those rows of ``found`` [T · B, ...] at which each word stands: [U, ...]."""
    order = torch.argsort(rows)
    if weight is not None:
        order = order[weight[order] != 0]
    ends = torch.bincount(rows[order], minlength=words).cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    values = None if weight is None else weight[order]
    return F.embedding_bag(order, found, starts, mode="sum", per_sample_weights=values)


def _n_first(gates: Tensor) -> Tensor:
    """From the order of nn.GRU, r, z, n, to that of the slots, n, r, z."""
    third = len(gates) // 3
    return torch.cat([gates[2 * third :], gates[: 2 * third]])


def _n_last(gates: Tensor) -> Tensor:
    """The inverse of :func:`_n_first`."""
    third = len(gates) // 3
    return torch.cat([gates[third:], gates[:third]])


def _on_two_threads(work: Callable[[int], tuple]) -> list[tuple]:
    """``work(0)`` and ``work(1)``, at once where torch may use two threads."""
    if torch.get_num_threads() < 2:
        return [work(0), work(1)]

    def alone(k: int) -> tuple:
        with torch.no_grad():  # every thread has a mode of its own
            return work(k)

    return list(_threads().map(alone, (0, 1)))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "gru", initializer=torch.set_num_threads, initargs=(1,))
