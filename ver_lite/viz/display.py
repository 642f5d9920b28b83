"""Show a text with its rationale: in a terminal, in a notebook, or as plain text."""

from __future__ import annotations

import html
from dataclasses import dataclass

import torch

from ver_lite.corpora.core import Batch, Split, Text
from ver_lite.players.players import in_mode
from ver_lite.training.runs import Run

CHOSEN_STYLE = "background:#ffe08a;color:#1a1a1a;border-radius:3px;padding:0 2px"
GOLD_STYLE = "text-decoration:underline 2px #0072b2;text-underline-offset:3px"
NO_SPACE_BEFORE = set(".,;:!?)'’%") | {"n't", "'s", "'re", "'ve", "'ll", "'m", "'d"}


@dataclass(frozen=True, repr=False)
class Shown:
    """One text and what a game made of it.

    ``words``; ``mask``: which were selected; ``gold``: which a person marked (None: nobody did); ``query``: how many
    leading words are the query; ``label`` and ``prediction``: names of classes; ``probability`` of the prediction.
    A notebook displays it with selected words shaded and gold words underlined. ``str()`` writes [selected] and _gold_.
    """

    words: tuple[str, ...]
    mask: tuple[bool, ...]
    gold: tuple[bool, ...] | None = None
    query: int = 0
    label: str | None = None
    prediction: str | None = None
    probability: float | None = None

    def summary(self) -> str:
        """One line: the label, the prediction, how many words were selected, and how many gold words are among them."""
        said = [] if self.label is None else [f"label {self.label}"]
        if self.prediction is not None:
            sure = "" if self.probability is None else f" ({self.probability:.2f})"
            said.append(f"predicted {self.prediction}{sure}")
        selectable, chosen = len(self.words) - self.query, sum(self.mask)
        said.append(f"{chosen} of {selectable} words selected")
        if self.gold is not None:
            hits = sum(m and g for m, g in zip(self.mask, self.gold, strict=True))
            said.append(f"{hits} of {sum(self.gold)} gold words among them")
        return ", ".join(said)

    def _pieces(self):
        gold = self.gold or (False,) * len(self.words)
        for i, word in enumerate(self.words):
            word = "".join(c if c.isprintable() else "\ufffd" for c in word)
            space = "" if i == 0 or word.lower() in NO_SPACE_BEFORE else " "
            bar = " |" if self.query and i == self.query else ""
            yield bar + space, word, self.mask[i], gold[i]

    def __str__(self) -> str:
        marked = (f"{s}{'[' * m}{'_' * g}{w}{'_' * g}{']' * m}" for s, w, m, g in self._pieces())
        return f"{''.join(marked)}\n({self.summary()})"

    __repr__ = __str__

    def ansi(self) -> str:
        """The text for a color terminal: selected words on yellow, gold words underlined."""
        out = []
        for space, word, chosen, gold in self._pieces():
            codes = ["30;43"] * chosen + ["4"] * gold
            out.append(f"{space}\x1b[{';'.join(codes)}m{word}\x1b[0m" if codes else space + word)
        return f"{''.join(out)}\n({self.summary()})"

    def _repr_html_(self) -> str:
        out = []
        for space, word, chosen, gold in self._pieces():
            style = ";".join([CHOSEN_STYLE] * chosen + [GOLD_STYLE] * gold)
            word = html.escape(word)
            inner = f"<u>{word}</u>" if gold else word
            tag = "mark" if chosen else "span"
            out.append(space + (f'<{tag} style="{style}">{inner}</{tag}>' if style else word))
        return f'<p style="line-height:1.9">{"".join(out)}<br><small>{html.escape(self.summary())}</small></p>'


@torch.no_grad()
def show(
    run: Run, text: Split | str | Text, i: int = 0, *, how: str | None = None, share: float | None = None
) -> Shown:
    """What ``run`` selects in a text: text ``i`` of a split, or any string.

    ``how``, ``share``: as in :func:`~ver_lite.measures.evaluation.evaluate`. Raises IndexError when the split has no
    text ``i`` and ValueError for a string without words.
    """
    if isinstance(text, str):
        from ver_lite.corpora.words import words_of

        text = Text(words_of(text), 0)
        if not text.words:
            raise ValueError("the text has no words")
        return _show(run, Split.encode([text], run.vocabulary, None), 0, how, share, labeled=False)
    if isinstance(text, Text):
        return _show(run, Split.encode([text], run.vocabulary, None), 0, how, share)
    if not 0 <= i < len(text):
        raise IndexError(f"there is no text {i}: the split has texts 0 to {len(text) - 1}")
    return _show(run, text, i, how, share)


def _show(run: Run, split: Split, i: int, how: str | None, share: float | None, labeled: bool = True) -> Shown:
    game = run.game
    device = next(game.parameters()).device
    batch: Batch = split.to(device).batch(torch.tensor([i]), game.protocol.pad_to)
    words = int(split.lengths[i])
    with in_mode(game, training=False):
        mask = game.choose(batch, how, share, torch.Generator(device).manual_seed(0))
        chances = game.predict(batch, mask).softmax(1)[0]
    best = int(chances.argmax())
    return Shown(
        tuple(split.words(i, run.vocabulary)),
        tuple(bool(x) for x in mask[0, :words] > 0.5),
        tuple(batch.gold[0, :words].tolist()) if bool(batch.annotated[0]) else None,
        int(split.query_lengths[i]),
        run.classes[int(batch.labels[0])] if labeled else None,
        run.classes[best],
        float(chances[best]),
    )
