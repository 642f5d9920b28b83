"""What the book's build adds to Sphinx: links to the published book stay inside it, docstrings mean what they say.

A lesson links to the glossary by the address of the published book, because that works in Colab and JupyterLab too. In
the book itself the same link leads to the page beside it, so it also works from a disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx


def keep_inside(app: Sphinx, doctree: document, docname: str) -> None:
    """Turn links to `html_baseurl` into links between pages; a page that is not in the book is a warning."""
    from docutils.nodes import reference
    from sphinx.util import logging

    home = app.config.html_baseurl
    for link in doctree.findall(reference):
        address = link.get("refuri", "")
        if not home or not address.startswith(home) or app.builder.format != "html":
            continue
        page, mark, anchor = address.removeprefix(home).partition("#")
        target = page.removesuffix(".html")
        if target in app.env.found_docs:
            link["refuri"] = app.builder.get_relative_uri(docname, target) + mark + anchor
            link["internal"] = True
        elif target:
            logging.getLogger(__name__).warning("%s is not a page of the book", address, location=link)


def leave_home_alone(app: Sphinx, config: Any) -> None:
    """Links to the published book are not asked for: they are links inside this one, and are checked with it."""
    config.linkcheck_ignore.append(re.escape(config.html_baseurl))


def as_meant(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let a docstring mean what it means as plain text: a bar is a bar (P(Y | Z)), an indented block is a listing."""
    for i in reversed(range(len(lines))):
        if "`" not in lines[i]:
            lines[i] = lines[i].replace("|", r"\|")
        before = [line for line in lines[:i] if line.strip()]
        begins = lines[i].startswith("    ") and i and not lines[i - 1].strip()
        if begins and before and not before[-1].startswith(" ") and not before[-1].endswith("::"):
            lines[i:i] = ["::", ""]


def no_marks(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, arguments: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """Where a default cannot be read (`<function ...>`), Sphinx shows its own marks for short names: take them out."""
    if arguments and "<" in arguments:
        return re.sub(r"~(?:\w+\.)*", "", arguments), returns
    return None


def not_that_path(app: Sphinx, doctree: document) -> None:
    """A `Path` in a signature is pathlib's, except where the two-word game's own is at home."""
    from sphinx.addnodes import pending_xref

    for link in doctree.findall(pending_xref):
        if link.get("reftarget") == "Path" and link.get("py:module") != "ver_lite.theory.two_word_game":
            link["reftarget"] = "pathlib.Path"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", leave_home_alone)
    app.connect("autodoc-process-signature", no_marks)
    app.connect("doctree-read", not_that_path)
    app.connect("doctree-resolved", keep_inside)
    app.connect("autodoc-process-docstring", as_meant)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
