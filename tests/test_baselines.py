"""Rules that read no word: what they score is what drawing, or counting by hand, gives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ver_lite import masks
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.measures import baselines


def texts(*marked):
    """``gold`` and ``selectable`` of texts of so many words, the first so many of them gold."""
    made = [Text(("x",) * words, 0, tuple(i < gold for i in range(words))) for words, gold in marked]
    batch = next(iter(Split.encode([*made, Text(("x",) * 40, 1)], Vocabulary.build(made)).batches(8)))
    return batch.gold[batch.annotated], batch.selectable[batch.annotated]


def f1(mask, gold):
    return float(2 * (mask & gold).sum() / (mask.sum() + gold.sum()))


def test_random_words_have_on_average_the_f1_that_is_expected_of_them():
    gold, selectable = texts((9, 1), (2, 2), (30, 12), (5, 0))
    counts = torch.zeros(2)
    for seed in range(4000):
        drawn = masks.random_mask(selectable, 0.35, generator=torch.Generator().manual_seed(seed)).bool()
        counts += torch.tensor([(drawn & gold).sum(), drawn.sum() + gold.sum()])
    assert baselines.random_words(gold, selectable, 0.35) == pytest.approx(float(2 * counts[0] / counts[1]), abs=0.004)
    assert baselines.random_words(gold, selectable, 1.0) == pytest.approx(2 * 15 / (46 + 15))


def test_first_and_last_words():
    gold, selectable = texts((10, 3), (4, 1))
    assert baselines.first_words(gold, selectable, 0.2) == pytest.approx(2 * 3 / (3 + 4))
    assert baselines.first_words(gold, selectable, 0.2, last=True) == 0
    assert baselines.gold_by_place(gold, selectable).tolist() == pytest.approx([1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0])


def test_same_places_is_what_exchanging_every_word_for_one_of_the_same_tenth_gives():
    gold, selectable = texts((30, 9), (17, 2), (8, 8))
    generator = torch.Generator().manual_seed(101)
    mask = masks.random_mask(selectable, 0.4, generator=generator).bool()
    mask[:, :4] = selectable[:, :4]
    at, hits = baselines.tenth(selectable)[mask], 0
    pools = [gold[selectable & (baselines.tenth(selectable) == k)] for k in range(10)]
    for _ in range(3000):
        hits += sum(int(pools[k][torch.randint(len(pools[k]), (1,), generator=generator)]) for k in at.tolist())
    found = baselines.same_places(mask, gold, selectable)
    assert found == pytest.approx(2 * hits / 3000 / float(mask.sum() + gold.sum()), abs=0.01)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 60)), min_size=1, max_size=5), st.integers(0, 99))
def test_where_a_rule_goes_by_place_alone_the_same_places_score_as_much(sizes, seed):
    _, selectable = texts(*((10 * tens, 0) for tens, _ in sizes))
    share = torch.tensor([[gold / 60] for _, gold in sizes])
    gold = (torch.rand(selectable.shape, generator=torch.Generator().manual_seed(seed)) < share) & selectable
    lead = baselines.tenth(selectable) < 2
    found = baselines.same_places(lead & selectable, gold, selectable)
    assert found == pytest.approx(baselines.first_words(gold, selectable, 0.2))
    if gold.any():
        assert found == pytest.approx(f1(lead & selectable, gold))
    whole = baselines.same_places(selectable, gold, selectable)
    assert whole == pytest.approx(baselines.random_words(gold, selectable, 1.0))
    turned = baselines.first_words(gold.flip(1), selectable.flip(1), 0.3, last=True)
    assert turned == pytest.approx(baselines.first_words(gold, selectable, 0.3))
