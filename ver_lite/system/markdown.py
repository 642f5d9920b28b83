"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any


def table(head: Iterable[Any], rows: Iterable[Iterable[Any]], right: Collection[int] = ()) -> str:
    """A table in Markdown, with a line end after each line.

    A cell is shown as its text, None as an empty cell; a bar in it is escaped, a line end becomes a space. ``right``:
    the columns, counted from 0, that are set to the right. Raises ValueError for a row that is not as long as the head.
    """
    titles = list(map(_cell, head))
    lines = [titles, ["--:" if column in right else "---" for column in range(len(titles))]]
    for row in rows:
        cells = list(map(_cell, row))
        if len(cells) != len(titles):
            raise ValueError(f"a row of {len(cells)} cells in a table of {len(titles)} columns: {cells}")
        lines.append(cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    return "" if value is None else re.sub(r"(?<!\\)\|", r"\\|", " ".join(str(value).splitlines()))
