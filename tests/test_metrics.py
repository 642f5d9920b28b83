"""Metrics: against scikit-learn, by hand, and at the edges."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from ver_lite.measures.metrics import Tally


def batch_of(selectable, gold, annotated, labels):
    return SimpleNamespace(selectable=selectable, gold=gold, annotated=annotated, labels=labels)


def random_batch(seed, texts=7, width=9):
    g = torch.Generator().manual_seed(seed)
    selectable = torch.arange(width) < torch.randint(0, width + 1, (texts, 1), generator=g)
    gold = (torch.rand(texts, width, generator=g) < 0.3) & selectable
    mask = ((torch.rand(texts, width, generator=g) < 0.3) & selectable).float()
    annotated = torch.rand(texts, generator=g) < 0.8
    labels = torch.randint(0, 3, (texts,), generator=g)
    return mask, batch_of(selectable, gold, annotated, labels), torch.randn(texts, 3, generator=g)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_scores_agree_with_scikit_learn(seeds):
    tally, drawn = Tally(3), [random_batch(seed) for seed in seeds]
    for mask, batch, logits in drawn:
        tally.add(mask, batch, logits)
    scores = tally.scores()
    labels = torch.cat([b.labels for _, b, _ in drawn])
    logits = torch.cat([x for _, _, x in drawn])
    assert scores.accuracy == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    assert scores.cross_entropy == pytest.approx(log_loss(labels, logits.double().softmax(1), labels=[0, 1, 2]))
    each, truth, chosen = [], [], []
    for mask, batch, _ in drawn:
        for m, g, r in zip(
            mask[batch.annotated], batch.gold[batch.annotated], batch.selectable[batch.annotated], strict=True
        ):
            truth += g[r].tolist()
            chosen += m[r].bool().tolist()
            each.append(
                precision_recall_fscore_support(g[r], m[r].bool(), average="binary", zero_division=0)[:3]
                if bool(r.any())
                else (0.0, 0.0, 0.0)
            )
    if not each:
        assert scores.f1 is None and scores.f1_macro is None and scores.annotated == 0
        return
    micro = (0.0, 0.0, 0.0)
    if truth:
        micro = precision_recall_fscore_support(truth, chosen, average="binary", pos_label=True, zero_division=0)[:3]
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(micro)
    macro = torch.tensor(each, dtype=torch.float64).mean(0).tolist()
    assert (scores.precision_macro, scores.recall_macro, scores.f1_macro) == pytest.approx(macro)


def test_micro_f1_is_the_harmonic_mean_of_its_parts_and_macro_is_not():
    selectable = torch.ones(2, 4, dtype=torch.bool)
    gold = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    mask = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 0]])
    tally = Tally(2)
    tally.add(mask, batch_of(selectable, gold, torch.tensor([True, True]), torch.tensor([0, 1])), torch.zeros(2, 2))
    s = tally.scores()
    assert (s.precision, s.recall, s.f1) == pytest.approx((2 / 4, 2 / 5, 4 / 9))
    assert s.f1 == pytest.approx(2 * s.precision * s.recall / (s.precision + s.recall))
    assert (s.precision_macro, s.recall_macro, s.f1_macro) == pytest.approx((2 / 3, 5 / 8, 0.45))
    assert s.f1_macro != pytest.approx(2 * s.precision_macro * s.recall_macro / (s.precision_macro + s.recall_macro))
    assert s.sparsity == 0.5


@pytest.mark.parametrize("selected", [0.0, 1.0])
@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("real", [False, True])
def test_empty_full_and_padding_texts_give_defined_values(selected, marked, real):
    selectable = torch.full((2, 3), real)
    gold = torch.full((2, 3), marked) & selectable
    tally = Tally(2)
    labels, annotated = torch.tensor([0, 0]), torch.tensor([True, True])
    tally.add(torch.full((2, 3), selected), batch_of(selectable, gold, annotated, labels), torch.zeros(2, 2))
    s = tally.scores()
    expected = 1.0 if selected and marked and real else 0.0
    assert (s.f1, s.f1_macro) == (expected, expected)
    assert s.sparsity == (1.0 if selected and real else 0.0)
    assert s.accuracy_per_class == (1.0, None)
    assert s.majority == 1.0


def test_selected_padding_does_not_count():
    selectable = torch.tensor([[True, True, False]])
    gold = torch.tensor([[True, False, False]])
    tally = Tally(2)
    tally.add(torch.ones(1, 3), batch_of(selectable, gold, torch.tensor([True]), torch.tensor([1])), torch.zeros(1, 2))
    assert tally.scores().sparsity == 1.0 and tally.scores().precision == 0.5


def test_an_empty_tally_and_uncounted_texts():
    assert Tally(2).scores().texts == 0 and Tally(2).scores().accuracy == 0.0
    mask, batch, logits = random_batch(3)
    tally, part = Tally(3), torch.arange(7) < 3
    tally.add(mask, batch, logits, counted=part)
    alone = Tally(3)
    kept = batch_of(*(getattr(batch, n)[:3] for n in ("selectable", "gold", "annotated", "labels")))
    alone.add(mask[:3], kept, logits[:3])
    assert tally.scores() == alone.scores()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=3))
def test_accuracy_of_each_class_and_of_the_most_frequent_one(seeds):
    tally, drawn = Tally(4), [random_batch(seed) for seed in seeds]  # of classes 0 to 2: nobody has seen class 3
    for mask, batch, logits in drawn:
        tally.add(mask, batch, torch.cat([logits, torch.full((7, 1), -50.0)], 1))
    scores = tally.scores()
    labels = torch.cat([batch.labels for _, batch, _ in drawn])
    named = torch.cat([logits for _, _, logits in drawn]).argmax(1)
    for label, said in enumerate(scores.accuracy_per_class):
        its = labels == label
        assert said == (pytest.approx(float((named[its] == label).double().mean())) if its.any() else None)
    assert scores.majority == pytest.approx(max(Counter(labels.tolist()).values()) / len(labels))
    words = sum(int(batch.selectable.sum()) for _, batch, _ in drawn)
    selected = sum(float(mask.sum()) for mask, _, _ in drawn)
    assert scores.sparsity == (pytest.approx(selected / words) if words else 0.0)
    assert (scores.texts, scores.annotated) == (7 * len(seeds), sum(int(b.annotated.sum()) for _, b, _ in drawn))


def test_without_annotated_texts_there_is_no_quality():
    mask, batch, logits = random_batch(3)
    batch.annotated = torch.zeros(7, dtype=torch.bool)
    tally = Tally(3)
    for _ in range(2):
        scores = tally.scores()
        found = {getattr(scores, f"{name}{form}") for name in ("precision", "recall", "f1") for form in ("", "_macro")}
        assert found == {None} and scores.annotated == 0
        tally.add(mask, batch, logits)


def test_a_tally_goes_on_where_it_was_and_begins_anew_in_the_same_place():
    def add(tally, *seeds):
        for seed in seeds:
            mask, batch, logits = random_batch(seed)
            tally.add(mask, batch, logits)
        return tally

    saved = {name: counts.clone() for name, counts in add(Tally(3), 1, 2).state().items()}
    assert set(saved) == {"sums", "seen", "right"}, "so they are named in checkpoints"
    other = add(Tally(3), 9)
    places = [counts.data_ptr() for counts in other.state().values()]
    other.restore(saved)
    assert add(other, 3).scores() == add(Tally(3), 1, 2, 3).scores() != add(Tally(3), 3).scores()
    other.reset()
    assert other.scores() == Tally(3).scores()
    assert add(other, 4).scores() == add(Tally(3), 4).scores()
    assert [counts.data_ptr() for counts in other.state().values()] == places


def test_a_mask_that_learns_keeps_no_graph_alive():
    mask, batch, logits = random_batch(5)
    tally = Tally(3)
    tally.add(mask.requires_grad_(), batch, logits.requires_grad_())
    assert not any(counts.requires_grad for counts in tally.state().values())


def test_large_counts_are_exact():
    """Beyond 2²⁴, where float32 stops counting by ones."""
    tally, many = Tally(2), 2.0**24
    for counts in tally.state().values():
        counts.fill_(many)
    labels = torch.tensor([0])
    one = batch_of(torch.ones(1, 1, dtype=torch.bool), torch.ones(1, 1, dtype=torch.bool), torch.tensor([True]), labels)
    tally.add(torch.ones(1, 1), one, torch.zeros(1, 2))
    assert tally.state()["seen"].tolist() == [many + 1, many] and tally.scores().texts == 2 * many + 1
    assert tally.scores().annotated == many + 1


def test_scores_are_a_row_of_json():
    mask, batch, logits = random_batch(3)
    tally = Tally(3)
    tally.add(mask, batch, logits)
    row = tally.scores().as_dict()
    assert json.loads(json.dumps(row)) == row
    assert tuple(row["accuracy_per_class"]) == tally.scores().accuracy_per_class and row["f1"] == tally.scores().f1


def test_counting_stays_on_the_device_and_reads_nothing():
    """A tensor of the device "meta" has no values: whatever would read one, or leave it, fails there."""
    mask, batch, logits = random_batch(3)
    there = batch_of(*(each.to("meta") for each in (batch.selectable, batch.gold, batch.annotated, batch.labels)))
    tally = Tally(3, "meta")
    tally.add(mask.to("meta"), there, logits.to("meta"))
    tally.reset()
    assert {counts.device.type for counts in tally.state().values()} == {"meta"}


def test_a_soft_mask_selects_what_is_above_one_half():
    one = torch.ones(1, 3, dtype=torch.bool)
    tally = Tally(2)
    tally.add(torch.tensor([[0.4, 0.5, 0.6]]), batch_of(one, one, one[:, 0], torch.tensor([0])), torch.zeros(1, 2))
    assert tally.scores().sparsity == tally.scores().recall == pytest.approx(1 / 3)
