"""How fast training is, against the released code and against the machine, and how it grows: ``make bench``."""
