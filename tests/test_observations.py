"""The four observations: identities, a second implementation of each, and that looking disturbs nothing."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ver_lite import masks, observations
from ver_lite.corpora.reviews import make_reviews
from ver_lite.observations import SHOWN, SmallRegion, judge, lipschitz_released, random_then_frozen, roughness
from ver_lite.training.config import Config
from ver_lite.training.training import train

SMALL = {"alpha": 0.3, "hidden": 8, "dimension": 12, "batch_size": 16, "progress": False, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def corpus():
    return make_reviews("tiny", seed=3)


@pytest.fixture(scope="module")
def game(corpus):
    return train(corpus, epochs=4, **SMALL).last


# observation 1


def test_watching_changes_nothing_and_sees_the_steps_it_says(corpus):
    watch = SmallRegion(steps_per_epoch=3, every=2)
    watched = train(corpus, epochs=5, watch=watch, **SMALL)
    alone = train(corpus, epochs=5, **SMALL)
    assert watched.history == alone.history
    assert [row["step"] for row in watch.seen] == [1, 7, 13]
    for row in watch.seen:
        assert 0 <= row["moved"] < row["expected"] <= 1 and 0 <= row["floor"] <= 1 and 0 <= row["change"] <= 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_the_expected_change_is_the_floors_and_the_square_of_the_movement(seed):
    torch.manual_seed(seed)
    a, b = torch.rand(2, 3, 7, dtype=torch.float64)
    floors = (a * (1 - a) + b * (1 - b)).sum(1) / (a + b).sum(1)
    expected = masks.expected_non_overlap(a, b)
    assert torch.allclose(expected, floors + masks.expected_movement(a, b), atol=1e-12)
    assert torch.allclose(masks.expected_non_overlap(a, a), (a * (1 - a)).sum(1) / a.sum(1))
    sure = (a > 0.5).double()
    assert torch.allclose(masks.expected_non_overlap(sure, 1 - sure), torch.ones(3, dtype=torch.float64))


def test_drawn_masks_change_as_much_as_expected():
    noise = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 1, 40, generator=noise)
    draws = [(torch.rand(20_000, 40, generator=noise) < p).float() for p in (a, b)]
    differ, total = (draws[0] - draws[1]).abs().sum(), draws[0].sum() + draws[1].sum()
    assert float(differ / total) == pytest.approx(float(masks.expected_non_overlap(a, b)), rel=0.01)
    assert not masks.expected_non_overlap(torch.zeros(1, 4), torch.zeros(1, 4)).any()


# observation 2


@pytest.mark.parametrize("shown", SHOWN)
def test_a_judgement_is_a_plain_loop_over_single_texts(corpus, game, shown):
    game.eval()
    losses, right, parts = [], [], []
    for i in range(len(corpus.test)):
        one = corpus.test.batch(torch.tensor([i]))
        with torch.no_grad():
            mask = game.choose(one) if shown == "own" else one.gold.float()
            q = game.predict(one, mask, one.gold if shown == "gold alone" else None)[0].double().softmax(0)
        p = corpus.world.log_posterior(one.tokens, mask)[0].exp()
        losses.append(-math.log(q[one.labels[0]]))
        right.append(int(q.argmax()) == int(one.labels[0]))
        parts.append((-(p * p.log()).sum(), (p * (p / q).log()).sum()))
    made = judge(game, corpus.test, shown, oracle=corpus.world)
    n = len(losses)
    assert made.accuracy == pytest.approx(sum(right) / n)
    assert made.cross_entropy == pytest.approx(sum(losses) / n, abs=1e-6)
    assert made.median == pytest.approx((sorted(losses)[n // 2 - 1] + sorted(losses)[n // 2]) / 2, abs=1e-6)
    assert made.entropy == pytest.approx(float(sum(h for h, _ in parts)) / n, abs=1e-6)
    assert made.divergence == pytest.approx(float(sum(d for _, d in parts)) / n, abs=1e-6)
    assert made.rest == pytest.approx(made.cross_entropy - made.entropy - made.divergence)


def test_on_gold_words_the_rest_is_luck_and_goes_away_with_more_texts(game, corpus):
    """Gold masks do not depend on the sentiment, so Eq. 6 is exact: with many texts nothing is left over."""
    many = corpus.world.generate(20_000, 7)
    split = type(corpus.test).from_arrays(many.tokens, many.lengths, many.labels, many.gold)
    made = judge(game, split, "gold", oracle=corpus.world)
    assert abs(made.rest) < 0.01 < made.divergence


def test_without_an_oracle_there_are_no_parts_and_wrong_words_are_errors(game, corpus):
    assert judge(game, corpus.test).rest is None
    with pytest.raises(ValueError, match="own, gold, gold alone"):
        judge(game, corpus.test, "golden")
    bare = type(corpus.test)(**{**vars(corpus.test), "gold": torch.zeros_like(corpus.test.gold)})
    with pytest.raises(ValueError, match="no text"):
        judge(game, bare)


# observation 3


def test_the_slope_is_the_slope(game, corpus):
    """Against finite differences of the predictor's P(y = 1) in the shown vectors of one text."""
    game.eval()
    one = corpus.train.batch(torch.tensor([5]))
    mask = torch.zeros(one.real.shape)
    mask[0, :3] = 1
    gradient = observations._gradient(game, one, mask, mean=False)
    read = game.predictor.read(one.tokens, one.real, mask).detach()
    for place, axis in ((0, 0), (1, 4), (2, 11)):
        step = torch.zeros_like(read)
        step[0, place, axis] = 1e-2
        with torch.no_grad():
            p = [game.predictor.answer(read + s, one.real).double().softmax(-1)[0, 1] for s in (step, -step)]
        assert float(gradient[0, place, axis]) == pytest.approx(float(p[0] - p[1]) / 2e-2, abs=1e-3)


