"""Mark a class whose submissions nobody has looked at: `ver-lite grade`.

The files, in the order in which a student's notebook passes through them::

    grade        the command: from a folder of submissions to a folder of marks
    collect      find the files, and say whose each is
    classroom    the class: who handed in what, what is marked already, the rest in parallel
    one          the process that marks one student
    submission   read one notebook; nothing in it is trusted or run
    suspicious   signs in the text of an answer that a teacher should read it
    mark         the marking of one student: public checks, hidden tests, points
    world        the master, run in the marker with the student's numbers
    run          papermill's walk through a clean copy with the student's answers
    kernel       the student's kernel, in the sandbox
    sandbox      the sandbox: bubblewrap, or limits alone
    inside       what runs in the sandbox
    answers      stand-ins, in the marker, for the student's functions
    wire         the values that pass between the two, as JSON, never as pickle
    outputs      what cells printed and showed, as plain text and PNG
    record       run.jsonl, signed line by line
    gradebook    the tables and the picture of the class
    feedback     the page for the student

And to try it all::

    attacks       submissions that want marks for something else than answers
    attack_code   the attacks among them that are code in an answer
    rehearsal     make a class of right, wrong and hostile submissions, mark it, compare

**Whom to trust.** A submission is taken to be hostile. Its code runs in the sandbox alone. Tests never run there: they
run in the marker and ask the sandbox for values. So all that a submission can send is an answer, and a forged answer is
marked as an answer.

**What the sandbox protects.** With bubblewrap, a submission cannot see the masters and hidden tests, other people's
work, the marks, your files and your network. It cannot write on the disk, and it cannot see or signal other processes.
Time, memory, processes, file sizes, space and output are bounded. No process of it outlives the marking of its student.
Without bubblewrap only the bounds hold, and `ver-lite grade` says so.

**What only a container or a machine of its own protects.** The sandbox shares the kernel of the operating system, so a
hole in that kernel is a hole in the sandbox. Submissions share the cores, so one can slow down another. Memory is
looked at four times a second, so a submission can use more than its bound for a moment. `book/marking.md` has a recipe
for a container.
"""

from __future__ import annotations

import sys


def quick_imports() -> None:
    """For a process of ours, before nbformat: leave out a grammar of web addresses that no notebook needs.

    It would take two of the three seconds of nbformat's import (jsonschema then skips that one check by itself).
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
