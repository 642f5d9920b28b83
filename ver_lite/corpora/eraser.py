"""ERASER's Movies, MultiRC and FEVER, in the benchmark's own layout (DeYoung et al. 2020).

``{train,val,test}.jsonl`` and ``docs/``, in a folder or in the published archive. A document is a file whose
lines are sentences of tokens separated by one space; evidences count tokens over the whole document. A bare carriage
return ends a line too, as it does in ERASER's own loader. Archives are read member by member into memory and never
unpacked to disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ver_lite.corpora.archives import read_archive
from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import json_objects, lines_of_bytes, safe_name, span_in
from ver_lite.corpora.words import words_of

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Task:
    """Classes in a fixed order; whether the query says something; the published examples a split."""

    classes: tuple[str, ...]
    query: bool
    official: dict[str, int]


TASKS = {
    "movies": Task(("NEG", "POS"), False, {"train": 1600, "val": 200, "test": 199}),
    "multirc": Task(("False", "True"), True, {"train": 24029, "val": 3214, "test": 4848}),
    "fever": Task(("REFUTES", "SUPPORTS"), True, {"train": 97957, "val": 6122, "test": 6111}),
}


@dataclass
class Release:
    """The files of one task: ``splits`` name -> bytes of its .jsonl; documents by id, read when asked for."""

    path: Path
    splits: dict[str, bytes]
    documents: dict[str, bytes] | None = None  # None: in the folder ``path``
    cache: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = field(default_factory=dict)

    def document(self, docid: str, where: tuple[Path, int]) -> tuple[str, ...]:
        """The tokens of document ``docid``, flattened. Raises CorpusError at ``where`` if it is not there."""
        return self.read(docid, where)[0]

    def read(self, docid: str, where: tuple[Path, int]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The tokens of :meth:`document`, and the places at which its sentences start: the lines that are not empty."""
        if docid not in self.cache:
            content = self._bytes(docid)
            if content is None:
                raise CorpusError(f"document {docid!r} is not in docs/", *where, hint="Is the release complete?")
            name = self.path / "docs" / docid
            whole = (line for _, read in lines_of_bytes(content, name) for line in read.split("\r"))
            lines = [[word for word in line.strip().split(" ") if word] for line in whole]
            sentences = [line for line in lines if line]
            if not sentences:
                raise CorpusError("the document has zero words", name)
            starts = tuple(accumulate(map(len, sentences[:-1]), initial=0))
            self.cache[docid] = tuple(chain.from_iterable(sentences)), starts
        return self.cache[docid]

    def _bytes(self, docid: str) -> bytes | None:
        name = safe_name(docid)
        if name is None:
            return None
        if self.documents is not None:
            return self.documents.get(name)
        file = self.path / "docs" / name
        return file.read_bytes() if file.is_file() else None

    def name(self, split: str) -> Path:
        return self.path / f"{split}.jsonl"


def open_release(path: str | Path) -> Release:
    """A release from a .tar or .tar.gz archive, a folder, or a folder that holds one of these."""
    path = Path(path)
    if path.is_dir():
        holding = [p for p in (path, *sorted(path.iterdir())) if (p / "test.jsonl").is_file()]
        archives = [p for p in sorted(path.iterdir()) if p.name.endswith((".tar", ".tar.gz"))]
        if not holding and len(archives) == 1:
            return open_release(archives[0])
        if not holding:
            raise CorpusError("no test.jsonl here or one folder below", path, hint="Expected an ERASER task.")
        root = holding[0]
        found = {s: (root / f"{s}.jsonl").read_bytes() for s in SPLITS if (root / f"{s}.jsonl").is_file()}
        return Release(root, found)
    files = read_archive(path)
    roots = sorted((PurePosixPath(n).parent for n in files if PurePosixPath(n).name == "test.jsonl"), key=str)
    if not roots:
        raise CorpusError("the archive holds no test.jsonl", path, hint="Expected an ERASER task.")
    root = roots[0]
    found = {s: files[str(root / f"{s}.jsonl")] for s in SPLITS if str(root / f"{s}.jsonl") in files}
    docs = {
        str(PurePosixPath(name).relative_to(root / "docs")): content
        for name, content in files.items()
        if PurePosixPath(name).is_relative_to(root / "docs")
    }
    return Release(path, found, docs)


def records(release: Release, split: str) -> Iterator[tuple[int, dict[str, Any], list[dict[str, Any]]]]:
    """(line, record, its evidences as one flat list) of a split; CorpusError for a record of another form."""
    path = release.name(split)
    for number, record in json_objects(lines_of_bytes(release.splits[split], path), path):
        for key in ("annotation_id", "classification", "evidences"):
            if key not in record:
                raise CorpusError(f'no "{key}"', path, number, "Expected an ERASER annotation.")
        groups = record["evidences"]
        if not (isinstance(groups, list) and all(isinstance(group, list) for group in groups)):
            raise CorpusError('"evidences" must be a list of lists', path, number)
        flat = [evidence for group in groups for evidence in group]
        for evidence in flat:
            missing = {"docid", "start_token", "end_token"} - set(evidence if isinstance(evidence, dict) else ())
            if missing:
                raise CorpusError(f"an evidence has no {', '.join(sorted(missing))}", path, number)
        yield number, record, flat


