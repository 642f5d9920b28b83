"""What a teacher calls: write, check, release and mark assignments.

The files::

    assignments   read a master into questions; make the student's copy; find masters and say where copies go
    master        the rules that a master obeys, and how a cell of it becomes a student's
    skeleton      `ver-lite assign new`: a small master that is in order from the start
    trial         try a master: its solutions must pass, empty answers and usual mistakes must not
    commands      the commands `ver-lite assign` and `ver-lite grade`
    grading/      mark a class whose submissions nobody has looked at
"""
