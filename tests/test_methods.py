"""RNP and VER: one line apart, the switches do what they say, and both find a planted keyword."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from small_corpora import chosen, keyword_corpus
from ver_lite import masks
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import METHODS, RNP, VER, Protocol
from ver_lite.players.encoders import GRUEncoder
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors
from ver_lite.training.config import Config
from ver_lite.training.game import build_game, word_vectors
from ver_lite.training.training import train

TEXTS = [
    Text(("a", "b", "c", "d", "e"), 0, (True, False, False, False, False)),
    Text(("c", "d"), 1, (False, True), query=("b", "a")),
    Text(("e", "a", "b"), 1, None),
    Text(("d",), 0, (True,)),
]
VOCABULARY = Vocabulary.build(TEXTS)
BATCH = Split.encode(TEXTS, VOCABULARY).batch(torch.arange(4))


def game(method=RNP, seed=1, encoder="gru", noise=7, **options):
    """A game in evaluation mode (no dropout), its noise from a generator of its own."""
    torch.manual_seed(seed)
    embedding = make_embedding(random_vectors(len(VOCABULARY), 6))
    made = method(Selector(embedding, encoder, 8), Predictor(embedding, 2, encoder, 8), **options)
    made.generator = torch.Generator().manual_seed(noise)
    return made.eval()


def gradients(made):
    made.zero_grad()
    (step,) = made.play(BATCH)
    step.loss.backward()
    return step, [p.grad.clone() for p in made.parameters() if p.requires_grad]


@pytest.mark.parametrize("protocol", [Protocol.paper(), Protocol.released()], ids=["paper", "released"])
def test_ver_without_perturbation_is_rnp_step_for_step(protocol):
    rnp, ver = game(protocol=protocol), game(VER, perturbation=0.0, protocol=protocol)
    for _ in range(4):  # the noise is the same at every step, so nothing was drawn for the perturbation
        (one, ours), (other, theirs) = gradients(rnp), gradients(ver)
        assert torch.equal(one.loss, other.loss) and torch.equal(one.mask, other.mask)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        for made in (rnp, ver):
            torch.optim.SGD(made.groups()["game"], lr=0.1).step()


def test_a_run_of_ver_without_perturbation_is_a_run_of_rnp():
    corpus = keyword_corpus(40, 10, 10)
    settings = {"epochs": 2, "hidden": 8, "dimension": 8, "progress": False}
    rnp, ver = train(corpus, **settings), train(corpus, method="ver", perturbation=0.0, **settings)
    assert rnp.history == ver.history


def test_ver_shows_the_predictor_a_perturbed_mask_and_prices_the_unperturbed_one(monkeypatch):
    made, priced, perturbed = game(VER, noise=3, perturbation=0.9), [], []
    omega, perturb = masks.omega, masks.perturb
    monkeypatch.setattr(masks, "omega", lambda mask, *rest: priced.append(mask) or omega(mask, *rest))
    monkeypatch.setattr(masks, "perturb", lambda *a, **k: perturbed.append(perturb(*a, **k)) or perturbed[-1])
    (step,) = made.play(BATCH)
    assert priced[0] is step.mask and not torch.equal(perturbed[0], step.mask)
    logits = made.predict(BATCH, perturbed[0])
    assert torch.equal(step.logits, logits)
    expected = F.cross_entropy(logits, BATCH.labels) + omega(step.mask, BATCH.selectable, 0.2, 2.0, 0.02)
    assert torch.equal(step.loss, expected)


def test_evaluation_is_never_perturbed():
    split = Split.encode(TEXTS, VOCABULARY)
    for how in ("argmax", "top_k", "sample"):
        assert evaluate(game(), split, how=how) == evaluate(game(VER, perturbation=1.0), split, how=how)


@pytest.mark.parametrize("method", [RNP, VER])
def test_a_query_is_always_shown_and_never_selected(method):
    for protocol in (Protocol.paper(), Protocol.released()):
        made = game(method, protocol=protocol)
        seen = []
        made.predictor.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[2]))
        for _ in range(20):
            (step,) = made.play(BATCH)
            assert not bool((step.mask * BATCH.query).any())
        assert all(bool((shown[BATCH.query] == 1).all()) for shown in seen)
        for how in ("argmax", "top_k", "sample"):
            never = BATCH.query if protocol.count_padding else ~BATCH.selectable
            assert not bool((made.choose(BATCH, how, generator=made.generator) * never).any())


# Protocol


def test_the_presets_say_what_paper_and_released_code_do():
    assert Protocol() == Protocol.paper()
    differ = {f.name for f in dataclasses.fields(Protocol) if f.name not in ("CHOICES",)}
    paper, released = Protocol.paper(), Protocol.released()
    assert all(getattr(paper, name) != getattr(released, name) for name in differ)
    assert released.cross_entropy_weight == 0.9


@pytest.mark.parametrize("method", [RNP, VER])
def test_padding_is_selected_only_where_the_protocol_lets_it(method):
    padding = ~BATCH.real
    strict, lax = game(method), game(method, protocol=Protocol(select_padding=True))
    counts = [sum(int(made.select(BATCH)[padding].count_nonzero()) for _ in range(20)) for made in (strict, lax)]
    assert counts[0] == 0 < counts[1]
    made = game(method, protocol=Protocol(select_padding=True, omega="batch", flips="batch"))
    (step,) = made.play(BATCH)
    share = step.mask.sum() / BATCH.selectable.sum()  # padding counts as selected, not as text
    assert torch.isclose(
        made.omega(step.mask, BATCH) - 0.02 * (step.mask[:, 1:] - step.mask[:, :-1]).abs().mean(),
        2 * (share - 0.2).abs(),
    )


def test_the_cross_entropy_is_weighted_and_omega_is_not():
    plain, weighted = game(), game(protocol=Protocol(cross_entropy_weight=0.5))
    (one,), (other,) = plain.play(BATCH), weighted.play(BATCH)
    price = plain.omega(one.mask, BATCH)
    assert torch.isclose(other.loss - price, 0.5 * (one.loss - price))


def test_omega_and_flips_are_per_text_or_per_batch(monkeypatch):
    used = []
    for name in ("omega", "omega_released", "perturb", "perturb_released"):
        real = getattr(masks, name)
        monkeypatch.setattr(masks, name, lambda *a, real=real, name=name, **k: used.append(name) or real(*a, **k))
    for omega, flips in (("text", "batch"), ("batch", "text")):
        used.clear()
        list(game(VER, protocol=Protocol(omega=omega, flips=flips)).play(BATCH))
        wanted = {
            "omega" if omega == "text" else "omega_released",
            "perturb" if flips == "text" else "perturb_released",
        }
        assert set(used) == wanted


def test_the_released_protocol_makes_a_game_with_an_encoder_that_has_no_end_to_start_from():
    assert build_game(Config(encoder="conv", protocol=Protocol.released()), 9, 2).protocol.read_padding


def test_reading_padding_reaches_both_encoders():
    for reads in (False, True):
        made = build_game(Config(encoder="gru", protocol=Protocol(read_padding=reads)), 9, 2)
        encoders = [made.selector.encoder, made.predictor.encoder]
        assert all(isinstance(e, GRUEncoder) and e.reads_padding is reads for e in encoders)


def test_the_protocol_says_how_masks_are_made_at_test_time():
    noise = torch.Generator().manual_seed(1)
    for how in ("argmax", "sample", "top_k"):
        made = game(protocol=Protocol(evaluation=how))
        again = torch.Generator().manual_seed(1)
        noise.manual_seed(1)
        assert torch.equal(made.choose(BATCH, generator=noise), made.choose(BATCH, how, generator=again))
    assert game().choose(BATCH, "top_k", 1.0).sum() == BATCH.selectable.sum()
    assert game(alpha=0.4).choose(BATCH, "top_k").sum(1).tolist() == [2, 1, 2, 1]


def test_gold_is_pooled_over_everything_or_over_gold_alone():
    split = Split.encode(TEXTS, VOCABULARY)
    everywhere = evaluate(game(), split).gold_cross_entropy
    on_gold = evaluate(game(protocol=Protocol(gold_pooling="gold")), split).gold_cross_entropy
    made, marked = game(), BATCH.gold.any(1)
    for pool, said in ((None, everywhere), (BATCH.gold | BATCH.query, on_gold)):
        logits = made.predict(BATCH, BATCH.gold.float(), pool)[marked]
        assert said == pytest.approx(float(F.cross_entropy(logits, BATCH.labels[marked]).detach()), abs=1e-6)
    assert abs(everywhere - on_gold) > 1e-4


def test_an_unknown_word_has_its_own_vector_or_paddings():
    own = word_vectors(Config(), VOCABULARY)
    zero = word_vectors(Config(protocol=Protocol(unknown="zero")), VOCABULARY)
    assert bool(own[1].any()) and not bool(zero[1].any()) and not bool(own[0].any())


# refusals


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        *[(m, {"alpha": a}, "alpha must be") for m in (RNP, VER) for a in (0, -1, 1.5, float("nan"))],
        *[(VER, {"perturbation": p}, "perturbation must be") for p in (1.2, -0.1, float("nan"))],
        *[(RNP, {name: v}, f"{name} must be") for name in ("lambda1", "lambda2") for v in (-1, float("nan"))],
        *[(RNP, {"temperature": t}, "temperature must be") for t in (0, -1, float("nan"), float("inf"))],
    ],
)
def test_wrong_numbers_are_refused_by_name(method, options, said):
    with pytest.raises(ValueError, match=said):
        game(method, **options)
    with pytest.raises(ValueError, match=said):
        Config.make({"method": method.__name__.lower(), **options})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "verr"}, "'verr'; choose one of: rnp, ver"),
        ({"encoder": "lstm"}, "'lstm'; choose one of: gru, conv"),
        ({"alhpa": 0.1}, "did you mean 'alpha'"),
        ({"qqq": 0.1}, "there are: corpus, method"),
        ({"alpha": "0.2"}, "alpha must be a number above 0 and at most 1, not '0.2'"),
        ({"hidden": 7, "encoder": "gru"}, "hidden must be even"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"batch_size": 2.0}, "batch_size must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 10**20}, "seed must be a whole number from 0"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0"),
        ({"protocol": "mine"}, "protocol must be one of: paper, released; not 'mine'"),
        ({"protocol": 3}, "must be a Protocol"),
        ({"protocol": {"omga": "text"}}, "no switch 'omga'; there are: omega"),
        ({"protocol": {"omega": "word"}}, r"omega must be one of: text, batch; not 'word'"),
        ({"protocol": {"cross_entropy_weight": 0.0}}, "cross_entropy_weight must be a number above 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings, said):
    with pytest.raises(ValueError, match=said):
        Config.make(settings)


def test_a_config_survives_its_dictionary():
    config = Config(method="ver", protocol=Protocol.released(), alpha=0.15, corpus={"name": "reviews", "size": "tiny"})
    assert Config.make(config.as_dict()) == config
    assert Config.make({"protocol": "released"}).protocol == Protocol.released()


def test_a_way_to_choose_that_does_not_exist_and_a_share_without_use_are_refused():
    made = game()
    with pytest.raises(ValueError, match="argmax, sample, top_k; not by 'best'"):
        made.choose(BATCH, "best")
    with pytest.raises(ValueError, match="a share is for top_k"):
        made.choose(BATCH, "argmax", 0.1)
    with pytest.raises(ValueError, match="share must be a number above 0"):
        made.choose(BATCH, "top_k", 0)


# learning

# A world that a small game learns in two seconds: four keywords, one of them in every text of about ten words.
EASY = keyword_corpus(480, 100, 100, shortest=8, longest=12, keywords=2)
SETTINGS = {"alpha": 0.1, "lambda1": 1.0, "lambda2": 0.01, "hidden": 32, "dimension": 32, "seed": 101}
SETTINGS |= {"batch_size": 32, "learning_rate": 5e-3, "epochs": 14}
# What a method needs beyond that, by its name: settings of Config, and the method's own.
NEEDS: dict[str, dict] = {
    "ver": {"epochs": 24},
    "ver-drop": {"perturbation": 0.1, "epochs": 20},  # with its only keyword hidden, a text says nothing
    "mask-dropout": {"perturbation": 0.1, "epochs": 20},
    # An instruction as strong as the game, or a price of 10, keeps so short a run from starting.
    "a2i": {"options": {"instruction_weight": 0.1}, "epochs": 24},
    "invrat": {"options": {"invariance": 1.0}, "epochs": 36, "seed": 102},
    "a2r": {"alpha": 0.05, "encoder": "gru"},  # one word a text: it takes its share exactly, and attends to states
    "car": {"epochs": 20},
    "fr": {"epochs": 24},
    "ver-fr": {"perturbation": 0.15, "epochs": 24},
    "dr": {"learning_rate": 0.01, "epochs": 20},  # a slow predictor says nothing yet when others know the keywords
    "ver-dr": {"learning_rate": 0.01, "epochs": 20},
    # Its multipliers must matter before the predictor is perfect, or the epoch chosen is one that selects everything.
    # They hold the batch's mean alone: it may select for one class only, and know the other by its empty rationale.
    "hardkuma": {"options": {"growth": 0.2, "changes": 0.2}, "epochs": 20, "seed": 103},
    "rnp-reinforce": {"options": {"baseline": True}, "lambda1": 2.0, "epochs": 20},
    "lime": {"options": {"samples": 100}},
    "nir": {"options": {"noise": 0.05}, "epochs": 32},  # keywords are this world's frequent words: the first to go
    "nir-a2r": {"player_options": {"width": 1}},  # states that know one word: else attention rests beside the keyword
    "dmr": {"epochs": 25},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:training stopped. a callback")
@pytest.mark.parametrize("method", [m for m in METHODS if m != "random-masks"])  # that one trains no selector
def test_a_planted_keyword_is_found(method):
    run = train(EASY, method=method, progress=False, callbacks=(chosen,), **{**SETTINGS, **NEEDS.get(method, {})})
    chance = EASY.card["splits"]["dev"]["gold_share"]
    assert run.best["dev"]["accuracy"] > 0.9
    for split in (EASY.dev, EASY.test):
        assert evaluate(run.game, split).scores.f1 > 0.5 > 4 * chance
