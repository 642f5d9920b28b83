"""How fast training is, against the released code and against the machine, and how it grows: ``make bench``.

The files::

    race         ours and the peers train the same texts in turn; the machine's matrix products beside them
    parts        training with and without each part that makes a step fast
    growth       seconds and memory as texts, their length, the batch or the number of runs grow
    gpu          check and time training on a GPU: ``make bench-gpu``
    operations   how many operations an epoch needs, and how many this machine does in a second
    report       the record as tables and a picture
    workers      start processes that train when they are told to
    child        the program that runs in such a process
"""
