"""The floor: how many operations an epoch needs, and how fast this machine multiplies matrices.

The count includes the multiply-adds of the matrix products and nothing else: no gates, norms, pooling, masks or
optimizer. One multiply-add is two operations.
"""

from __future__ import annotations

import statistics
import time

import torch


def multiply_adds(
    places: int, texts: int, hidden: int = 200, dimension: int = 100, classes: int = 2, lookups: int | None = None
) -> int:
    """The multiply-adds of one epoch of the game with two bidirectional GRUs: forward, backward, both players.

    ``places``: words read, summed over the texts (or words and padding, to count what padded code does). With h =
    ``hidden`` / 2 units and 3h gates a direction, D = ``dimension``, a player's direction takes

    - forward: D · 3h for the input and h · 3h for the recurrent product, at each place;
    - backward, to the weights: the same two again;
    - backward, to the states: h · 3h at each place but a text's first (the state before it is a constant);
    - backward, to the input: D · 3h at each place, in the predictor only. The word vectors are frozen, but the mask
      that multiplies them is not. The selector's input needs no gradient.

    The selector's head takes 3 · 2H at each place and the predictor's 3 · CH at each text (forward, to the states, to
    the weights), H = ``hidden``, C = ``classes``. This is what torch does with two ``nn.GRU``.

    ``lookups``: the same gradients can be had for less. The input products are those of frozen vectors, so each
    distinct word of a batch can be multiplied once, forward and for the weights' gradient: ``lookups`` is the number of
    distinct words, summed over the batches. The mask's gradient is then an inner product of 3h numbers at each place.
    """
    gates = 3 * hidden // 2
    recurrent = hidden // 2 * gates * (3 * places - texts)
    if lookups is None:
        selector, predictor = 2 * dimension * gates * places, 3 * dimension * gates * places
    else:
        selector = 2 * dimension * gates * lookups
        predictor = selector + gates * places
    heads = 3 * hidden * (2 * places + classes * texts)
    return 2 * (2 * recurrent + selector + predictor) + heads


def product_rate(rows: int = 2048, inner: int = 2048, columns: int = 2048, seconds: float = 0.3) -> float:
    """Operations a second of a float32 matrix product [rows, inner] · [inner, columns], with torch's number of threads.

    The time is the median of the products that fit into ``seconds``, at least three.
    """
    first, second = torch.randn(rows, inner), torch.randn(inner, columns)
    out = first @ second
    took: list[float] = []
    while len(took) < 3 or sum(took) < seconds:
        began = time.perf_counter()
        torch.mm(first, second, out=out)
        took.append(time.perf_counter() - began)
    return 2 * rows * inner * columns / statistics.median(took)
