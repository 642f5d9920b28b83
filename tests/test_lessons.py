"""The committed lessons: in shape, addressed, and true for another seed.

`make test` also runs each of them cell by cell and compares every output with the stored one (nbval).
"""

from pathlib import Path

import pytest
import yaml

from tools import notebooks
from tools.shape import problems_of

ROOT = Path(__file__).resolve().parents[1]
LESSONS = notebooks.lessons(ROOT)
names = [path.stem for path in LESSONS]


def test_the_first_three_lessons_are_here():
    assert [name[:2] for name in names][:3] == ["00", "01", "02"]


def test_the_book_lists_them_in_this_order():
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    assert [file.removeprefix("notebooks/") for file in chapters if file.startswith("notebooks/")] == names


@pytest.mark.parametrize("path", LESSONS, ids=names)
def test_a_lesson_is_in_shape(path):
    assert problems_of(notebooks.read(path), path) == []


@pytest.mark.parametrize("path", LESSONS, ids=names)
def test_a_lesson_is_stored_as_execute_stores_it(path):
    """Nobody saved it by hand afterwards: the file is the bytes that `make notebooks` writes."""
    import nbformat

    stored = path.read_text(encoding="utf-8")
    assert nbformat.writes(notebooks.normalize(notebooks.read(path))).rstrip("\n") + "\n" == stored


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("path", LESSONS, ids=names)
def test_what_a_lesson_asserts_holds_for_another_seed(path, tmp_path, games):
    import papermill

    assert "seed" in papermill.inspect_notebook(str(path))
    papermill.execute_notebook(
        str(path),
        str(tmp_path / path.name),
        parameters={"seed": 2},
        cwd=str(path.parent),
        kernel_name="python3",
        progress_bar=False,
        execution_timeout=300,
    )
    injected = [cell for cell in notebooks.read(tmp_path / path.name).cells if "seed = 2" in cell.source]
    assert injected
