"""A2I, A2R, INVRAT, 3PLAYER and CAR: who moves on which loss, what each player is shown, and nobody sees the answer."""

import math
import signal
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from interrupting import stop_at
from small_corpora import keyword_corpus
from ver_lite import masks
from ver_lite.corpora.core import CorpusError, Split, Text, Vocabulary
from ver_lite.corpora.reviews import environments, make_reviews
from ver_lite.methods import METHODS
from ver_lite.players.base import Encoder
from ver_lite.players.encoders import GRUEncoder
from ver_lite.players.players import random_vectors
from ver_lite.training.config import Config
from ver_lite.training.game import build_game
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

TEXTS = [
    Text(("a", "b", "c", "d", "e"), 0, (True, False, False, False, False)),
    Text(("c", "d", "a"), 1, (False, True, False), query=("b", "a")),
    Text(("e", "a", "b"), 1, None),
    Text(("d",), 0, (True,)),
]
VOCABULARY = Vocabulary.build(TEXTS)
SPLIT = replace(Split.encode(TEXTS, VOCABULARY), environments=torch.tensor([0, 1, 1, 0]))
BATCH = SPLIT.batch(torch.arange(4))
MOVES = {  # who moves in which step
    "a2i": {"game": {"selector", "predictor"}, "attack": {"attacker"}},
    "a2r": {"game": {"selector", "predictor", "soft_head"}},
    "invrat": {"selector": {"selector"}, "predictors": {"predictor", "aware"}},
    "3player": {"selector": {"selector"}, "predictors": {"predictor", "complement"}},
    "car": {"selectors": {"selector", "others"}, "predictor": {"predictor"}},
}
RIVALS = list(MOVES)


def game(method, classes=2, seed=1, **settings):
    """A game without dropout, its noise from a generator of its own; ``settings`` are those of Config."""
    torch.manual_seed(seed)
    config = Config(method=method, encoder="gru", hidden=8, alpha=0.4, dropout=0.0, **settings)
    noise = torch.Generator().manual_seed(7)
    made = build_game(config, random_vectors(len(VOCABULARY), 6), classes, noise)
    made.prepare(SPLIT)
    return made


def shown_to(monkeypatch):
    """Every mask that a player's encoder gets from now on."""
    seen = []
    for kind in (Encoder, GRUEncoder):
        read = kind.of_words
        monkeypatch.setattr(kind, "of_words", lambda *a, read=read: seen.append(a[3]) or read(*a))
    return seen


# all of them


@pytest.mark.parametrize("vectors", [False, True], ids=["frozen vectors", "trained vectors"])
@pytest.mark.parametrize("method", RIVALS)
def test_each_step_moves_its_own_players_and_no_others(method, vectors):
    made = game(method, trainable_vectors=vectors)
    groups = made.groups()
    named = dict(made.named_parameters())
    owned = [p for group in groups.values() for part in group for p in part["params"]]
    assert len(owned) == len(set(owned)) == sum(p.requires_grad for p in named.values())
    optimizers = {name: torch.optim.SGD(group, lr=0.1) for name, group in groups.items()}
    for _ in range(2):  # the second time there are gradients that an earlier step left on players of another
        order = []
        for step in made.play(BATCH):
            before = {name: p.detach().clone() for name, p in named.items()}
            optimizers[step.players].zero_grad(set_to_none=True)
            step.loss.backward()
            optimizers[step.players].step()
            moved = {name.split(".")[0] for name, p in named.items() if not torch.equal(p, before[name])}
            embedding = {"selector"} if vectors and "predictor" in MOVES[method][step.players] else set()
            assert moved == MOVES[method][step.players] | embedding
            order.append(step.players)
        assert order == list(MOVES[method])
    assert all(p.requires_grad for name, p in named.items() if vectors or "embedding" not in name)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", RIVALS)
