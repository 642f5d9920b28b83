"""What is computed exactly, without a network: the paper's §2, its Equation 6, and the two-word game of lesson 07.

The files::

    information       entropy, cross-entropy and divergence, in nats
    enumerable        worlds so small that every text and every mask can be written down
    two_word_game     the smallest game, with one better and one lesser word: its equations, solved and simulated
    two_word_theory   what is proved about that game: how long RNP and VER wait for the better word
"""
