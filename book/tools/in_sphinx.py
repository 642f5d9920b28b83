"""What the book's build adds to Sphinx: it keeps links to the published book inside, and fixes how docstrings are
shown.

A lesson links to the glossary by the address of the published book, because that works in Colab and JupyterLab too. In
the book itself such a link is turned into one to the page beside it, so that it also works from a disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx


def keep_inside(app: Sphinx, doctree: document, docname: str) -> None:
    """Turn links to `html_baseurl` into links between pages. Warn about a link to a page that the book does not
    have."""
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
    """Leave links to the published book out of the link check. The build turns them into links inside the book and
    checks those."""
    config.linkcheck_ignore.append(re.escape(config.html_baseurl))


def as_meant(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Show a docstring as it reads in plain text: keep a bar as a bar, as in P(Y | Z), and an indented block as a
    listing."""
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
    """Remove the marks `~module.` that Sphinx leaves in a signature when it cannot read a default such as `<function
    ...>`."""
    if arguments and "<" in arguments:
        return re.sub(r"~(?:\w+\.)*", "", arguments), returns
    return None


def not_that_path(app: Sphinx, doctree: document) -> None:
    """Link `Path` in a signature to pathlib's, except in the two-word game's module, which has a class of that name."""
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
