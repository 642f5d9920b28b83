"""Sweeps of many runs: on this machine's cores, on the workers of any executor, or on machines that share a folder.

The files::

    spec      reads a sweep's YAML file: which runs it asks for
    folder    the runs' folders: the state of each run, its lock, the results made from all
    driver    the sweep itself: each run is trained under its lock

A run is a folder under ``out``, named by what varies and by a hash of its config. It is trained under a lock that the
system drops with the process that holds it, so any number of sweeps may work on one folder at once. A run that is
finished is skipped, one that is half finished is continued, and ``out/results.json`` is made from the folders each
time, never added to. So after any interruption, start the same sweep again.
"""

from ver_lite.experiments.plan import plan
from ver_lite.experiments.sweep.driver import sweep
from ver_lite.experiments.sweep.folder import means_table, survey
from ver_lite.experiments.sweep.spec import read_spec

__all__ = ["means_table", "plan", "read_spec", "survey", "sweep"]
