"""The page of the benchmark, made from its record: a table a corpus, and the paper's numbers beside ours.

A cell without a number is empty ("–"), and a line below the table says why.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ver_lite.experiments.jobs import Job
from ver_lite.experiments.results import cell, interval, made_by
from ver_lite.experiments.studies.benchmark_theirs import at_alpha, beside_theirs, title
from ver_lite.system import markdown
from ver_lite.training.config import Config

Row = dict[str, Any]
HEADINGS = {"reviews": "The review world", "multirc": "MultiRC", "fever": "FEVER"}
ABSENT = {
    "invrat": "nobody distributes environments for this corpus",
    "lime": "hundreds of cut copies of every text, too costly here",
}
WITH_VER = {"rnp": "ver", "fr": "ver-fr", "dr": "ver-dr", "mgr": "ver-mgr"}  # a game, and the same with VER's masks
GAPS = (
    "Where fewer seeds than planned are named, the others are not trained yet. A game that *stopped* has no scores: "
    "its loss was not finite, or its selector was stuck at selecting nothing or everything."
)


def name_of(corpus: str) -> str:
    """A corpus's name as a heading."""
    return HEADINGS.get(corpus, corpus.title())


def finished(rows: Iterable[Row], **about: Any) -> list[Row]:
    """The rows of trained games whose columns are ``about``."""
    return [r for r in rows if r["status"] == "finished" and all(r.get(k) == v for k, v in about.items())]


def usual(rows: Iterable[Row]) -> list[Row]:
    """The rows of each corpus with the share and the epochs that most of its rows have. The other rows serve to choose
    a share, and to see what more epochs change."""
    rows = list(rows)
    asked = Counter((row["corpus"], *_setting(row)) for row in rows)
    most = {corpus: max((n, -a, -e) for (c, a, e), n in asked.items() if c == corpus) for corpus, *_ in asked}
    return [row for row in rows if _setting(row) == tuple(-value for value in most[row["corpus"]][1:])]


def longer(rows: Iterable[Row]) -> list[Row]:
    """The rows of games that had the usual share of their corpus and were trained for more than its usual epochs."""
    rows = list(rows)
    at = {row["corpus"]: _setting(row) for row in usual(rows)}

    def is_longer(row: Row) -> bool:
        (alpha, epochs), (share, usually) = _setting(row), at[row["corpus"]]
        return alpha == share and epochs > usually

    return list(filter(is_longer, finished(rows)))


def _setting(row: Row) -> tuple[float, int]:
    return row["config"]["alpha"], row["config"]["epochs"]


def against(
    rows: Iterable[Row], method: str, value: Callable[[Row], float] = at_alpha, other: str = "rnp", **about: Any
) -> dict[int, float]:
    """A method minus ``other`` (RNP), by seed, in points, for the seeds that both have."""
    rows = list(rows)
    mine, theirs = ({r["seed"]: value(r) for r in finished(rows, method=m, **about)} for m in (method, other))
    return {seed: 100 * (mine[seed] - theirs[seed]) for seed in sorted(mine.keys() & theirs.keys())}


# tables; each takes the rows of one corpus


def corpus_table(rows: list[Row], planned: Mapping[str, int] | None = None, methods: Iterable[str] = ()) -> str:
    """One row for each method, in Markdown: scores with masks of equal size, and with the method's own masks.
    ``planned``: the number of seeds that each method should have; ``methods``: those that get a row even where nothing
    is recorded."""
    head = ("method", "seeds", "F1", "minus RNP", "F1 macro", "AUPRC", "Acc", "F1, threshold", "S")
    lines = []
    for method in dict.fromkeys([*methods, *(row["method"] for row in rows)]):
        mine = finished(rows, method=method)
        tests = [r["test"]["chosen"] for r in mine]
        cells = [title(method), _seeds(rows, method, planned), cell([t["top_k"]["f1"] for t in tests])]
        cells += [_apart(rows, method), cell([t["top_k"]["f1_macro"] for t in tests]), _quality(mine, "auprc")]
        cells += [cell([t["top_k"]["accuracy"] for t in tests])]
        cells += [cell([r["matched"][k] for r in mine]) for k in ("f1", "sparsity")]
        cells += [cell([t["argmax"][k] for t in tests]) for k in ("f1", "sparsity")]
        lines.append(cells)
    return markdown.table([*head, "F1, own masks", "S"], lines)


def _seeds(rows: list[Row], method: str, planned: Mapping[str, int] | None) -> str:
    every, mine = [r for r in rows if r["method"] == method], finished(rows, method=method)
    wanted = (planned or {}).get(method, len(every))
    if not every and not wanted:
        return "–"
    missing = f" of {wanted}" if len(every) < wanted else ""
    return f"{len(mine)}{missing}" + (f" ({len(every) - len(mine)} stopped)" if len(mine) < len(every) else "")


