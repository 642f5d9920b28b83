"""The repository's address: written by hand in `pyproject.toml`, copied from there."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from ver_lite.files import write_text

MARKER = "<!-- badges -->"
CITATION_LINE = re.compile(r"(?m)^repository-code: .*$")
BOOK_LINE = re.compile(r"(?m)^(  url: ).*$")
# An address of ours, in any of the forms the course uses, is one of these followed by OWNER/NAME.
HOSTS = r"https://(?:colab\.research\.google\.com/github|github\.com|raw\.githubusercontent\.com)/"


def repository(root: Path) -> str:
    """The address in `pyproject.toml`. Raises ValueError where it is missing or not of the form https://HOST/OWNER/NAME."""
    path = root / "pyproject.toml"
    if not path.exists():
        raise ValueError(f"no pyproject.toml in {root}: run this from a checkout of the repository")
    url = tomllib.loads(path.read_text(encoding="utf-8"))["project"].get("urls", {}).get("Repository", "")
    parts = urlsplit(url)
    if parts.scheme != "https" or len(parts.path.strip("/").split("/")) != 2:
        raise ValueError(f"pyproject.toml: Repository is {url!r}; it must read https://HOST/OWNER/NAME")
    return url.rstrip("/")


def badges(url: str, name: str) -> str:
    """The line of links under a notebook's title; `name` is its path below `notebooks/`."""
    slug = urlsplit(url).path.strip("/")
    colab = f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{name}"
    return f"[Open in Colab]({colab}) · [Download this notebook]({url}/raw/main/notebooks/{name})"


def with_badges(text: str, url: str, name: str) -> str:
    """A notebook's first text cell with its marker and, on the next line, its links; under the title if new."""
    lines = text.split("\n")
    if MARKER not in lines:
        lines[1:1] = ["", MARKER, ""]
    at = lines.index(MARKER) + 1
    if at < len(lines) and lines[at].startswith("[Open in Colab]("):
        lines[at] = badges(url, name)
    else:
        lines.insert(at, badges(url, name))
    return "\n".join(lines)


def with_address(text: str, url: str, previous: str = "") -> str:
    """The text with every form of our address (links, `git+` installs, Colab links) replaced by `url`.

    Ours are ANYBODY/ver-lite and `previous`, the address written last time.
    """
    old = urlsplit(previous).path.strip("/")
    names = r"[\w.-]+/ver-lite" + (f"|{re.escape(old)}" if old else "")
    slug = urlsplit(url).path.strip("/")
    return re.sub(rf"({HOSTS})(?:{names})(?![\w-])", lambda found: found[1] + slug, text)


def write_everywhere(root: Path) -> list[Path]:
    """Write the address into lessons, assignments, the book's configuration and pages, CITATION.cff and README.md.

    Returns the files that changed; a second call changes none. Files are written whole, then renamed.
    """
    import nbformat

    url, previous = repository(root), _previous(root)
    changed = []
    for path in sorted((root / "notebooks").glob("**/*.ipynb")):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        # a master's links lead to its students' copy, one folder up
        shown = path.relative_to(root / "notebooks").as_posix().replace("/masters/", "/")
        before = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(before, as_version=4)
        for cell in notebook.cells:
            cell.source = with_address(cell.source, url, previous)
        if notebook.cells and notebook.cells[0].cell_type == "markdown":
            notebook.cells[0].source = with_badges(notebook.cells[0].source, url, shown)
        changed += _replace(path, before, nbformat.writes(notebook).rstrip("\n") + "\n")
    for path in [root / "README.md", root / "CITATION.cff", *sorted((root / "book").glob("*.*"))]:
        if not path.is_file() or path.suffix not in {".md", ".cff", ".yml"}:
            continue
        before = path.read_text(encoding="utf-8")
        after = with_address(before, url, previous)
        if path.name == "CITATION.cff":
            after = CITATION_LINE.sub(lambda _: f'repository-code: "{url}"', after)
        if path.name == "_config.yml":
            after = BOOK_LINE.sub(lambda found: f"{found[1]}{url}", after)
        changed += _replace(path, before, after)
    return changed


def _previous(root: Path) -> str:
    path = root / "CITATION.cff"
    found = CITATION_LINE.search(path.read_text(encoding="utf-8")) if path.exists() else None
    return found.group().partition(":")[2].strip().strip('"') if found else ""


def _replace(path: Path, before: str, after: str) -> list[Path]:
    if after == before:
        return []
    write_text(path, after)
    return [path]
