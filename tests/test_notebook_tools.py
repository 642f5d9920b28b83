"""The notebook tools on small notebooks made here: execute, check, links."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import notebooks
from tools.address import (
    badges,
    published,
    repository,
    with_address,
    with_badges,
    with_words,
    write_everywhere,
)
from tools.shape import is_sentence, problems_of

TITLE = "# 00 A lesson\n\n**You will be able to** add numbers."
SETUP = 'import sys\nif "google.colab" in sys.modules:\n    pass\nimport ver_lite\nver_lite.setup(seed=seed)'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ALT = "A single pixel, drawn for the test."
SHOW = f"""import base64
from IPython.display import Image, display
display(Image(base64.b64decode("{PIXEL}")), metadata={{"image/png": {{"alt": "{ALT}"}}}})"""


def shaped(*more) -> nbformat.NotebookNode:
    """A lesson in shape, executed, with `more` cells at its end."""
    exercises = "\n\n".join(f"### Exercise {n}: count\n\nHow many?" for n in range(1, 5))
    cells = [
        new_markdown_cell(TITLE),
        new_code_cell("seed: int = 1", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell(SETUP, execution_count=2),
        new_markdown_cell(exercises),
        *more,
    ]
    return new_notebook(cells=cells)


def saved(notebook, folder: Path, name: str = "00-lesson.ipynb") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def picture(alt: str | None) -> nbformat.NotebookNode:
    about = {"image/png": {"alt": alt}} if alt is not None else {}
    output = new_output("display_data", {"image/png": PIXEL}, metadata=about)
    return new_code_cell("show()", execution_count=3, outputs=[output])


# execute


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Path:
    """A small lesson after `execute`: printed in two pieces, shows a picture, carried foreign metadata."""
    cells = [
        new_markdown_cell("# A lesson"),
        new_code_cell("print('one', flush=True)\nprint('two')", metadata={"ExecuteTime": {"start_time": "2026"}}),
        new_code_cell(SHOW),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
    ]
    notebook = new_notebook(cells=cells, metadata={"widgets": {"state": {}}, "papermill": {"duration": 3.1}})
    path = saved(notebook, tmp_path_factory.mktemp("executed"))
    notebooks.execute([path])
    return path


@pytest.mark.notebook
def test_execute_stores_outputs_and_counts(executed):
    cells = notebooks.read(executed).cells
    assert cells[1].outputs[0].text == "one\ntwo\n"
    assert len(cells[1].outputs) == 1
    assert [cell.execution_count for cell in cells[1:]] == [1, 2, 3]


@pytest.mark.notebook
def test_execute_puts_the_alt_text_where_the_book_looks(executed):
    assert notebooks.read(executed).cells[2].metadata.mystnb.image.alt == ALT


@pytest.mark.notebook
def test_execute_leaves_no_trace_of_the_machine_or_the_moment(executed):
    notebook = notebooks.read(executed)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(not {"execution", "ExecuteTime", "papermill"} & set(cell.metadata) for cell in notebook.cells)


@pytest.mark.notebook
def test_execute_twice_changes_nothing(executed):
    before = executed.read_bytes()
    notebooks.execute([executed])
    assert executed.read_bytes() == before


@pytest.mark.notebook
def test_a_lesson_that_stops_keeps_its_file_and_says_where(tmp_path, capsys):
    path = saved(new_notebook(cells=[new_code_cell("a = 1"), new_code_cell("a.missing")]), tmp_path)
    before = path.read_bytes()
    assert notebooks.main(["execute", str(path)]) == 1
    assert path.read_bytes() == before
    said = capsys.readouterr().err
    assert "00-lesson.ipynb: cell 2 stopped with AttributeError" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.notebook
def test_execute_into_a_folder_leaves_the_lesson_alone(tmp_path):
    path = saved(new_notebook(cells=[new_code_cell("print(6 * 7)")]), tmp_path)
    before = path.read_bytes()
    notebooks.execute([path], into=tmp_path / "executed")
    assert path.read_bytes() == before
    assert notebooks.read(tmp_path / "executed" / path.name).cells[0].outputs[0].text == "42\n"


def test_seconds_are_recorded_beside_those_already_known(tmp_path):
    path = notebooks.record_seconds({"00-a": 1.26}, tmp_path)
    notebooks.record_seconds({"01-b": 2.0}, tmp_path)
    known = json.loads(path.read_text())
    assert sorted(known) == ["00-a", "01-b"]
    (measured,) = known["00-a"].values()
    assert measured["seconds"] == 1.3
    assert measured["cores"] >= 1


@pytest.mark.parametrize(("content", "says"), [(None, "no such notebook"), ("{", "not a notebook")])
def test_what_is_no_notebook_is_one_clear_line(tmp_path, capsys, content, says):
    path = tmp_path / "00-x.ipynb"
    if content is not None:
        path.write_text(content)
    assert notebooks.main(["check", str(path)]) == 1
    said = capsys.readouterr().err.strip()
    assert says in said and str(path) in said and "\n" not in said


# check


def found(notebook, folder: Path) -> str:
    return "\n".join(problems_of(notebook, saved(notebook, folder)))


def test_a_lesson_in_shape_has_no_problem(tmp_path):
    assert found(shaped(picture(ALT)), tmp_path) == ""


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (new_code_cell("\n".join(["x = 1"] * 26), execution_count=3), "cell 5: 26 lines of code, over 25"),
        (new_code_cell("x = 1"), "cell 5: not run in order (count None, expected 3)"),
        (new_code_cell("x = 1", execution_count=7), "cell 5: not run in order (count 7, expected 3)"),
        (picture(None), "cell 5: a picture without alt text"),
        (picture("figure 1"), "cell 5: the alt text is not a sentence: 'figure 1'"),
        (new_code_cell("open('/home/me/x')", execution_count=3), "names a path of one machine: /home/me"),
        (new_markdown_cell("```{exercise}\nno\n```"), "cell 5: a book directive, which Colab shows raw"),
        (new_markdown_cell(":::{note}\nno\n:::"), "cell 5: a book directive, which Colab shows raw"),
    ],
)
def test_a_cell_out_of_shape_is_named(tmp_path, cell, says):
    assert says in found(shaped(cell), tmp_path)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (
            new_output("stream", name="stderr", text="UserWarning: old"),
            "a warning is stored: UserWarning: old",
        ),
        (
            new_output("stream", text="saved in /tmp/run/x"),
            "the output names a path of one machine: /tmp/run",
        ),
        (new_output("stream", text="<A at 0x7f2a1c0b9d50>"), "the output shows a memory address"),
        (new_output("error", ename="E", evalue="no", traceback=[]), "cell 5: stopped with E: no"),
    ],
)
def test_an_output_out_of_shape_is_named(tmp_path, output, says):
    assert says in found(shaped(new_code_cell("run()", execution_count=3, outputs=[output])), tmp_path)


def test_what_a_whole_lesson_lacks_is_named(tmp_path):
    long_setup = new_code_cell(SETUP + "\n" * 8, execution_count=1)
    said = found(new_notebook(cells=[new_markdown_cell("A lesson"), long_setup]), tmp_path)
    assert "first line is its title" in said
    assert "'you will be able to'" in said
    assert "0 exercise(s), at least 4" in said
    assert "the setup cell has 13 lines, over 12" in said
    assert "0 cells are tagged 'parameters'" in said


def test_a_heavy_file_is_named(tmp_path):
    heavy = new_code_cell("x", execution_count=3, outputs=[new_output("stream", text="a" * 300_001)])
    assert "kB, over 300" in found(shaped(heavy), tmp_path)


def test_an_ordinary_ratio_is_not_a_path(tmp_path):
    cell = new_markdown_cell("See https://example.org/home/page, and/or `a/b`, 1/2, `<details>/tmp`.")
    assert "path" not in found(shaped(cell), tmp_path)


@pytest.mark.parametrize(
    ("text", "whole"),
    [(ALT, True), ("_images/0a1b.png", False), ("Loss.", False), ("Loss falls over epochs", False)],
)
def test_what_counts_as_a_sentence(text, whole):
    assert is_sentence(text) is whole


# links

URL = "https://github.com/alice/rationales"


def test_badges_go_under_the_title_once_and_are_renewed():
    once = with_badges("# Title\n\nText", URL, "00-a.ipynb")
    assert once.split("\n")[:4] == ["# Title", "", "<!-- badges -->", badges(URL, "00-a.ipynb")]
    assert with_badges(once, URL, "00-a.ipynb") == once
    moved = with_badges(once, "https://github.com/bob/other", "00-a.ipynb")
    assert "alice" not in moved and moved.count("<!-- badges -->") == 1 and moved.endswith("\n\nText")


def test_every_form_of_the_address_is_replaced_and_nothing_else():
    text = (
        '%pip install -q "ver-lite @ git+https://github.com/ver-lite/ver-lite"\n'
        "https://colab.research.google.com/github/ver-lite/ver-lite/blob/main/notebooks/00-a.ipynb\n"
        "https://github.com/ver-lite/ver-lite.git https://github.com/jayded/eraserbenchmark"
    )
    after = with_address(text, URL)
    assert after == text.replace("ver-lite/ver-lite", "alice/rationales")
    assert with_address(after, "https://github.com/bob/other", previous=URL).count("bob/other") == 3
    assert "jayded/eraserbenchmark" in after


def test_the_words_of_a_lesson_are_its_last_line_and_lead_to_the_published_glossary():
    once = with_words("Summary", URL, ["entropy", "perfect reader"])
    assert once.startswith("Summary\n\n<!-- words -->\n**Words of this lesson**")
    assert "https://alice.github.io/rationales/book/glossary.html#term-perfect-reader" in once
    assert with_words(once, URL, ["entropy", "perfect reader"]) == once
    assert with_words(once, URL, ["nat"]).count("#term-") == 1
    assert published("https://github.com/Bob/Other") == "https://bob.github.io/Other/"


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A little repository with every kind of file that carries the address."""
    (tmp_path / "book").mkdir()
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n[project.urls]\nRepository = "{URL}"\n')
    (tmp_path / "CITATION.cff").write_text('title: x\nrepository-code: "https://github.com/ver-lite/ver-lite"\n')
    (tmp_path / "README.md").write_text("git clone https://github.com/ver-lite/ver-lite\n")
    (tmp_path / "book/_config.yml").write_text(
        "repository:\n  url: https://github.com/ver-lite/ver-lite\n"
        "sphinx:\n  config:\n    html_baseurl: https://ver-lite.github.io/ver-lite/\n"
    )
    (tmp_path / "book/glossary.md").write_text("nat\n  A unit. [Lesson 00](../notebooks/00-lesson.ipynb).\n")
    saved(shaped(), tmp_path / "notebooks")
    return tmp_path