def test_every_player_sees_the_query_nobody_selects_it_and_one_word_is_enough(monkeypatch, method, classes):
    made, seen = game(method, classes), shown_to(monkeypatch)
    for _ in range(10):
        for step in made.play(BATCH):
            assert bool(step.loss.isfinite())
            if step.mask is not None:
                assert not bool((step.mask * ~BATCH.selectable).any()) and step.logits.shape == (4, classes)
    for how in ("argmax", "top_k", "sample"):
        mask = made.choose(BATCH, how, generator=made.generator)
        assert not bool((mask * ~BATCH.selectable).any()) and made.predict(BATCH, mask).shape == (4, classes)
    assert made.scores(BATCH).shape == BATCH.tokens.shape and made.classes == classes
    assert seen and all(bool((shown[BATCH.query] == 1).all()) for shown in seen)
    nothing = torch.zeros(BATCH.tokens.shape)
    assert bool(made.predict(BATCH, nothing).isfinite().all())


@pytest.mark.parametrize("method", RIVALS)
def test_at_test_time_nobody_looks_at_the_label_or_at_a_hidden_word(method, monkeypatch):
    monkeypatch.delattr(
        "ver_lite.players.encoders.GRUEncoder.of_words"
    )  # the fused one rounds by how many words there are
    made = game(method).eval()
    other = replace(BATCH, labels=1 - BATCH.labels, gold=~BATCH.gold)
    mask = made.choose(BATCH)
    assert torch.equal(mask, made.choose(other)) and torch.equal(made.scores(BATCH), made.scores(other))
    rewritten = replace(other, tokens=torch.where((mask + BATCH.query) > 0, BATCH.tokens, 1))
    assert not torch.equal(rewritten.tokens, BATCH.tokens)
    assert torch.equal(made.predict(BATCH, mask), made.predict(rewritten, mask))


@pytest.mark.parametrize("method", RIVALS)
def test_padding_changes_nothing(method):
    made = game(method).eval()
    short = SPLIT.batch(torch.arange(2, 4))
    lengths, queries = SPLIT.lengths[2:], SPLIT.query_lengths[2:]
    wide = SPLIT.gather(torch.arange(2, 4), lengths, queries, 5)
    assert wide.tokens.shape[1] > short.tokens.shape[1]
    mask = made.choose(short)
    assert torch.equal(made.choose(wide)[:, :3], mask)
    padded = F.pad(mask, (0, 2))
    assert torch.allclose(made.predict(wide, padded), made.predict(short, mask), atol=1e-6)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("a2i", {"instruction": "none"}, "instruction must be one of: hinge, uniform"),
        ("a2i", {"instruction_weight": -1}, "instruction_weight must be a number of at least 0"),
        ("a2r", {"agreement": float("nan")}, "agreement must be a number of at least 0"),
        ("a2r", {"agreement_moves": "nobody"}, "agreement_moves must be one of: all, predictors"),
        ("invrat", {"invariance": -1}, "invariance must be a number of at least 0"),
        ("invrat", {"environments": 1}, "environments must be a whole number of at least 2"),
        ("3player", {"margin": -0.1}, "margin must be a number of at least 0"),
        ("3player", {"complement_weight": float("inf")}, "complement_weight must be a number of at least 0"),
        ("car", {"path": "true"}, "path must be one of: predicted, gold"),
        *[(m, {"draws": "no"}, "draws must be true or false, not 'no'") for m in ("invrat", "car", "dmr")],
    ],
)
def test_wrong_options_are_refused_by_name(method, options, said):
    with pytest.raises(ValueError, match=said):
        game(method, options=options)


@pytest.mark.parametrize("method", ["a2i", "invrat", "car"])
def test_an_interrupted_run_resumes_to_the_same_history_and_loads(monkeypatch, tmp_path, method):
    corpus = keyword_corpus(60, 20, 20)
    settings = {"epochs": 3, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False, "method": method}
    whole = train(corpus, out=tmp_path / "whole", **settings)
    with monkeypatch.context() as patched:
        stop_at(patched, 11, signal.SIGTERM, METHODS[method])  # in the second epoch
        half = train(corpus, out=tmp_path / "half", **settings)
    assert half.status == "interrupted"
    rest = resume(tmp_path / "half", corpus, progress=False)
    assert rest.history == whole.history
    batch = next(corpus.test.batches(20))
    loaded, trained = load_run(tmp_path / "half").game.eval(), whole.game.eval()
    mask = trained.choose(batch)
    assert torch.equal(loaded.choose(batch), mask)
    assert torch.equal(loaded.predict(batch, mask), trained.predict(batch, mask))


