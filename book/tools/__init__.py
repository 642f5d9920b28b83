"""What makes the book, and nothing else: run from a checkout, with `book` on Python's path (the Makefile does it).

The files::

    notebooks   run the lessons and check their shape; write the repository's address
    shape       what a lesson must look like, as a list of problems in words
    address     the repository's address, and where it stands
    pages       the book's tables, written from records and code
    in_sphinx   what the book's build adds to Sphinx
"""
