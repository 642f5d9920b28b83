"""A bidirectional GRU for CPUs, with the states and gradients of ``nn.GRU`` in less than half the time.

Three things make it fast. A word is multiplied by the input weights once a batch, however often it occurs; its places
only look the product up. The backward pass is written out: a handful of operations a step, in memory that is already
there. The two directions run on two threads, and their steps run outside Python's interpreter, because threads would
wait for its lock.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def _outside_the_interpreter(function: Callable) -> Callable:
    """``function`` compiled by TorchScript. Its operations are so small that threads which run them from Python spend
    more time waiting for the interpreter's lock. Without TorchScript (it is deprecated) this returns the function
    itself, which gives the same numbers more slowly."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.script(function)
    except (AttributeError, OSError, RuntimeError):
        return function


def bidirectional(words: Tensor, rows: Tensor, shown: Tensor | None, real: Tensor | None, *weights: Tensor) -> Tensor:
    """States float [B, T, 2h] of a forward and a backward GRU that start at zero.

    ``words`` float [U, D], the distinct word vectors; ``rows`` int [B, T], which of them is at each place; ``shown``
    float [B, T], what each is multiplied by (None: one). ``real`` bool [B, T], true as far as a text goes: there the
    backward direction begins, and states beyond mean nothing (None: to the end of the row). ``weights``: the four of
    ``nn.GRU``, forward, then backward: [3h, D], [3h, h], [3h], [3h].
    """
    with torch.autocast("cpu", enabled=False):
        products = [words @ weights[i].T for i in (0, 4)]
        return _Bidirectional.apply(*products, shown, *weights[1:4], *weights[5:8], rows, real)


class _Direction(NamedTuple):
    """The inputs of one direction: the words' products [U, 3h], its weights, and where it waits for its text."""

    product: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor
    real: Tensor | None  # bool [B, T]; None: it waits nowhere
    backward: bool


