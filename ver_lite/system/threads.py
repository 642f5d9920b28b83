"""How long torch's threads wait for work: decided before torch is imported, because it asks only once."""

from __future__ import annotations

import os

#: A thread of torch's that has nothing to do looks for work for some milliseconds before it sleeps, and holds a core
#: that the two threads of our GRU (gru.py) wait for. libgomp's default is ten times this.
VARIABLE, TURNS = "GOMP_SPINCOUNT", "30000"


def wait_briefly() -> None:
    """Let torch's threads wait for work as said above, where torch is not imported yet and the user has not said how
    long (``OMP_WAIT_POLICY``, ``GOMP_SPINCOUNT``)."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(VARIABLE, TURNS)


def not_ours() -> dict[str, None]:
    """What a process that should wait as usual does not inherit; what the user said, it does."""
    return {VARIABLE: None} if os.environ.get(VARIABLE) == TURNS else {}
