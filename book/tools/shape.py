"""The rules for the shape of a lesson. Each broken rule is a problem in words.

A lesson has one setup cell, one cell of parameters, short cells that were all executed, figures with alt text, at least
four exercises, and nothing that names the machine it ran on.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

SETUP_LINES = 12
CELL_LINES = 25
KILOBYTES = 300
EXERCISES = 4
MACHINE_PATH = re.compile(r"(?<![\w/.:])/(?:home|root|tmp|work|Users|private|content|opt|var)/[\w.-]+|[A-Z]:\\\\?Users")
MEMORY_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
EXERCISE = re.compile(r"^(?:#{2,5}\s+|\*\*)(?:\S+\s+)?Exercise\b", re.IGNORECASE | re.MULTILINE)
DIRECTIVE = re.compile(r"^\s*(?:`{3,}|:{3,})\{[\w:-]+\}", re.MULTILINE)
HOW_TO_SHOW = 'display(figure, metadata={"image/png": {"alt": "..."}})'
SENTENCE = re.compile(r"^\S.*[.!?]$", re.DOTALL)


def problems_of(notebook: NotebookNode, path: Path) -> list[str]:
    """Every rule that the lesson breaks, in words, with the number of the cell, counted from 1."""
    return [*_whole(notebook, path), *_setup(notebook), *_cells(notebook)]


def images_of(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs of a code cell that hold a picture."""
    shown = (output for output in cell.get("outputs", []) if "data" in output)
    return [output for output in shown if any(kind.startswith("image/") for kind in output.data)]


def alt_of(cell: NotebookNode, output: NotebookNode) -> str:
    """The alt text of a picture: that of the cell, which the book shows, or else that of the output."""
    own = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    return own or next((about["alt"] for about in output.get("metadata", {}).values() if "alt" in about), "")


def text_of(output: NotebookNode) -> str:
    """The text of an output: its stream, its traceback, or its text forms. Pictures have none."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join(output.traceback)
    return "\n".join(str(data) for kind, data in output.get("data", {}).items() if kind.startswith("text/"))


def is_sentence(text: str) -> bool:
    """Whether a text has at least five words and ends like a sentence, as the description of a picture should."""
    return bool(SENTENCE.match(text.strip())) and len(text.split()) >= 5


def _tagged(cell: NotebookNode, *tags: str) -> bool:
    return bool(set(tags) & set(cell.metadata.get("tags", [])))


def _whole(notebook: NotebookNode, path: Path) -> Iterator[str]:
    size = path.stat().st_size / 1000 if path.exists() else 0
    if size > KILOBYTES:
        yield f"the file is {size:.0f} kB, over {KILOBYTES}: make its outputs smaller"
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "cell 1: a lesson begins with a text cell whose first line is its title ('# ...')"
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if "you will be able to" not in prose.lower():
        yield "the opening does not say what 'you will be able to' do afterwards"
    count = len(EXERCISE.findall(prose))
    if count < EXERCISES:
        yield f"{count} exercise(s), at least {EXERCISES} are needed (headings that begin 'Exercise')"
    if notebook.metadata.get("widgets"):
        yield "widget state is stored: run it through 'execute'"


def _setup(notebook: NotebookNode) -> Iterator[str]:
    code = [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    setups = [(number, cell) for number, cell in code if "ver_lite.setup(" in cell.source]
    if len(setups) != 1:
        yield f"{len(setups)} cells call ver_lite.setup(...): a lesson has one setup cell"
    for number, cell in setups[:1]:
        lines = cell.source.count("\n") + 1
        if lines > SETUP_LINES:
            yield f"cell {number}: the setup cell has {lines} lines, over {SETUP_LINES}"
        if "google.colab" not in cell.source:
            yield f"cell {number}: the setup cell does not install ver_lite when it runs in Colab"
    parameters = [cell for _, cell in code if _tagged(cell, "parameters")]
    if len(parameters) != 1:
        yield f"{len(parameters)} cells are tagged 'parameters': papermill needs exactly one"
    elif not re.search(r"^seed\s*:\s*int\s*=", parameters[0].source, re.MULTILINE):
        yield "the parameters cell does not define 'seed: int = ...'"


def _cells(notebook: NotebookNode) -> Iterator[str]:
    expected = 1
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown" and DIRECTIVE.search(cell.source):
            yield f"cell {number}: a book directive, which Colab shows raw; use plain Markdown and <details>"
        if MACHINE_PATH.search(cell.source):
            yield f"cell {number}: names a path of one machine: {MACHINE_PATH.search(cell.source).group()}"
        if cell.cell_type != "code":
            continue
        lines = cell.source.count("\n") + 1
        if lines > CELL_LINES:
            yield f"cell {number}: {lines} lines of code, over {CELL_LINES}"
        if cell.source.strip() and not _tagged(cell, "nbval-skip"):
            if cell.execution_count != expected:
                yield f"cell {number}: not run in order (count {cell.execution_count}, expected {expected})"
            expected = (cell.execution_count or expected) + 1
        yield from _outputs(number, cell)


def _outputs(number: int, cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "error" and not _tagged(cell, "raises-exception"):
            yield f"cell {number}: stopped with {output.ename}: {output.evalue}"
            continue
        if output.output_type == "stream" and output.name == "stderr":
            yield f"cell {number}: a warning is stored: {output.text.strip().splitlines()[-1][:80]}"
        text = text_of(output)
        if found := MACHINE_PATH.search(text):
            yield f"cell {number}: the output names a path of one machine: {found.group()}"
        if found := MEMORY_ADDRESS.search(text):
            yield f"cell {number}: the output shows a memory address ({found.group()}), new in every run"
    images = images_of(cell)
    if len(images) > 1:
        yield f"cell {number}: {len(images)} pictures in one cell share one alt text; give each its own cell"
    for output in images:
        alt = alt_of(cell, output)
        if not alt:
            yield f"cell {number}: a picture without alt text; show it with {HOW_TO_SHOW}"
        elif not is_sentence(alt):
            yield f"cell {number}: the alt text is not a sentence: {alt!r}"