def test_the_released_slope_shrinks_with_the_batch_and_ours_does_not(game, corpus, monkeypatch):
    monkeypatch.setattr(game, "choose", lambda batch, *_: batch.gold.float())
    (largest_12, mean_12), (largest_24, mean_24) = (
        lipschitz_released(game, corpus.train, batch_size=size) for size in (12, 24)
    )
    assert largest_12 == pytest.approx(2 * largest_24, rel=1e-4) and mean_12 == pytest.approx(2 * mean_24, rel=1e-4)
    a, b = (roughness(game, corpus.train, batch_size=size) for size in (12, 24))
    assert (a.largest, a.mean) == pytest.approx((b.largest, b.mean), rel=1e-4)
    assert a.largest >= a.mean > 0 and 0 < a.hidden <= 1 and 0 < a.added <= 1


def test_a_predictor_that_ignores_its_words_is_perfectly_smooth(game, corpus, monkeypatch):
    deaf = train(corpus, epochs=1, **SMALL).last
    torch.nn.init.zeros_(deaf.predictor.head.weight)
    assert vars(roughness(deaf, corpus.test)) == {"largest": 0, "mean": 0, "hidden": 0, "added": 0}
    monkeypatch.setattr(deaf, "choose", lambda batch, *_: torch.zeros(batch.real.shape))
    assert lipschitz_released(deaf, corpus.test) == (0, 0)


def test_measuring_leaves_game_and_random_numbers_alone(game, corpus):
    game.train()
    before, state = {k: v.clone() for k, v in game.state_dict().items()}, torch.get_rng_state()
    judge(game, corpus.test, how="sample"), roughness(game, corpus.test), lipschitz_released(game, corpus.test)
    assert game.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in game.state_dict().items())
    assert all(p.grad is None or p.requires_grad for p in game.parameters())


# observation 4


def test_random_masks_teach_the_predictor_alone_and_then_it_stays_as_it_is(corpus):
    config = Config.make({k: v for k, v in SMALL.items() if k != "progress"})
    taught, played = random_then_frozen(corpus, config, share=0.25, epochs=3, progress=False)
    fresh = train(corpus, config, method="random-masks", alpha=0.25, epochs=1, learning_rate=1e-12, progress=False).last
    for name, value in taught.last.selector.state_dict().items():
        assert torch.equal(value, fresh.selector.state_dict()[name])
    pairs = zip(taught.last.predictor.encoder.parameters(), fresh.predictor.encoder.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)
    for name, value in played.last.predictor.state_dict().items():
        assert torch.equal(value, taught.last.predictor.state_dict()[name])
    assert any(not torch.equal(v, fresh.selector.state_dict()[k]) for k, v in played.last.selector.state_dict().items())
    lengths = corpus.dev.lengths.tolist()
    expected = sum(max(1, math.ceil(n * 0.25 - 1e-6)) for n in lengths) / sum(lengths)
    assert taught.history[-1]["dev"]["sparsity"] == pytest.approx(expected)


def test_players_that_go_on_have_no_folder_and_are_not_touched(corpus, game, tmp_path):
    with pytest.raises(ValueError, match="players"):
        train(corpus, players=game, out=tmp_path / "run", **SMALL)
    before = {k: v.clone() for k, v in game.state_dict().items()}
    on = train(corpus, players=game, epochs=1, **SMALL)
    assert all(torch.equal(v, before[k]) for k, v in game.state_dict().items())
    assert on.last.predictor.embedding is on.last.selector.embedding
