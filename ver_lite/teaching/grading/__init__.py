"""Mark a class whose submissions nobody has looked at: `ver-lite grade`.

What marking is made of, from the file that a student hands in to the mark:

    collect      whose file is it?                     submission   one notebook, read and never trusted
    sandbox      the box                               kernel       a student's kernel in it
    inside       what runs in the box                  wire         values that go in and out: JSON, never pickle
    run          papermill's walk through the clean copy            answers   stand-ins for the student's functions
    mark         the tests, in this process            one          one student, one process
    classroom    the class, in parallel                record       run.jsonl, signed line by line
    gradebook    tables and picture                    feedback     the page for the student

**Whom to trust.** A submission is hostile until shown otherwise. Its code runs in the box alone, and tests never run
there: they run in the marker, and ask the box for values. So all that a submission can send is an answer. Forging an
answer is answering.

**What the box protects.** With bubblewrap: the masters and hidden tests, other people's work, the marks, your files and
your network cannot be seen; nothing on the disk can be written; other processes cannot be seen or signaled; time,
memory, processes, file sizes, space and output are bounded; nothing outlives the marking of its student. Without
bubblewrap only the bounds hold, and `ver-lite grade` says so.

**What only a container or a machine of its own does.** The kernel of the operating system is shared: a hole in it is a
hole in the box. Time is taken from the same cores, so one submission can slow down another. Memory is bounded by
looking four times a second, so a burst can be larger for a moment. `book/marking.md` has a recipe for a container.
"""

from __future__ import annotations

import sys


def quick_imports() -> None:
    """For a process of ours, before nbformat: leave out a grammar of web addresses that no notebook needs.

    It would take two of the three seconds of nbformat's import (jsonschema then skips that one check by itself).
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
