"""Faithfulness, the shape probe, compaction: where the answer is known, and unmoved by what must not matter."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from small_corpora import chosen, keyword_corpus
from ver_lite import masks
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.masks import closed_up
from ver_lite.measures.evaluation import Played, evaluate, play_through
from ver_lite.measures.everything import evaluate_fully
from ver_lite.measures.faithfulness import BINS, faithfulness
from ver_lite.measures.mask_shape import FEATURES, logistic_regression, probe, read_shapes, shape_features
from ver_lite.methods import METHODS, RNP, Protocol
from ver_lite.players.compaction import CompactPredictor
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors
from ver_lite.training.config import Config
from ver_lite.training.runs import load_run
from ver_lite.training.training import train

WORDS, SIZE, HIDDEN = 30, 6, 8


class Wants(nn.Module):
    """A selector that wants the word "good" (id 2) most, and every word a little more than the one after it."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, tokens, real):
        score = 100.0 * (tokens == 2) - torch.arange(tokens.shape[1]) - 50
        return torch.stack([torch.zeros_like(score), score], -1)


class Hears(nn.Module):
    """A predictor that says "positive" with 90 % where it sees "good", else with 20 %; never looks at other words."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding, self.head = embedding, nn.Linear(1, 2)

    def forward(self, tokens, real, shown, pool=None):
        heard = ((tokens == 2) & (shown > 0)).any(1)
        positive = torch.where(heard, 0.9, 0.2)
        return torch.stack([1 - positive, positive], -1).log()


def known_game():
    vocabulary = Vocabulary(["good", *"abcdefghi"])
    texts = [Text(("a", "b", "good", *"cdefghi"), 1), Text(tuple("abcdefghi") + ("a",), 0)]
    embedding = make_embedding(torch.zeros(len(vocabulary), 1))
    return RNP(Wants(embedding), Hears(embedding)), Split.encode(texts, vocabulary), vocabulary


def test_faithfulness_by_hand():
    game, split, _ = known_game()
    it = faithfulness(game, split)
    # the first text falls from .9 to .2 without "good"; the second is the same whatever is shown: no word counts
    assert it.comprehensiveness == pytest.approx((0.9 - 0.2) / 2) and it.sufficiency == pytest.approx(0, abs=1e-6)
    assert it.comprehensiveness_at == pytest.approx([0.35] * 5) and it.sufficiency_at == pytest.approx(
        [0] * 5, abs=1e-6
    )
    assert it.aopc_comprehensiveness == pytest.approx(0.35) and it.bins == BINS and it.texts == 2
    random = [faithfulness(game, split, seed=seed) for seed in range(60)]
    hit = sum(each.comprehensiveness_random for each in random) / 60
    assert hit == pytest.approx(0.1 * 0.35, abs=0.03)  # one of ten words, and it is "good"
    assert sum(each.sufficiency_random for each in random) / 60 == pytest.approx(0.9 * 0.35, abs=0.03)
    with pytest.raises(ValueError, match="at least one bin"):
        faithfulness(game, split, bins=())


# the shape of a mask


def test_the_features_of_a_shape_by_hand():
    mask = torch.tensor([[0, 1, 1, 0, 0, 1, 0, 0, 0, 0], [0] * 10, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]]).float()
    selectable = torch.ones(3, 10, dtype=torch.bool)
    selectable[0, 9], selectable[2, :2] = False, False
    found = [dict(zip(FEATURES, row.tolist(), strict=True)) for row in shape_features(mask, selectable)]
    expected = {"share": 3 / 9, "count": 3, "runs": 2, "mean run": 1.5, "longest run": 2, "mean gap": 2}
    expected |= {"first": 1 / 8, "last": 5 / 8, "mean place": 1 / 3, "place 1/8": 0, "place 2/8": 1 / 3}
    expected |= {"place 3/8": 1 / 3, "place 6/8": 1 / 3}
    assert {name: found[0][name] for name in expected} == pytest.approx(expected)
    assert set(found[1].values()) == {0}
    assert (found[2]["share"], found[2]["first"], found[2]["last"], found[2]["mean gap"]) == (1, 0, 1, 0)
    assert [found[2][f"place {k}/8"] for k in (1, 7, 8)] == pytest.approx([1 / 4 - 1 / 8, 1 / 8, 1 / 8])


flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12)


@given(st.lists(flags, min_size=1, max_size=3))
def test_the_features_of_a_shape_are_those_of_a_plain_count(rows):
    """Any flags: a text may have words that cannot be selected between those that can."""
    width = max(map(len, rows))
    padded = torch.tensor([row + [(False, False)] * (width - len(row)) for row in rows])
    mask, selectable = padded.unbind(-1)
    found = shape_features(mask.float(), selectable)
    assert found.dtype == torch.float64
    for row, text in zip(found.tolist(), rows, strict=True):
        at = [i for i, (_, may) in enumerate(text) if may]
        chosen = [nth for nth, i in enumerate(at) if text[i][0]]  # among the selectable words
        here = {i for i, (shown, may) in enumerate(text) if shown and may}
        starts = [i for i in sorted(here) if i - 1 not in here]
        sizes = [next(n for n in itertools.count(1) if i + n not in here) for i in starts]
        places = [nth / max(len(at) - 1, 1) for nth in chosen]
        expected = dict.fromkeys(FEATURES, 0.0)
        if chosen:
            expected |= {"share": len(chosen) / len(at), "count": len(chosen), "runs": len(starts)}
            expected |= {"mean run": sum(sizes) / len(sizes), "longest run": max(sizes)}
            between = chosen[-1] - chosen[0] + 1 - len(chosen)
            expected |= {"mean gap": between / (len(starts) - 1) if len(starts) > 1 else 0.0}
            expected |= {"first": places[0], "last": places[-1], "mean place": sum(places) / len(places)}
            for place in places:
                expected[f"place {min(int(place * 8), 7) + 1}/8"] += 1 / len(places)
        assert dict(zip(FEATURES, row, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize(("classes", "strength"), [(3, 1.0), (2, 2.0)])
def test_the_regression_is_scikit_learns(classes, strength):
    g = torch.Generator().manual_seed(101)
    features, target = torch.randn(90, 4, generator=g).double(), torch.randint(0, classes, (90,), generator=g)
    weights, biases = logistic_regression(features, target, classes)
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=5000).fit(features, target)
    mine = (features @ weights + biases).softmax(-1)
    assert torch.allclose(mine, torch.tensor(theirs.predict_proba(features)), atol=1e-5)


def shapes(count=1200, width=30, seed=101):
    """Masks of six words each whose label, in four of five texts, says whether they stand together."""
    g = torch.Generator().manual_seed(seed)
    selectable = torch.ones(count, width, dtype=torch.bool)
    labels = torch.randint(0, 2, (count,), generator=g)
    code = torch.where(torch.rand(count, generator=g) < 0.8, labels, 1 - labels)
    start = torch.randint(0, width - 6, (count, 1), generator=g)
    together = (torch.arange(width) >= start) & (torch.arange(width) < start + 6)
    scattered = masks.random_words(selectable, torch.full((count,), 6), generator=g) > 0
    return torch.where(code[:, None] == 1, together, scattered), selectable, labels


def test_the_probe_reads_a_code_and_nothing_where_there_is_none():
    mask, selectable, labels = shapes()
    it = probe(shape_features(mask, selectable), labels, 2)
    assert 0.76 < it.accuracy < 0.84 and it.majority < 0.6 and it.chance < 0.01
    told = 0.8 * torch.tensor(0.8).log() + 0.2 * torch.tensor(0.2).log() - torch.tensor(0.5).log()  # I(Y; code)
    assert it.read == pytest.approx(float(told), abs=0.05) and it.low > 0.1 and it.high < 0.3
    blind = [probe(shape_features(mask, selectable), torch.roll(labels, k), 2) for k in range(1, 5)]
    assert sum(each.low > 0 for each in blind) <= 1 and sum(each.chance < 0.05 for each in blind) <= 1
    assert max(abs(each.read) for each in blind) < 0.04
    constant = probe(shape_features(mask, selectable), torch.zeros_like(labels), 2)
    assert constant.accuracy == constant.majority == constant.chance == 1 and abs(constant.read) < 1e-3
    with pytest.raises(ValueError, match="at least 10"):
        probe(torch.zeros(9, 2), torch.zeros(9, dtype=torch.int64), 2)


def read_by_scikit_learn(features, labels, seed):
    """What is named of each text, and its cross-entropy with and without features, by a fit on the other folds."""
    named, paid, plain = np.zeros((3, len(labels)))
    for held in torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tensor_split(5):
        fitted = np.setdiff1d(np.arange(len(labels)), held)
        known = StandardScaler().fit(features[fitted])
        model = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000)  # of two classes: see logistic_regression
        model.fit(known.transform(features[fitted]), labels[fitted])
        chances = model.predict_proba(known.transform(features[held]))
        named[held] = chances.argmax(1)
        paid[held] = -np.log(chances[np.arange(len(held)), labels[held]])
        plain[held] = -np.log((np.bincount(labels[fitted]) / len(fitted))[labels[held]])
    return named, paid, plain


@pytest.mark.parametrize("turn", [0, 1], ids=["a code", "other texts' labels"])
def test_a_reading_is_what_scikit_learn_reads_of_texts_it_was_not_fitted_on(turn):
    """In the same folds. For many texts the bootstrap's interval is the normal one; how many of two classes agree with
    a random assignment has a hypergeometric distribution."""
    mask, selectable, labels = shapes(203)
    labels, draws = torch.roll(labels, turn), 4000
    features = torch.cat([shape_features(mask, selectable), torch.full((203, 1), 3.0)], 1)  # the last tells nothing
    it = probe(features, labels, 2, seed=7, draws=draws)
    named, paid, plain = read_by_scikit_learn(features.numpy(), labels.numpy(), 7)
    right = (named == labels.numpy()).sum()
    assert it.texts == 203 and it.majority == pytest.approx(np.bincount(labels).max() / 203)
    assert it.accuracy == pytest.approx(right / 203)
    assert (it.cross_entropy, it.plain) == pytest.approx((paid.mean(), plain.mean()), abs=1e-5)
    assert it.read == pytest.approx((plain - paid).mean(), abs=1e-5)
    half = 1.96 * (plain - paid).std() / 203**0.5
    assert (it.low, it.high) == pytest.approx((it.read - half, it.read + half), abs=0.15 * half)
    ones, said = int(labels.sum()), int(named.sum())
    lucky = hypergeom(203, ones, said).sf((right + ones + said - 203) / 2 - 1)
    assert it.chance == pytest.approx((draws * lucky + 1) / (draws + 1), abs=4 * (0.25 / draws) ** 0.5)
    again = [probe(features, labels, 2, seed=seed, draws=draws) for seed in (7, 8)]
    assert it == again[0] != again[1]


@pytest.mark.parametrize("draws", [1, 19])
def test_the_chance_of_a_reading_counts_the_answers_as_they_are_among_their_assignments(draws):
    """A permutation test whose own assignment did not count could say 0, and would say "surely" too often."""
    code = torch.arange(40) % 2
    certain = probe(code[:, None].double(), code, 2, draws=draws)
    assert certain.accuracy == 1 and certain.chance == pytest.approx(1 / (draws + 1))
    blind = probe(torch.zeros(40, 1).double(), torch.zeros(40, dtype=torch.int64), 2, draws=draws)
    assert blind.chance == 1


# compaction


def predictors(encoder, seed=1):
    """A compact predictor and a plain one with the same weights."""
    torch.manual_seed(seed)
    embedding = make_embedding(random_vectors(WORDS, SIZE))
    compact = CompactPredictor(embedding, 2, encoder, HIDDEN).eval()
    plain = Predictor(embedding, 2, encoder, HIDDEN).eval()
    plain.load_state_dict(compact.state_dict())
    return compact, plain


def placed(words, places, width):
    """The words at these places of a text of ``width`` other words, and the mask that shows them."""
    tokens = torch.randint(2, WORDS, (1, width), generator=torch.Generator().manual_seed(width))
    shown = torch.zeros(1, width)
    tokens[0, places], shown[0, places] = torch.tensor(words), 1.0
    return tokens, torch.ones(1, width, dtype=torch.bool), shown


@given(st.sampled_from(["gru", "conv"]), st.integers(1, 5), st.data())
def test_where_words_stand_and_how_many_are_hidden_changes_nothing(encoder, count, data):
    compact, plain = predictors(encoder)
    words = data.draw(st.lists(st.integers(2, WORDS - 1), min_size=count, max_size=count))
    alone = compact(*placed(words, list(range(count)), count))
    assert torch.allclose(alone, plain(*placed(words, list(range(count)), count)), atol=1e-6)
    width = data.draw(st.integers(count, 14))
    places = sorted(data.draw(st.sets(st.integers(0, width - 1), min_size=count, max_size=count)))
    tokens, real, shown = placed(words, places, width)
    assert torch.allclose(compact(tokens, real, shown), alone, atol=1e-6)
    assert torch.allclose(compact.answer(compact.read(tokens, real, shown), real), alone, atol=1e-6)
    states = compact.states(tokens, real, shown)
    assert not states[0, shown[0] == 0].any()
    row = [tokens, real, shown]
    beside = [torch.cat([each, torch.ones_like(each)]) for each in row]  # another text in the batch, and padding
    beside = [nn.functional.pad(each, (0, 3)) for each in beside]
    assert torch.allclose(compact(*beside)[0], alone[0], atol=1e-6)


@pytest.mark.parametrize("encoder", ["gru", "conv"])
def test_kept_words_have_the_plain_gradient_and_hidden_ones_none(encoder):
    compact, plain = predictors(encoder)
    tokens, real, shown = placed([3, 5, 9], [1, 4, 5], 8)
    logits = torch.randn(1, 8, 2, requires_grad=True)
    mask = masks.straight_through(shown, logits.softmax(-1)[..., 1])
    of_mask, of_logits = torch.autograd.grad(compact(tokens, real, mask)[0, 1], [mask, logits])
    kept = shown[0] > 0
    assert (of_mask[0, kept] != 0).all() and not of_mask[0, ~kept].any() and of_logits[0, kept].abs().sum() > 0
    closed = torch.ones(1, 3, requires_grad=True)
    said = plain(torch.tensor([[3, 5, 9]]), torch.ones(1, 3, dtype=torch.bool), closed)
    assert torch.allclose(torch.autograd.grad(said[0, 1], closed)[0][0], of_mask[0, kept], atol=1e-6)
    silent = compact(tokens, real, torch.zeros(1, 8))
    assert torch.equal(silent[0], compact.head.bias)


def test_the_fused_gru_and_the_plain_one_are_closed_up_alike(monkeypatch):
    compact, _ = predictors("gru")
    batch = placed([3, 5, 9], [1, 4, 5], 8)
    said = compact(*batch)
    monkeypatch.delattr("ver_lite.players.encoders.GRUEncoder.of_words")
    assert torch.allclose(compact(*batch), said, atol=1e-6)


@pytest.mark.parametrize("encoder", ["gru", "conv"])
def test_the_probe_reads_a_plain_predictors_decisions_and_no_compact_ones(encoder):
    """Every word is the same one and six are shown: nothing but the shape can make a decision differ."""
    mask, selectable, labels = shapes(600)
    tokens = torch.full(mask.shape, 7)
    readings = []
    for predictor in predictors(encoder):
        said = predictor(tokens, selectable, mask.float()).detach()
        said = said - said.median(0).values * (
            said.std(0) > 1e-5
        )  # so that both classes are named, if it says different things
        played = Played(mask, mask.float(), said, selectable, mask, labels > 0, labels)
        readings.append(read_shapes(played)[1])
    compact, plain = readings
    assert plain.low > 0.1 and plain.chance < 0.01
    assert compact.majority == 1 and abs(compact.read) < 1e-3 and compact.chance == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:training stopped. a callback")
def test_a_game_with_a_compact_predictor_finds_the_keyword(tmp_path):
    corpus = keyword_corpus()
    settings = {"alpha": 0.1, "lambda1": 1.0, "lambda2": 0.01, "batch_size": 64, "learning_rate": 3e-3, "epochs": 40}
    config = Config(**settings, seed=101, player_options={"compact": True})
    train(corpus, config, out=tmp_path / "run", progress=False, callbacks=(chosen,))
    game = load_run(tmp_path / "run").game
    assert isinstance(game.predictor, CompactPredictor) and evaluate(game, corpus.test).scores.f1 > 0.6


@pytest.mark.parametrize("method", METHODS)
def test_every_method_plays_with_a_compact_predictor(method):
    """And still answers the same when the hidden words between the kept ones are gone."""
    corpus = keyword_corpus(24, 8, 8)
    settings = {"epochs": 1, "hidden": 8, "dimension": 8, "batch_size": 12, "progress": False}
    game = train(corpus, method=method, player_options={"compact": True}, **settings).game.eval()
    batch = corpus.test.batch(torch.arange(len(corpus.test)))
    shown = (torch.arange(batch.tokens.shape[1]) % 3 == 0) & batch.selectable
    order, kept = closed_up(shown)
    near = replace(batch, tokens=batch.tokens.gather(1, order), real=kept, selectable=kept)
    with torch.no_grad():
        assert torch.allclose(game.predict(batch, shown.float()), game.predict(near, kept.float()), atol=1e-6)


def test_wrong_ideas_of_compact_are_refused():
    with pytest.raises(ValueError, match="compact must be true or false, not 'ture'"):
        Config(player_options={"compact": "ture"})
    with pytest.raises(ValueError, match="compact hides where words stood; protocol.read_padding"):
        Config(encoder="gru", protocol=Protocol.released(), player_options={"compact": True})


# all of it


def test_everything_at_once_is_json_and_words(capsys):
    game, split, vocabulary = known_game()
    split = Split.encode([*split.texts] * 6, vocabulary)
    it = evaluate_fully(game, split, vocabulary)
    row = json.loads(json.dumps(it.as_dict(), allow_nan=False))
    assert row["plain"]["annotated"] == 0 and row["phrases"] is row["sentences"] is row["auprc"] is None
    assert row["decision_read"]["accuracy"] == 1 and row["faithfulness"]["comprehensiveness"] == pytest.approx(0.35)
    assert "Comprehensiveness 0.350" in str(it) and "Phrases" not in str(it)


def test_what_is_played_through_is_what_evaluate_counts():
    corpus = keyword_corpus(60, 20, 50)
    torch.manual_seed(101)
    embedding = make_embedding(random_vectors(len(corpus.vocabulary), SIZE))
    game = RNP(Selector(embedding, "conv", HIDDEN), Predictor(embedding, 2, "conv", HIDDEN))
    for how in ("argmax", "sample"):
        played = play_through(game, corpus.test, how=how, seed=3, batch_size=16)
        scores = evaluate(game, corpus.test, how=how, seed=3, batch_size=16).scores
        assert game.training and torch.equal(played.labels, corpus.test.labels)
        assert float(played.mask.sum() / played.selectable.sum()) == pytest.approx(scores.sparsity)
        right = (played.logits.argmax(1) == played.labels).double().mean()
        assert float(right) == pytest.approx(scores.accuracy)
    assert torch.equal(played.scores > 0, play_through(game, corpus.test).mask)
    full = evaluate_fully(game, corpus.test, corpus.vocabulary)
    assert full.plain == evaluate(game, corpus.test) and 0 < full.auprc < 1 and full.sentences.f1 > 0
