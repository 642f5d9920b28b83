"""Every measure of one game on one split, beside what ``evaluate`` counts; ``ver-lite evaluate --full`` prints it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ver_lite.corpora.core import Split, Vocabulary
from ver_lite.measures.agreement import Agreement, pieces, ranking, sentence_agreement, span_agreement, spans
from ver_lite.measures.calibration import brier_score, calibration_error
from ver_lite.measures.evaluation import Evaluation, Played, evaluate, play_through
from ver_lite.measures.faithfulness import Faithfulness, faithfulness
from ver_lite.measures.mask_shape import FOLDS, Reading, read_shapes
from ver_lite.methods import Method


@dataclass(frozen=True)
class FullEvaluation:
    """Each measure is defined where it is computed: :mod:`~ver_lite.measures.agreement` (``phrases``: IOU-F1 at 0.5;
    ``auprc``, ``average_precision``; ``sentences``; ``runs``, ``transitions``), :mod:`~ver_lite.measures.calibration`,
    :mod:`~ver_lite.measures.faithfulness`, :mod:`~ver_lite.measures.mask_shape`. None where no text allows the
    number."""

    plain: Evaluation
    runs: float
    transitions: float
    phrases: Agreement | None
    auprc: float | None
    average_precision: float | None
    sentences: Agreement | None
    calibration_error: float
    brier: float
    faithfulness: Faithfulness
    label_read: Reading | None
    decision_read: Reading | None

    def as_dict(self) -> dict[str, Any]:
        """The measures as JSON can hold them; a number that is not finite becomes None."""
        return _finite({**asdict(self), "plain": self.plain.as_dict()})

    def __str__(self) -> str:
        f = self.faithfulness
        lines = [str(self.plain), f"Masks: {self.runs:.1f} runs and {self.transitions:.1f} transitions a text"]
        for name, it in (("Phrases (IOU .5)", self.phrases), ("Sentences", self.sentences)):
            if it is not None:
                parts = f"P {100 * it.precision:.1f}, R {100 * it.recall:.1f}, F1 {100 * it.f1:.1f}"
                macro = f"P {100 * it.precision_macro:.1f}, R {100 * it.recall_macro:.1f}, F1 {100 * it.f1_macro:.1f}"
                lines.append(f"{name}: {parts} (macro {macro})")
        if self.auprc is not None:
            lines.append(f"Ranking: AUPRC {100 * self.auprc:.1f}, average precision {100 * self.average_precision:.1f}")
        lines += [
            f"Calibration: expected error {100 * self.calibration_error:.1f} %, Brier score {self.brier:.3f}",
            f"Comprehensiveness {f.comprehensiveness:.3f} (random words {f.comprehensiveness_random:.3f}; "
            f"AOPC {f.aopc_comprehensiveness:.3f})",
            f"Sufficiency {f.sufficiency:.3f} (random words {f.sufficiency_random:.3f}; AOPC {f.aopc_sufficiency:.3f})",
        ]
        for what, it in (("label", self.label_read), ("decision", self.decision_read)):
            if it is not None:
                lines.append(
                    f"The masks' shapes alone tell the {what} in {100 * it.accuracy:.1f} % of texts (majority "
                    f"{100 * it.majority:.1f} %): {it.read:.3f} nats, 95 % of [{it.low:.3f}, {it.high:.3f}]"
                )
        return "\n".join(lines)


def evaluate_fully(
    game: Method,
    split: Split,
    vocabulary: Vocabulary,
    *,
    how: str | None = None,
    share: float | None = None,
    batch_size: int = 256,
    seed: int = 0,
) -> FullEvaluation:
    """Take every measure of ``game`` on ``split``, with masks made as in ``evaluate``.

    Sentences are chosen by the selector's probabilities, or by the mask where a method's scores only rank words. Their
    share is alpha.
    """
    options: dict[str, Any] = {"how": how, "share": share, "batch_size": batch_size, "seed": seed}
    played = play_through(game, split, **options)
    some = played.annotated
    gold = played.gold[some]
    wanted = played.mask[some] if game.ranks_only else played.scores[some].double().sigmoid()
    sentences = split.sentences(vocabulary)[some]
    return FullEvaluation(
        plain=evaluate(game, split, **options),
        sentences=sentence_agreement(wanted, gold, sentences, game.alpha) if some.any() else None,
        faithfulness=faithfulness(game, split, **options),
        **of_moves(played, seed),
    )


def of_moves(played: Played, seed: int = 0) -> dict[str, Any]:
    """The measures that need only a game's moves, by their names in :class:`FullEvaluation`."""
    some = played.annotated
    auprc, precision = ranking(played.scores[some], played.gold[some], played.selectable[some])
    runs, transitions = pieces(played.mask, played.selectable)
    label, decision = read_shapes(played, seed=seed) if len(some) >= 2 * FOLDS else (None, None)
    return {
        "runs": runs,
        "transitions": transitions,
        "phrases": span_agreement(spans(played.mask[some]), spans(played.gold[some])) if some.any() else None,
        "auprc": float(auprc.mean()) if len(auprc) else None,
        "average_precision": float(precision.mean()) if len(precision) else None,
        "calibration_error": calibration_error(played.logits, played.labels),
        "brier": brier_score(played.logits, played.labels),
        "label_read": label,
        "decision_read": decision,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
