"""Many games, and what is kept of them.

The files::

    sweep/          many runs on this machine's cores, or on a cluster
    sweep_command   the command `ver-lite sweep`
    results         recorded results: what is measured, recorded and shown
    studies/        the studies, one file each
    paper_numbers   the paper's own tables
"""