def test_links_writes_the_address_everywhere_once(checkout):
    changed = {path.name for path in write_everywhere(checkout)}
    assert changed == {"CITATION.cff", "README.md", "_config.yml", "00-lesson.ipynb"}
    for path in (checkout / "CITATION.cff", checkout / "README.md", checkout / "book/_config.yml"):
        assert URL in path.read_text() and "ver-lite/ver-lite" not in path.read_text()
    assert badges(URL, "00-lesson.ipynb") in notebooks.read(checkout / "notebooks/00-lesson.ipynb").cells[0].source
    assert f"html_baseurl: {published(URL)}" in (checkout / "book/_config.yml").read_text()
    assert notebooks.read(checkout / "notebooks/00-lesson.ipynb").cells[-1].source.endswith("#term-nat)")
    assert write_everywhere(checkout) == []


def test_links_follows_a_second_move(checkout):
    write_everywhere(checkout)
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text().replace("alice/rationales", "bob/other"))
    write_everywhere(checkout)
    texts = [path.read_text() for path in checkout.rglob("*.*") if path.is_file()]
    assert not any("alice" in text for text in texts)


@pytest.mark.parametrize("url", ["", "http://github.com/a/b", "https://github.com/only-one"])
def test_an_address_that_is_none_is_refused(tmp_path, url):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n[project.urls]\nRepository = "{url}"\n')
    with pytest.raises(ValueError, match="Repository is"):
        repository(tmp_path)
