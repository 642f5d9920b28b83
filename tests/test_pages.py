"""The pages that look things up: what they say agrees with the code, the records and the lessons."""

import dataclasses
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from tools import notebooks, pages
from tools.address import words_of
from ver_lite.theory.information import cross_entropy, divergence, entropy

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
LESSONS = {path.stem[:2]: path for path in notebooks.lessons(ROOT)}
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
NOTATION = (BOOK / "notation.md").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@cache
def written_in(lesson: str) -> str:
    return "\n".join(cell.source for cell in notebooks.read(LESSONS[lesson]).cells)


# pieces made from records and code


@pytest.mark.parametrize("name", pages.PIECES)
def test_a_piece_is_what_the_command_would_write(name):
    stored = (pages.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert stored == pages.written(name), "run: make pages"


def test_every_piece_stands_in_a_page():
    shown = "".join(path.read_text(encoding="utf-8") for path in BOOK.glob("*.md"))
    assert set(re.findall(r"\{include\} generated/([\w-]+)\.md", shown)) == set(pages.PIECES)
    assert {path.stem for path in pages.FOLDER.iterdir()} == set(pages.PIECES)


# glossary and notation


def test_the_glossary_is_in_order_and_names_a_lesson_for_each_term():
    terms = re.findall(r"(?m)^(\S.*)\n  \S", GLOSSARY.split("{glossary}")[1])
    assert terms == sorted(terms, key=str.lower) and len(terms) == len(set(terms)) > 50
    assert sorted(terms) == sorted(term for known in words_of(GLOSSARY).values() for term in known)


SAID_AS = {
    "alpha": r"alpha|α",
    "enumerable world": "small enough to write down",
    "lock-in": r"lock(ed)?[- ]in",
    "mask information": "mask_information",
    "noise floor": "floor",
    "omega": r"omega|Ω",
    "oracle": "oracle",
    "sampled mask": "sampled",
}


@pytest.mark.parametrize(
    ("lesson", "term"), [(lesson, term) for lesson, terms in words_of(GLOSSARY).items() for term in terms]
)
def test_a_term_is_used_in_the_lesson_that_the_glossary_names(lesson, term):
    text = written_in(lesson).partition("<!-- words -->")[0]
    assert re.search(SAID_AS.get(term, re.escape(term)), text, re.IGNORECASE)


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| symbol")]
    return [[cell.strip() for cell in line.replace(r"\mid", "mid").strip("|").split("|")] for line in lines]


CODE_NAMES = sorted({name for row in rows_of(NOTATION) for name in re.findall(r"`([\w.]+)`", row[2])})


@pytest.mark.parametrize("name", CODE_NAMES)
def test_a_name_of_the_notation_exists_in_the_library(name):
    home, _, what = name.partition(".")
    named = {module.__name__.rpartition(".")[2]: module for module in library()}
    thing = named.get(home)
    if thing is None:
        found = [thing for module in library() if inspect.isclass(thing := vars(module).get(home))]
        found = [thing for thing in found if thing.__module__.startswith("ver_lite.")]
        assert found, f"no module or class is called {home}"
        thing = found[0]
    fields = {field.name for field in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
    assert hasattr(thing, what) or what in fields | set(getattr(thing, "_fields", ()))


@cache
def library() -> list:
    """The modules that the pages of the reference describe."""
    named = "".join(pages.reference(page) for page in pages.ROOMS)
    return [importlib.import_module(name) for name in re.findall(r"automodule:: (\S+)", named)]


def test_every_row_of_the_notation_is_whole_and_its_lesson_exists():
    assert len(rows_of(NOTATION)) > 40
    for row in rows_of(NOTATION):
        assert len(row) == 5 and row[1] and row[2], row
        assert row[4] in LESSONS, row


def test_the_reference_describes_every_module_once():
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "ver_lite").rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in files}
    inner = {name for name in names if name.startswith("ver_lite.teaching.grading.") or name.endswith("__main__")}
    described = [module.__name__ for module in library()]
    assert sorted(described) == sorted(names - inner - {"ver_lite", "ver_lite.experiments.studies"}), "see pages.ROOMS"


# the front page and the questions


def test_the_moving_picture_shows_the_numbers_that_it_says():
    picture = (BOOK / "_static" / "game-moving.html").read_text(encoding="utf-8")
    truth, first, second = (0.1, 0.9), (0.3, 0.7), (0.1, 0.9)
    for said in (first, second):
        assert f"cross-entropy {cross_entropy(truth, said):.3f} nats" in picture
        assert f"divergence {divergence(truth, said):.3f}" in picture
        assert f"positive, {100 * said[1]:.0f} %" in picture
    assert f"entropy {entropy(truth):.3f}" in picture
    widths = dict(re.findall(r'class="acts (grows|divergence)"[^>]*width="(\d+)"', picture))
    wanted = divergence(truth, first) / entropy(truth)
    assert int(widths["divergence"]) / int(widths["grows"]) == pytest.approx(wanted, rel=0.01)
    assert "prefers-reduced-motion" in picture


def test_the_self_test_has_ten_questions_each_with_an_answer_and_where_to_read_up():
    questions = re.split(r"(?m)^### \d+\. ", (BOOK / "prerequisites.md").read_text(encoding="utf-8"))[1:]
    assert len(questions) == 10
    for question in questions:
        assert question.count("<summary>Answer</summary>") == 1 and "*Not sure?*" in question.partition("</details>")[0]


# publishing


def test_there_are_the_four_workflows():
    assert [path.stem for path in WORKFLOWS] == ["links", "pages", "tests", "weekly"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_parses_and_names_only_what_exists(path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow[True], "when it runs (YAML reads the key `on` as true)"
    assert set(flow["permissions"]) >= {"contents"}
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    scripts = "\n".join(step.get("run", "") for step in steps)
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(re.findall(r"(?:^|&& )make ([a-z-]+)", scripts, re.MULTILINE)) <= targets
    for name in re.findall(r"(?m)^\s*(\.?[\w./-]+/run)\b", scripts):
        assert (ROOT / name).exists()
    for module in re.findall(r"-m (ver_lite[\w.]*)", scripts):
        assert importlib.util.find_spec(module)
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+(\.\d+)*", used)
    for wanted in (job["needs"] for job in flow["jobs"].values() if "needs" in job):
        assert wanted in flow["jobs"]


def test_the_weekly_run_opens_an_issue_when_a_lesson_fails():
    flow = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))
    [last] = [step for step in flow["jobs"]["lessons"]["steps"] if step.get("if") == "failure()"]
    assert "gh issue create" in last["run"] and flow["permissions"]["issues"] == "write"
    assert "schedule" in flow[True]
