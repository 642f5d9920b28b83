"""The tools that make the book. They run from a checkout, with `book` on Python's path; the Makefile sets it.

The files::

    notebooks   run the lessons, check their shape, write the repository's address
    shape       the rules for the shape of a lesson, as a list of problems in words
    address     the repository's address, and the places where it is written
    pages       the book's tables, made from records and code
    in_sphinx   what the book's build adds to Sphinx
"""
