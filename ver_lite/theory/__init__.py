"""What can be computed exactly, without a network: the paper's §2 and Equation 6, and the two-word game of lesson 07.

The files::

    information       entropy, cross-entropy and divergence, in nats
    enumerable        worlds so small that every text and every mask can be written down
    two_word_game     the smallest game: one better word, one lesser word, simulated
    two_word_theory   its equations, and where they cross
"""
