"""The argument at the paper's size, for a GPU: data/results/argument-paper.{json,md}.

    make results SCALE=paper

Beer-Appearance's counts, lengths and gold share (Table 4), and the settings of the released command: GRU players of
size 200, 100 numbers a word, learning rate 1e-4, batches of 128, 300 epochs, α .125, λ1 11, λ2 12, and texts padded to
256 places and dealt at random, without which λ2 would be another price. All else is the protocol of `argument`: padding
is not selected, an epoch is judged by argmax masks. RNP and VER at p = .3 come first, then the rest of the sweep.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ver_lite.experiments.jobs import Job, Study
from ver_lite.experiments.studies import argument

CORPUS = {"name": "reviews", "size": "paper", "like": "beer-appearance", "world": "rivals"}
GAME = {
    **argument.GAME,
    "encoder": "gru",
    "hidden": 200,
    "dimension": 100,
    "alpha": 0.125,
    "lambda1": 11.0,
    "lambda2": 12.0,
    "learning_rate": 1e-4,
    "batch_size": 128,
    "epochs": 300,
}
PADDED = {"pad_to": 256, "deal": "random"}


def jobs() -> list[Job]:
    """The argument's games without the small GRUs, the most informative first."""
    games = [
        replace(job, corpus=CORPUS, settings={**job.settings, **_paper(job)})
        for job in argument.jobs()
        if job.about["group"] != "gru"
    ]
    return sorted(games, key=_telling)


def _paper(job: Job) -> dict:
    """The settings to change: those of :data:`GAME`, except where the job differs from the argument's common game."""
    own = {name for name, value in job.settings.items() if argument.GAME.get(name) != value}
    changed = {name: value for name, value in GAME.items() if name not in own}
    return {**changed, "protocol": {**job.settings["protocol"], **PADDED}}


def _telling(job: Job) -> int:
    group, variant = job.about["group"], job.about["variant"]
    return 0 if (group, variant) in (("sweep", "0"), ("sweep", "0.3")) else 1 if group == "sweep" else 2


STUDY = Study("argument-paper", jobs, partial(argument.measure, device="auto"), partial(argument.report, jobs=jobs))
