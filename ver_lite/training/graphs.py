"""One training step as a CUDA graph: recorded once for every size and width of batch, then replayed by a single call.

A step of a GRU game is thousands of small kernels, and starting them one by one takes longer than running them. Where
there is no CUDA device, a batch is simply played.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ver_lite.corpora.core import Batch, Split


class Replayed:
    """Calls ``step(batch)`` for rows of ``split``; on a CUDA device it records the step and replays it.

    The first batch of a size and width is played as it is, the second is recorded and replayed, all others are
    replayed. So ``step`` must not read the device, must draw from ``generator`` alone, and must change lasting tensors
    in place. Widths are rounded up to multiples of ``rounding``, which gives fewer graphs and more padding. (1: batches
    are as wide as their longest text.) No batch is narrower than ``least`` places. If ``records`` is False, or if a
    step cannot be recorded (a warning says why), the same batches are played.
    """

    def __init__(
        self, split: Split, step: Callable[[Batch], None], generator: Generator, rounding: int = 16, least: int = 1
    ):
        self.split, self.step, self.generator, self.rounding, self.least = split, step, generator, rounding, least
        self.device = split.tokens.device
        self.records = self.device.type == "cuda"
        self.lengths, self.queries = split.lengths.to(self.device), split.query_lengths.to(self.device)
        self.recorded: dict[tuple[int, int], tuple[Tensor, torch.cuda.CUDAGraph | None]] = {}
        self.pool = None

    def __call__(self, rows: Tensor) -> None:
        if self.device.type != "cuda":
            self.step(self.split.batch(rows, self.least))
            return
        size = len(rows), self.width(rows)
        if not self.records or size not in self.recorded:
            at = rows.to(self.device)
            self.step(self.batch(at, size[1]))
            self.recorded[size] = at, None
            return
        at, graph = self.recorded[size]
        at.copy_(rows.pin_memory(), non_blocking=True)
        if graph is None:
            graph = self._record(at, size)
        if graph is None:
            self.step(self.batch(at, size[1]))
        else:
            graph.replay()

    def width(self, rows: Tensor) -> int:
        """The length in words of the longest text of ``rows`` (int64, on the CPU), rounded up, at least ``least``."""
        longest = max(int(self.split.lengths[rows].max()), 1)
        rounded = min(-(-longest // self.rounding) * self.rounding, max(self.split.tokens.shape[1], longest))
        return max(rounded, self.least)

    def batch(self, at: Tensor, width: int) -> Batch:
        """The batch that ``split.batch`` gives, padded to ``width``, from rows that are on the device."""
        return self.split.gather(at, self.lengths[at], self.queries[at], width)

    def _record(self, at: Tensor, size: tuple[int, int]) -> torch.cuda.CUDAGraph | None:
        stream = torch.cuda.current_stream(self.device)
        try:
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self.generator)
            with torch.cuda.graph(graph, pool=self.pool, stream=stream, capture_error_mode="thread_local"):
                self.step(self.batch(at, size[1]))
        except RuntimeError as error:
            warnings.warn(f"no CUDA graphs for this game, which is slower: {error}", stacklevel=2)
            self.records = False
            return None
        self.pool = self.pool or graph.pool()
        self.recorded[size] = at, graph
        return graph
