"""What a teacher calls: write, check, release and mark assignments.

The files::

    assignments   a master, read; the student's copy, released
    master        the rules that a master obeys
    skeleton      `ver-lite assign new`: a small master that is in order from the start
    trial         try a master: solutions must pass, usual mistakes must not
    commands      the commands `ver-lite assign` and `ver-lite grade`
    grading/      mark a class whose submissions nobody has looked at
"""
