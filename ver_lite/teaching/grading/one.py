"""The trusted process that marks one student: a job in JSON on stdin, the mark in JSON on stdout.

Each student has a process of its own, so a failure touches nobody else. The process ends when the one that started it
ends, and its kernels end with it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from ver_lite.teaching.grading import quick_imports

quick_imports()

READING = 60.0  # seconds for reading one submission
MEMORY = 12 * 2**30  # bytes that this process may ask for


def main() -> None:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    job = json.loads(sys.stdin.read())
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # only the mark may go to standard output
    json.dump(done(job), channel)
    channel.close()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


def done(job: dict[str, Any]) -> dict[str, Any]:
    """The mark of a job. A job has the master and the released copy as text, the submission's bytes, the student's
    numbers and the limits."""
    import nbformat

    from ver_lite.course.questions import OwnNumbers
    from ver_lite.teaching import assignments
    from ver_lite.teaching.grading import submission
    from ver_lite.teaching.grading.kernel import adopt_orphans
    from ver_lite.teaching.grading.mark import mark
    from ver_lite.teaching.grading.sandbox import Limits
    from ver_lite.teaching.grading.world import bounded

    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.ipynb"
        path.write_text(job["master"], "utf-8")
        assignment = assignments.read(path)
    assignment.__dict__["copy"] = nbformat.reads(job["copy"], as_version=4)
    numbers = OwnNumbers(*job["numbers"])
    data = base64.b64decode(job["data"])
    if job["problem"]:
        handed_in = submission.unreadable(job["student"], job["place"], data, job["problem"])
    else:
        with bounded(READING):
            handed_in = submission.read(job["student"], job["place"], data, assignment, numbers)
    only = None if job["only"] is None else set(job["only"])
    adopt_orphans()
    result = mark(assignment, handed_in, numbers, Limits(**job["limits"]), only, job["boxed"])
    texts = {q.name: handed_in.answers.get(q.name, "")[:20_000] for q in assignment.questions}
    return result.as_dict() | {"answers": texts, "problem": handed_in.problem}


if __name__ == "__main__":
    main()