def _apart(rows: list[Row], method: str, other: str = "rnp") -> str:
    if method == other:
        return ""
    if not (gains := list(against(rows, method, other=other).values())):
        return "–"
    mean, low, high = interval(gains)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]" if len(gains) > 1 else f"{mean:+.1f} (one seed)"


def _quality(rows: list[Row], name: str, scale: float = 100.0) -> str:
    return cell([r.get("quality", {}).get(name) for r in rows], scale)


def curve_table(rows: list[Row]) -> str:
    """One row for each method: its mean F1 at every share that was measured, below that of as many random words."""
    done = finished(rows)
    shares, chance = done[0]["curve"]["share"], done[0]["random"]["curve"]
    lines = [["random words", "", *(f"{100 * f1:.1f}" for f1 in chance)]]
    for method in dict.fromkeys(row["method"] for row in done):
        found = [row["curve"]["f1"] for row in finished(rows, method=method)]
        means = (100 * statistics.fmean(at) for at in zip(*found, strict=True))
        lines.append([title(method), str(len(found)), *(f"{mean:.1f}" for mean in means)])
    return markdown.table(["method", "seeds", *(f"{100 * share:g} %" for share in shares)], lines)


def quality_table(rows: list[Row]) -> str:
    """One row for each method: measures other than F1 of the same masks."""
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = finished(rows, method=method)
        cells = [title(method), _quality(mine, "iou_f1"), _quality(mine, "runs", 1)]
        cells += [_quality(mine, "calibration_error"), _quality(mine, "brier")]
        for name in ("comprehensiveness", "sufficiency"):
            cells += [_quality(mine, name), _quality(mine, f"{name}_random")]
        lines.append(cells + [_read(mine, of) for of in ("label_read", "decision_read")])
    head = ["method", "IOU-F1", "runs", "calibration error", "Brier", "comprehensiveness", "random", "sufficiency"]
    return markdown.table([*head, "random", "shape tells the label", "shape tells the decision"], lines)


def _read(rows: list[Row], of: str) -> str:
    found = [r["quality"][of] for r in rows if r.get("quality", {}).get(of)]
    sure = sum(it["low"] > 1e-3 for it in found)  # rounding reads millionths of a nat
    return f"{statistics.fmean(it['read'] for it in found):.3f} ({sure} of {len(found)})" if found else "–"


def chosen_on_dev(rows: list[Row], target: float) -> dict[str, list[Row]]:
    """For each method that was trained with several shares and each seed: the row whose own masks come nearest to the
    sparsity ``target`` on dev. The test split is not used."""
    found: dict[str, list[Row]] = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in finished(rows, method=method) if "dev_own" in row]
        if len({row["config"]["alpha"] for row in mine}) < 2:
            continue
        for seed in sorted({row["seed"] for row in mine}):
            of_seed = [row for row in mine if row["seed"] == seed]
            best = min(of_seed, key=lambda row: abs(row["dev_own"]["sparsity"] - target))
            found.setdefault(method, []).append(best)
    return found


def alpha_table(rows: list[Row], target: float) -> str:
    """The choices of :func:`chosen_on_dev` and their scores on test; "–" where each method has one share only."""
    lines = []
    for method, mine in chosen_on_dev(rows, target).items():
        own = [row["test"]["chosen"]["argmax"] for row in mine]
        asked = " ".join(f"{row['config']['alpha']:g}" for row in mine)
        cells = [title(method), str(len(mine)), asked, cell([row["dev_own"]["sparsity"] for row in mine])]
        lines.append(cells + [cell([o[k] for o in own]) for k in ("sparsity", "f1")])
    head = ["method", "seeds", "alpha chosen", "S on dev", "S on test", "F1 on test, own masks"]
    return markdown.table(head, lines or [["–"] * len(head)])


def longer_table(rows: list[Row]) -> str:
    """One row for each method that was also trained for more epochs: F1 at equal sparsity with the usual epochs, with
    more, and that of random words at the same places as the latter. Empty where there is no such method."""
    short, long, lines = usual(rows), longer(rows), []
    for method in dict.fromkeys(row["method"] for row in long):
        mine = [finished(which, method=method) for which in (short, long)]
        cells = [title(method), " ".join(str(e) for e in sorted({row["config"]["epochs"] for row in mine[1]}))]
        cells += [str(len(mine[1])), *(cell([at_alpha(row) for row in which]) for which in mine)]
        tests = [[row["test"]["chosen"] for row in which] for which in mine]
        cells += [cell([row.get("same_places") for row in mine[1]])]
        cells += [cell([t["top_k"]["accuracy"] for t in which]) for which in tests]
        lines.append([*cells, cell([t["argmax"]["sparsity"] for t in tests[1]])])
    if not lines:
        return ""
    f1, acc = ([f"{name} after {_setting(short[0])[1]}", f"{name} after more"] for name in ("F1", "Acc"))
    return markdown.table(["method", "epochs", "seeds", *f1, "at the same places", *acc, "S of own masks"], lines)


