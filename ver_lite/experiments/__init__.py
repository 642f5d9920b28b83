"""Many games, and what is kept of them.

The files::

    results         reads recorded results: what the book's tables and the lessons' figures show
    paper_numbers   the paper's own tables
    jobs            a job and a study: what is to be run, and how it is measured
    plan            jobs from configs: each config as one flat mapping, named by what varies, each once
    engine          which jobs are done; the rest handed out, each answer kept; what is left
    sweep/          many runs in folders, on this machine's cores or on a cluster
    studies/        the studies whose results are recorded, one file each
    record          the command that makes the recorded results
    sweep_command   the command `ver-lite sweep`
"""