# A2I


def test_a2i_without_instruction_plays_rnp():
    made, rnp = game("a2i", options={"instruction_weight": 0.0}), game("rnp")
    step, plain = next(made.play(BATCH)), next(rnp.play(BATCH))
    assert torch.equal(step.loss, plain.loss) and torch.equal(step.mask, plain.mask)


@pytest.mark.parametrize("classes", [2, 3])
def test_a2i_asks_for_chance_and_for_nothing_beyond(classes):
    made, wrong = game("a2i", classes), torch.tensor([1, 1])
    sure, right = torch.zeros(2, classes), torch.zeros(2, classes)
    sure[:, 1] = 2.0  # the predictor believes the attack
    right[:, 0] = 2.0
    logits = torch.stack([sure[0], right[0]]).requires_grad_()
    made.instruct(logits, wrong).backward()
    assert bool(logits.grad[0].abs().sum() > 0) and not bool(logits.grad[1].any())
    assert logits.grad[0, 1] > 0  # a step against the gradient believes it less
    assert made.instruct(right, wrong) == pytest.approx(-math.log(classes))
    uniform = game("a2i", classes, options={"instruction": "uniform"})
    assert uniform.instruct(torch.zeros(2, classes), wrong) == pytest.approx(math.log(classes))
    assert uniform.instruct(sure, wrong) > math.log(classes)


def test_a2i_attacks_for_every_wrong_label_alike():
    made = game("a2i", 3)
    many = replace(BATCH, labels=torch.tensor([0, 1, 2]).repeat(2000))
    away = (made.wrong_labels(many) - many.labels) % 3
    assert set(away.tolist()) == {1, 2} and abs(float((away == 1).float().mean()) - 0.5) < 0.03
    assert torch.equal(game("a2i").wrong_labels(BATCH), 1 - BATCH.labels)


@pytest.mark.parametrize("method", ["a2r", "nir-a2r"])
def test_an_attention_gives_its_best_words_however_it_is_asked_and_the_whole_text(method):
    made = game(method)
    best = made.choose(BATCH, "top_k")
    assert best.sum(1).tolist() == [2, 2, 2, 1]
    assert all(torch.equal(made.choose(BATCH, how), best) for how in (None, "argmax", "sample"))
    assert torch.equal(made.choose(BATCH, "all"), BATCH.selectable.float())
    with pytest.raises(ValueError, match="a share is for top_k"):
        made.choose(BATCH, "argmax", 0.1)


@pytest.mark.parametrize("method", ["invrat", "car", "dmr"])
def test_without_noise_a_mask_is_each_words_likelier_choice_and_still_teaches_the_selector(method):
    made = game(method, options={"draws": False})
    drawn, step = (next(one.play(BATCH)) for one in (game(method), made))
    pleas = made.pleas(BATCH).unbind(1) if method == "car" else [made.logits(BATCH)]
    likelier = torch.stack([masks.argmax(logits, BATCH.selectable) for logits in pleas])  # CAR: of some path
    assert bool((step.mask == likelier).all(-1).any(0).all()) and not bool(
        (drawn.mask == likelier).all(-1).any(0).all()
    )
    assert bool(torch.autograd.grad(step.loss, made.selector.head.weight)[0].any())


# A2R


def test_a2r_selects_exactly_alpha_and_learns_where_from_the_soft_head_alone():
    made = game("a2r")
    (step,) = made.play(BATCH)
    assert step.mask.sum(1).tolist() == [2, 2, 2, 1] and not step.mask.requires_grad
    assert torch.equal(made.choose(BATCH), made.choose(BATCH, "top_k"))
    scores = made.scores(BATCH)
    states = made.predictor.states(BATCH.tokens, BATCH.real, BATCH.real.float())
    heads = made.predict_softly(BATCH, scores, states), made.predict(BATCH, step.mask)
    soft, hard = (logits.log_softmax(-1) for logits in heads)
    apart = sum(F.kl_div(a, b, log_target=True, reduction="batchmean") for a, b in ((soft, hard), (hard, soft)))
    told = F.nll_loss(soft, BATCH.labels) + F.nll_loss(hard, BATCH.labels)
    assert torch.isclose(step.loss, told + apart, atol=1e-6)