def ver_table(rows: list[Row]) -> str:
    """One row for each corpus: what VER's perturbation adds to each of the games, at equal sparsity."""
    lines = []
    for corpus in _corpora(rows):
        mine = usual(row for row in rows if row["corpus"] == corpus)
        lines.append([name_of(corpus), *(_apart(mine, with_ver, plain) for plain, with_ver in WITH_VER.items())])
    return markdown.table(["corpus", *(f"{title(m)} minus {title(p)}" for p, m in WITH_VER.items())], lines)


# the page


def page(made: dict[str, Any], jobs: list[Job]) -> str:
    """The record in words and tables. ``jobs``: the runs that the spec asks for."""
    rows, wanted = made["rows"], [(job.name, job.corpus["name"], job.config()) for job in jobs]
    recorded = len({name for name, _, _ in wanted} & {row["name"] for row in rows})
    parts = [f"{made_by(made, rows)}\n\nOf the {len(jobs)} runs that the spec names, {recorded} are recorded.\n"]
    methods = list(dict.fromkeys(config.method for _, _, config in wanted))
    for corpus in dict.fromkeys([*(name for _, name, _ in wanted), *_corpora(rows)]):
        asked = [config for _, name, config in wanted if name == corpus]
        parts.append(_section(corpus, [r for r in rows if r["corpus"] == corpus], asked, methods))
    parts += [
        "## What VER adds to other games\n",
        "The paper expects VER to go with other methods (Introduction). The same F1 as above, seed by seed, with its "
        "perturbation minus without it, in points:\n",
        ver_table(rows),
        "## Beer and Hotel\n",
        "Empty: the corpora of the paper's Tables 1 and 2 may not be passed on. Whoever holds them runs "
        "`ver-lite sweep beer-hotel`, which trains the methods of Table 1 at the paper's size.\n",
        beside_theirs({corpus: usual(r for r in rows if r["corpus"] == corpus) for corpus in _corpora(rows)}),
    ]
    return "\n".join(parts)


def _section(corpus: str, rows: list[Row], asked: list[Config], methods: list[str]) -> str:
    """The section of one corpus: its tables, or a line that says that nothing is recorded."""
    head = f"## {name_of(corpus)}\n"
    if not finished(rows):
        return f"{head}\nEmpty: not trained yet; the spec asks for {len(asked)} runs.\n"
    mine = usual(rows)
    share, epochs = _setting(mine[0])
    planned = Counter(config.method for config in asked if (config.alpha, config.epochs) == (share, epochs))
    never = [f"{title(m)}, {ABSENT.get(m, 'not asked for')}" for m in methods if asked and not planned[m]]
    parts = [head, _about(mine, share), corpus_table(mine, planned, methods)]
    parts.append(GAPS + (f" Nobody could fill: {'; '.join(never)}." if never else "") + "\n")
    parts.append(f"F1 where a mask takes another share of every text, a mean over seeds:\n\n{curve_table(mine)}")
    if any(row.get("quality") for row in mine):
        parts += [f"What F1 does not say of the same masks:\n\n{quality_table(mine)}"]
    if again := longer_table(rows):
        parts.append(f"Is it a matter of training? Some of these games again, with more epochs:\n\n{again}")
    if len({row["config"]["alpha"] for row in rows} | {config.alpha for config in asked}) > 1 or corpus == "reviews":
        parts.append(f"Alpha chosen on dev, so that a method's own masks come near {100 * share:g} % there:\n")
        parts.append(alpha_table(rows, share))
    return "\n".join(parts)


def _corpora(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["corpus"] for row in rows))


def _about(rows: list[Row], share: float) -> str:
    """A paragraph on what the corpus's numbers are compared with; empty where nothing is recorded."""
    done = finished(rows)
    if not done:
        return ""
    test = done[0]["splits"]["test"]
    classes = test["classes"].values()
    return (
        f"{test['texts']} test texts, on average of {test['mean_length']:.0f} words, {100 * test['gold_share']:.1f} % "
        f"of them gold. A mask takes {100 * share:g} % of a text, rounded up to whole words, where the table does not "
        f"say otherwise; as many random words would have F1 {100 * done[0]['random']['f1']:.1f}. Always naming the "
        f"larger class is right in "
        f"{100 * max(classes) / sum(classes):.1f} % of the texts.\n"
    )