def read_eraser(
    path: str | Path, task: str, *, seed: int = 0, held_out: float = 0.15
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """The texts of an ERASER ``task`` ("movies", "multirc", "fever") from its archive or folder.

    val becomes dev. Where a release has no train.jsonl (FEVER's is often missing), val is divided: a share ``held_out``
    of its *documents*, drawn with ``seed``, makes dev, the rest makes train, and the facts say so. Text.words are the
    document's tokens, the rationale the union of all evidence groups, None where no evidence is given; MultiRC and
    FEVER have a query.
    """
    if task not in TASKS:
        raise CorpusError(f"no ERASER task {task!r}", hint=f"There are {', '.join(TASKS)}.")
    release = open_release(path)
    lacking = [s for s in ("val", "test") if s not in release.splits]
    if lacking:
        raise CorpusError(f"no {lacking[0]}.jsonl", release.path, hint="Is the release complete?")
    made = {split: _texts(release, split, TASKS[task]) for split in release.splits}
    notes = [
        f"{split}: {len(made[split])} examples, the published file has {n}"
        for split, n in TASKS[task].official.items()
        if split in made and len(made[split]) != n
    ]
    if "train" not in made:
        held = _held_out(made["val"], seed, held_out)
        documents = len({doc for _, doc in made["val"]})
        notes.append(
            f"no train.jsonl: train is val without {len(held)} of its {documents} documents, "
            f"held out as dev (seed {seed})"
        )
        made["train"] = [(text, doc) for text, doc in made["val"] if doc not in held]
        made["val"] = [(text, doc) for text, doc in made["val"] if doc in held]
    splits = {
        new: [text for text, _ in made[old]] for new, old in (("train", "train"), ("dev", "val"), ("test", "test"))
    }
    facts = {
        "empty_evidences": sum(
            e["start_token"] == e["end_token"] for s in release.splits for *_, es in records(release, s) for e in es
        ),
        "unannotated": {name: sum(text.rationale is None for text in texts) for name, texts in splits.items()},
        "notes": notes,
    }
    return splits, TASKS[task].classes, facts


def _texts(release: Release, split: str, task: Task) -> list[tuple[Text, str]]:
    """(text, its documents' names) of every record of a split."""
    return [_text(release, split, task, *entry) for entry in records(release, split)]


def _text(
    release: Release, split: str, task: Task, number: int, record: dict, evidences: list[dict]
) -> tuple[Text, str]:
    where = (release.name(split), number)
    label = str(record["classification"])
    if label not in task.classes:
        raise CorpusError(f"unknown class {label!r}", *where, hint=f"Expected {' or '.join(task.classes)}.")
    named = record.get("docids") or [e["docid"] for e in evidences] or [str(record["annotation_id"]).split(":")[0]]
    docids = list(dict.fromkeys([*named, *(e["docid"] for e in evidences)]))
    words: tuple[str, ...] = ()
    starts, sentences = {}, []
    for docid in docids:
        starts[docid] = len(words)
        document, lines = release.read(docid, where)
        sentences += [len(words) + line for line in lines]
        words = words + document if words else document
    flags = None
    if evidences:
        marked = np.zeros(len(words), bool)
        for evidence in evidences:
            start, end = _span(release, evidence, where)
            marked[starts[evidence["docid"]] + start : starts[evidence["docid"]] + end] = True
        flags = tuple(marked.tolist())
    query = words_of(str(record.get("query") or "")) if task.query else ()
    text = Text(words, task.classes.index(label), flags, query, str(record["annotation_id"]), tuple(sentences))
    return text, " ".join(docids)


def _span(release: Release, evidence: dict[str, Any], where: tuple[Path, int]) -> tuple[int, int]:
    document = release.document(evidence["docid"], where)
    what = f"the evidence in {evidence['docid']}"
    return span_in([evidence["start_token"], evidence["end_token"]], len(document), what, *where, empty=True)


def _held_out(made: list[tuple[Text, str]], seed: int, share: float) -> set[str]:
    documents = sorted({doc for _, doc in made})
    random = np.random.Generator(np.random.PCG64(seed))
    return {documents[i] for i in random.permutation(len(documents))[: max(1, round(share * len(documents)))]}


@dataclass(frozen=True)
class EvidenceCheck:
    """How many annotations and evidences were compared, and a line for each whose text is not its tokens."""

    annotations: int
    evidences: int
    mismatches: tuple[str, ...]


def check_evidence(path: str | Path) -> EvidenceCheck:
    """Compare every evidence's ``text`` with ``" ".join(tokens[start_token:end_token])``, in all splits."""
    release = open_release(path)
    annotations = evidences = 0
    wrong = []
    for split in release.splits:
        for number, _, flat in records(release, split):
            annotations += 1
            for evidence in flat:
                where = (release.name(split), number)
                start, end = _span(release, evidence, where)
                named = " ".join(release.document(evidence["docid"], where)[start:end])
                evidences += 1
                if named != evidence.get("text"):
                    wrong.append(f"{split}.jsonl, line {number}: {evidence.get('text')!r} names {named!r}")
    return EvidenceCheck(annotations, evidences, tuple(wrong))
