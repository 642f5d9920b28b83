"""What a game looks like: figures, and a text with its selected words marked.

The files::

    figures   the house style, and the kinds of figure that several lessons draw
    display   one text with its rationale, for a notebook and for a terminal
"""
