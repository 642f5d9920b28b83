"""Copy the repository's address from `pyproject.toml`, where it is written by hand, to every other place."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from ver_lite.system.files import write_text
from ver_lite.teaching.assignments import text_of

MARKER = "<!-- badges -->"
WORDS = "<!-- words -->"
TERM = re.compile(r"(?m)^(\S.*)\n  .*\[Lesson (\d\d)\]\(")
CITATION_LINE = re.compile(r"(?m)^repository-code: .*$")
BOOK_LINE = re.compile(r"(?m)^(  url: ).*$")
HOME_LINE = re.compile(r"(?m)^(    html_baseurl: ).*$")
# An address of ours, in any of the forms the course uses, is one of these followed by OWNER/NAME.
HOSTS = r"https://(?:colab\.research\.google\.com/github|github\.com|raw\.githubusercontent\.com)/"


def repository(root: Path) -> str:
    """The address in `pyproject.toml`. Raises ValueError when it is missing or does not read
    https://HOST/OWNER/NAME."""
    path = root / "pyproject.toml"
    if not path.exists():
        raise ValueError(f"no pyproject.toml in {root}: run this from a checkout of the repository")
    url = tomllib.loads(path.read_text(encoding="utf-8"))["project"].get("urls", {}).get("Repository", "")
    parts = urlsplit(url)
    if parts.scheme != "https" or len(parts.path.strip("/").split("/")) != 2:
        raise ValueError(f"pyproject.toml: Repository is {url!r}; it must read https://HOST/OWNER/NAME")
    return url.rstrip("/")


def published(url: str) -> str:
    """The address of the published book on GitHub's Pages. It ends with a slash."""
    owner, name = urlsplit(url).path.strip("/").split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def words_of(glossary: str) -> dict[str, list[str]]:
    """The terms that each lesson explains, by the lesson's number, read from the text of `book/glossary.md`."""
    found: dict[str, list[str]] = {}
    for term, lesson in TERM.findall(glossary):
        found.setdefault(lesson, []).append(term)
    return found


def with_words(text: str, url: str, terms: list[str]) -> str:
    """Write links to the glossary below the marker in a lesson's last text cell. Without a marker, append both.

    The links lead to the published book, because that works in Colab and JupyterLab. The book's build keeps them
    inside.
    """
    page = f"{published(url)}book/glossary.html"
    linked = " · ".join(f"[{term}]({page}#term-{term.replace(' ', '-')})" for term in terms)
    line = f"**Words of this lesson**, in the glossary: {linked}"
    lines = text.split("\n")
    if WORDS not in lines:
        return f"{text}\n\n{WORDS}\n{line}"
    lines[lines.index(WORDS) + 1 :] = [line]
    return "\n".join(lines)


def badges(url: str, name: str) -> str:
    """The line of links below a notebook's title. `name` is the notebook's path below `notebooks/`."""
    slug = urlsplit(url).path.strip("/")
    colab = f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{name}"
    return f"[Open in Colab]({colab}) · [Download this notebook]({url}/raw/main/notebooks/{name})"


def with_badges(text: str, url: str, name: str) -> str:
    """Write a notebook's links below the marker in its first text cell. Without a marker, put both below the title."""
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
    """Replace every form of our address (links, `git+` installs, Colab links) in a text by `url`.

    An address is ours when it reads ANYBODY/ver-lite, or when it is `previous`, the address that was written last time.
    """
    old = urlsplit(previous).path.strip("/")
    names = r"[\w.-]+/ver-lite" + (f"|{re.escape(old)}" if old else "")
    slug = urlsplit(url).path.strip("/")
    return re.sub(rf"({HOSTS})(?:{names})(?![\w-])", lambda found: found[1] + slug, text)


def write_everywhere(root: Path) -> list[Path]:
    """Write the address into lessons, assignments, the book's configuration and pages, CITATION.cff and README.md.

    The lists of words in the lessons are made anew from the glossary, because their links hold the address of the
    published book. Returns the files that changed; a second call changes none. Each file is written whole and then
    renamed.
    """
    import nbformat

    url, previous = repository(root), _previous(root)
    glossary = root / "book" / "glossary.md"
    words = words_of(glossary.read_text(encoding="utf-8")) if glossary.exists() else {}
    changed = []
    for path in sorted((root / "notebooks").glob("**/*.ipynb")):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        # the links of a master lead to the students' copy, which lies one folder up
        shown = path.relative_to(root / "notebooks").as_posix().replace("/masters/", "/")
        before = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(before, as_version=4)
        for cell in notebook.cells:
            cell.source = with_address(cell.source, url, previous)
        if notebook.cells and notebook.cells[0].cell_type == "markdown":
            notebook.cells[0].source = with_badges(notebook.cells[0].source, url, shown)
            last = notebook.cells[-1]
            if path.parent.name == "notebooks" and last.cell_type == "markdown" and path.name[:2] in words:
                last.source = with_words(last.source, url, words[path.name[:2]])
        changed += _replace(path, before, text_of(notebook))
    for path in [root / "README.md", root / "CITATION.cff", *sorted((root / "book").glob("*.*"))]:
        if not path.is_file() or path.suffix not in {".md", ".cff", ".yml"}:
            continue
        before = path.read_text(encoding="utf-8")
        after = with_address(before, url, previous)
        if path.name == "CITATION.cff":
            after = CITATION_LINE.sub(lambda _: f'repository-code: "{url}"', after)
        if path.name == "_config.yml":
            after = BOOK_LINE.sub(lambda found: f"{found[1]}{url}", after)
            after = HOME_LINE.sub(lambda found: f"{found[1]}{published(url)}", after)
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
