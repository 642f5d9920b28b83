"""Stopping a training from within, as a person or a scheduler would."""

import os

from ver_lite.methods import RNP


def stop_at(monkeypatch, step: int, number: int, method=RNP) -> list:
    """From now on the ``step``-th call of the method's ``play`` sends this process the signal ``number``. Returns the
    list that every call makes longer."""
    calls, real = [], method.play

    def play(self, batch):
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), number)
        yield from real(self, batch)

    monkeypatch.setattr(method, "play", play)
    return calls
