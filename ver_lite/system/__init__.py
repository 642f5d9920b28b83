"""What every other room uses: files, error messages, checks of arguments, devices, processes, tuning.

The files::

    adam      Adam for a CPU, without what torch loads for its compiler
    checks    a number in a range, one of several choices, a switch
    files     read and write whole files; every error names its file
    errors    the message of an error as one line for people
    locks     a lock between processes, which no killed process leaves behind
    machine   device, random state, provenance, peak memory
    markdown  a table in Markdown
    outside   a class that is not the library's own, by its name in a config
    pool      a pool of processes that share the cores and end when their owner ends
    tuning    what the library changes in its process to be fast, and how to stop it
"""

__version__ = "0.2.0"
