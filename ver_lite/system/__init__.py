"""The machine that everything stands on: files, errors in words, checks, devices and memory, processes, threads.

checks    a number in a range, one of several choices, a switch
files     read and write whole files; every error names the file
errors    what an error says to a person, in one line
machine   device, random state, memory, provenance
pool      processes that do not fight for cores, and end with their owner
threads   how long torch's threads wait for work
"""

__version__ = "0.1.0"
