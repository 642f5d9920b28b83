"""The machine that everything stands on: files, errors in words, checks, devices, processes, what is tuned.

checks    a number in a range, one of several choices, a switch
files     read and write whole files; every error names the file
errors    what an error says to a person, in one line
machine   device, random state, provenance, peak memory
pool      processes that do not fight for cores, and end with their owner
tuning    what the library changes in its process to be fast, and how to stop it
"""

__version__ = "0.1.0"
