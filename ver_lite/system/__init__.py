"""The machine that everything stands on: files, errors in words, devices and memory, processes, threads.

files     read and write whole files; every error names the file
errors    what an error says to a person, in one line
machine   device, random state, memory, provenance
adam      the optimizer, without what torch adds for its compiler
pool      processes that do not fight for cores, and end with their owner
threads   how long torch's threads wait for work
"""

__version__ = "0.1.0"