def test_a2rs_agreement_moves_the_attention_or_leaves_it_alone():
    def attention_moves_by(**options):
        made = game("a2r", options=options)
        (step,) = made.play(BATCH)
        (gradient,) = torch.autograd.grad(step.loss, made.selector.head.weight)
        return gradient

    without = attention_moves_by(agreement=0.0)
    assert torch.allclose(attention_moves_by(agreement_moves="predictors"), without, atol=1e-7)
    assert not torch.allclose(attention_moves_by(), without, atol=1e-4)


def test_a2r_reads_the_whole_text_softly_and_only_selected_states_hard():
    made = game("a2r").eval()
    scores = torch.where(BATCH.tokens == VOCABULARY.index("a"), 50.0, 0.0)  # all attention on one word
    states = made.predictor.states(BATCH.tokens, BATCH.real, BATCH.real.float())
    assert torch.allclose(made.predict_softly(BATCH, scores, states)[0], made.soft_head(states[0, 0]), atol=1e-5)
    mask = torch.zeros(BATCH.tokens.shape)
    mask[0, 2] = 1
    alone = made.predictor.states(BATCH.tokens, BATCH.real, mask + BATCH.query)[0, 2]
    assert torch.allclose(made.predict(BATCH, mask)[0], made.predictor.head(alone), atol=1e-6)


# INVRAT


