"""Experiments: sweeps of many runs, studies, and their recorded results.

The files::

    results         reads recorded results: what the book's tables and the lessons' figures show
    paper_numbers   the paper's own tables
    jobs            a job and a study: what is to be run, and how it is measured
    plan            jobs from configs: each is named by the settings that vary, no run comes twice
    engine          skips the jobs that are done, hands out the rest, and keeps each answer
    sweep/          many runs in folders, on this machine's cores or on a cluster
    studies/        the studies whose results are recorded, one file each
    record          the command that makes the recorded results
    sweep_command   the command `ver-lite sweep`
"""
