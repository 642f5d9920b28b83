"""Interrupts a training at a chosen step, as a person or a scheduler would."""

import os

from ver_lite.methods import RNP


def stop_at(monkeypatch, step: int, number: int, method=RNP) -> list:
    """Patch the method so that the ``step``-th call of ``play`` sends this process the signal ``number``. Returns a
    list that has one entry for each call so far."""
    calls, real = [], method.play

    def play(self, batch):
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), number)
        yield from real(self, batch)

    monkeypatch.setattr(method, "play", play)
    return calls