class _Bidirectional(torch.autograd.Function):
    """Gradients for: the two products [U, 3h], shown, and W_hh, b_ih, b_hh of each direction."""

    @staticmethod
    def forward(ctx, ahead, back, shown, *rest):
        *weights, rows, real = rest
        (batch, width), hidden, keep = rows.shape, weights[0].shape[1], any(ctx.needs_input_grad)
        directions = _directions(ahead, back, weights, real)
        states = ahead.new_empty(width + 2, batch, 2 * hidden)
        states[0] = states[-1] = 0  # where either direction begins
        slots = _slots(ahead, width if keep else 1, batch)
        _on_two_threads(lambda k: _run(directions[k], rows, shown, states.chunk(2, 2)[k], slots[k]))
        if keep:
            ctx.save_for_backward(ahead, back, shown, *rest, states)
            ctx.slots = slots
        return states[1:-1].transpose(0, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        ahead, back, shown, *weights, rows, real, states = ctx.saved_tensors
        directions, states = _directions(ahead, back, weights, real), states.chunk(2, 2)
        slots, ctx.slots = ctx.slots, None
        if slots is None:  # a second backward pass: the first has used them up
            slots = _slots(ahead, *rows.T.shape)
            _on_two_threads(lambda k: _run(directions[k], rows, shown, states[k].clone(), slots[k]))
        arriving, needs = grad.transpose(0, 1).chunk(2, 2), ctx.needs_input_grad

        def one(k: int) -> tuple[Tensor | None, ...]:
            return _run_back(directions[k], rows, shown, arriving[k], states[k], slots[k], needs[k], needs[2])

        (of_ahead, shown_ahead, *w_ahead), (of_back, shown_back, *w_back) = _on_two_threads(one)
        of_shown = shown_ahead + shown_back if needs[2] else None
        return of_ahead, of_back, of_shown, *w_ahead, *w_back, None, None


def _directions(
    ahead: Tensor, back: Tensor, weights: list[Tensor], real: Tensor | None
) -> tuple[_Direction, _Direction]:
    return _Direction(ahead, *weights[:3], None, False), _Direction(back, *weights[3:], real, True)


# A place's four slots, each of h numbers: hidden part of n | r | z | n. The recurrent product fills the first three,
# the looked-up word the last three, so that each is one block. In the order of nn.GRU the gates are r, z, n.


def _slots(product: Tensor, count: int, batch: int) -> list[Tensor]:
    """New slots for both directions, [count, B, 4h] each. The thread that trains allocates them, because memory that
    other threads allocate goes back to the system when it is freed (see ``tuning.memory_kept``)."""
    return [product.new_empty(count, batch, product.shape[1] // 3 * 4) for _ in range(2)]


def _run(d: _Direction, rows: Tensor, shown: Tensor | None, states: Tensor, slots: Tensor) -> None:
    """All steps of one direction: fill ``states`` [T + 2, B, h] but its ends, and ``slots`` [T or 1, B, 4h]."""
    product, rows = _looked_up(d.product, rows, shown)
    if d.real is not None:
        rows = torch.where(d.real, rows, len(product) + 1)
    weights = _n_first(d.w_hh).T.contiguous()
    _steps(_table(d, product), rows.T.contiguous(), weights, states, slots, d.backward)


@_outside_the_interpreter
def _steps(table: Tensor, read: Tensor, weights: Tensor, states: Tensor, slots: Tensor, backward: bool) -> None:
    """Fill ``states``, whose entry t + 1 is the state after place t, and ``slots``. If there are slots for one place
    only, every step uses them."""
    hidden = states.shape[2]
    minus = torch.full([], -1.0, dtype=states.dtype)
    rows, state, places = read.unbind(0), states.unbind(0), slots.unbind(0)
    recurrent, gates = slots[..., : 3 * hidden].unbind(0), slots[..., hidden : 3 * hidden].unbind(0)
    g, r, z, n = [part.unbind(0) for part in slots.chunk(4, 2)]
    for step in range(len(rows)):
        t = len(rows) - 1 - step if backward else step
        before = state[t + 2] if backward else state[t]
        k = t % len(places)
        torch.index_select(table, 0, rows[t], out=places[k])
        recurrent[k].addmm_(before, weights)
        gates[k].sigmoid_()
        n[k].addcmul_(r[k], g[k], value=2.0).sigmoid_()
        torch.add(minus, n[k], alpha=2.0, out=n[k])
        torch.lerp(n[k], before, z[k], out=state[t + 1])


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
    """The slots as they are before the recurrent product, [U + 2, 4h]. The last two rows are for a place without a word
    and for one to wait at, where z is 1, so that the state stays. The slot of n is doubled, because tanh x = 2σ(2x) − 1
    and σ is faster."""
    hidden = len(d.b_hh) // 3
    table = product.new_empty(len(product) + 2, 4 * hidden)
    table[:-2, hidden:] = product
    table[-2:, hidden:] = 0
    table[:, :hidden] = d.b_hh[2 * hidden :]
    table[:, hidden:] += d.b_ih
    table[:, hidden : 3 * hidden] += d.b_hh[: 2 * hidden]
    table[:, 3 * hidden :] *= 2
    table[-1, 2 * hidden : 3 * hidden] = 1e4  # σ of this is 1 to the last digit
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

    The gradients of the slots, before their nonlinearities, overwrite the slots, so what :func:`_run` kept is used up.
    Sums over places are added up while a step's numbers are at hand, because fetching them again takes longer.
    """
    (batch, width), hidden = rows.shape, states.shape[-1]
    weights, read = _n_first(d.w_hh), rows.T.contiguous()
    of_weights, of_constants = torch.zeros_like(weights), states.new_zeros(4 * hidden)
    of_place = states.new_empty(width, batch) if of_shown else None
    _steps_back(d.product, read, weights, arriving, states, slots, of_weights, of_constants, of_place, d.backward)
    weight = None if shown is None else shown.T.flatten()
    by_word = _by_word(slots.flatten(0, 1), read.flatten(), weight, len(d.product))[:, hidden:] if of_words else None
    of_biases = of_constants[hidden:], _n_last(of_constants[: 3 * hidden])
    return by_word, None if of_place is None else of_place.T, _n_last(of_weights), *of_biases


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
    backward: bool,
) -> None:
    """All steps from the last to the first: overwrite ``slots``, add to ``of_weights`` and ``of_constants``, fill
    ``of_place``."""
    hidden = states.shape[2]
    ones, word = torch.ones_like(states[0, :, 0]), torch.empty_like(slots[0, :, hidden:])
    d_h, kept = slots.new_zeros(2, slots.shape[1], hidden).unbind(0)
    d_gates = torch.empty_like(slots[0, :, : 2 * hidden])
    d_r, d_z = d_gates.chunk(2, 1)
    rows, state, d_state, places = read.unbind(0), states.unbind(0), arriving.unbind(0), slots.unbind(0)
    recurrent, gates = slots[..., : 3 * hidden].unbind(0), slots[..., hidden : 3 * hidden].unbind(0)
    g, r, z, n = [part.unbind(0) for part in slots.chunk(4, 2)]
    for step in range(len(rows)):
        t = step if backward else len(rows) - 1 - step
        before = state[t + 2] if backward else state[t]
        d_h.add_(d_state[t])
        torch.sub(before, n[t], out=d_z)
        d_z.mul_(d_h)
        torch.mul(d_h, z[t], out=kept)
        d_h.sub_(kept)
        torch.ops.aten.tanh_backward(d_h, n[t], grad_input=n[t])
        torch.mul(n[t], g[t], out=d_r)
        torch.mul(n[t], r[t], out=g[t])
        torch.ops.aten.sigmoid_backward(d_gates, gates[t], grad_input=gates[t])
        kept.addmm_(recurrent[t], weights)
        of_weights.addmm_(recurrent[t].T, before)
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


def _on_two_threads(work: Callable[[int], Any]) -> list[Any]:
    """``work(0)`` and ``work(1)``, at once where torch may use two threads."""
    if torch.get_num_threads() < 2:
        return [work(0), work(1)]

    def alone(k: int) -> Any:
        with torch.no_grad():  # every thread has a mode of its own
            return work(k)

    return list(_threads().map(alone, (0, 1)))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "gru", initializer=torch.set_num_threads, initargs=(1,))