def test_invrat_refuses_a_corpus_without_environments_and_writes_nothing(tmp_path):
    corpus = keyword_corpus(20, 10, 10)
    settings = {"method": "invrat", "epochs": 1, "hidden": 8, "dimension": 8, "progress": False}
    corpus.train.environments = None
    with pytest.raises(CorpusError, match="this corpus has none. Set corpus.train.environments"):
        train(corpus, out=tmp_path / "run", **settings)
    corpus.train.environments = torch.arange(20) % 3
    with pytest.raises(CorpusError, match='20 numbers from 0 to 1. The option "environments"'):
        train(corpus, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()
    assert len(train(corpus, out=tmp_path / "run", options={"environments": 3}, **settings).history) == 1


def test_invrat_prices_what_the_environment_adds():
    for weight in (0.0, 10.0):
        made = game("invrat", options={"invariance": weight})
        step = next(made.play(BATCH))
        blind = F.cross_entropy(made.predict(BATCH, step.mask), BATCH.labels)
        aware = F.cross_entropy(made.predict_aware(BATCH, step.mask), BATCH.labels)
        expected = blind + weight * F.relu(blind - aware) + made.omega(step.mask, BATCH)
        assert torch.isclose(step.loss, expected, atol=1e-5)


def test_invrat_tells_the_second_predictor_each_texts_environment():
    made = game("invrat").eval()
    here = made.predict_aware(BATCH, BATCH.real.float())
    made.of_text = torch.tensor([0, 1, 1, 1])
    there = made.predict_aware(BATCH, BATCH.real.float())
    assert torch.equal(here[:3], there[:3]) and not torch.equal(here[3], there[3])
    backward = SPLIT.batch(torch.tensor([3, 2, 1, 0]))  # by the text's number, not by its row
    assert torch.allclose(made.predict_aware(backward, backward.real.float()).flip(0), there, atol=1e-6)


def test_the_review_worlds_environments_turn_the_other_aspects_round_and_say_nothing_of_the_label():
    corpus = make_reviews("lesson")
    world, parts = corpus.world, corpus.train.environments
    made = world.generate(800, (0, 1))
    assert torch.equal(parts, environments(world, made))
    labels, sentiment = torch.from_numpy(made.labels), torch.from_numpy(made.sentiment)
    target = world.aspects.index(world.target)
    assert abs(float((parts == 0).float().mean()) - 0.8**2) < 0.05
    for e, low, high in ((0, 1.0, 1.0), (1, 0.3, 0.6)):
        here = parts == e
        assert abs(float(labels[here].float().mean()) - 0.5) < 0.1
        for aspect in set(range(3)) - {target}:
            assert low <= float((sentiment[here, aspect] == labels[here]).float().mean()) <= high
    assert make_reviews("tiny", aspects=("appearance",)).train.environments is None
    assert len(corpus.train.first(5).environments) == 5


# 3PLAYER


def test_3player_shows_the_third_player_all_that_was_not_selected(monkeypatch):
    made, seen = game("3player"), shown_to(monkeypatch)
    step = next(made.play(BATCH))
    _, kept, rest = seen
    assert torch.equal(kept, step.mask + BATCH.query)
    assert torch.equal(rest + step.mask, BATCH.real.float())


def test_3player_pays_unless_the_rest_does_worse_by_the_margin(monkeypatch):
    made = game("3player", options={"complement_weight": 2.0, "margin": 0.2})
    calls = iter((torch.tensor(0.1), torch.tensor(0.6), torch.tensor(0.5), torch.tensor(0.6)))
    monkeypatch.setattr(made, "cross_entropy", lambda logits, batch: next(calls))
    monkeypatch.setattr(made, "omega", lambda mask, batch: torch.tensor(0.0))
    assert float(next(made.play(BATCH)).loss) == pytest.approx(0.1)
    assert float(next(made.play(BATCH)).loss) == pytest.approx(0.5 + 2 * 0.1)


def test_3players_selector_gains_by_hiding_the_label_from_the_third_player():
    made = game("3player", options={"complement_weight": 100.0, "margin": 5.0})
    mask = torch.full(BATCH.tokens.shape, 0.5).masked_fill(~BATCH.selectable, 0).requires_grad_()
    rest = F.cross_entropy(made.predict_from_rest(BATCH, mask), BATCH.labels)
    made.select = lambda batch: mask
    (wanted,) = torch.autograd.grad(rest, mask)
    (told,) = torch.autograd.grad(next(made.play(BATCH)).loss, mask)
    assert float(F.cosine_similarity(wanted.flatten(), -told.flatten(), dim=0)) > 0.5


# CAR


def test_cars_published_way_takes_the_true_labels_path():
    made = game("car", options={"path": "gold"}).eval()
    pleas = made.pleas(BATCH)
    assert torch.equal(made.logits(BATCH), torch.stack([pleas[i, y] for i, y in enumerate(BATCH.labels)]))
    other = replace(BATCH, labels=1 - BATCH.labels)
    mask = made.choose(BATCH, "top_k")
    assert not torch.equal(made.logits(other), made.logits(BATCH))
    assert not torch.equal(made.predict(BATCH, mask), made.predict(other, mask))


def test_car_takes_the_class_that_argues_best():
    made = game("car", 3).eval()
    with torch.no_grad():
        made.predictor.head.weight.zero_()
        made.predictor.head.bias.copy_(torch.tensor([0.0, 9, 0, 0, 0, 9, 0, 0, 1]))  # only path 2 claims its own class
    assert made.best_path(BATCH, made.pleas(BATCH)).tolist() == [2] * 4
    pleas = made.pleas(BATCH)
    assert torch.equal(made.logits(BATCH), pleas[:, 2])
    heads = made.verdicts(BATCH, BATCH.real.float()).softmax(-1)
    assert torch.allclose(made.predict(BATCH, BATCH.real.float()).softmax(-1), heads.mean(1), atol=1e-6)


def test_car_rewards_a_selector_for_persuading_of_its_own_class(monkeypatch):
    made = game("car")
    paths = torch.tensor([0, 0, 1, 1])
    monkeypatch.setattr(torch, "randint", lambda *a, **k: paths)
    selectors, predictor = made.play(BATCH)
    verdicts = made.verdicts(BATCH, selectors.mask)
    along = torch.stack([verdicts[i, t] for i, t in enumerate(paths)])
    believed = along.softmax(-1)[torch.arange(4), paths].mean()
    assert torch.isclose(selectors.loss, made.omega(selectors.mask, BATCH) - believed)
    assert torch.isclose(predictor.loss, F.cross_entropy(along, BATCH.labels))
