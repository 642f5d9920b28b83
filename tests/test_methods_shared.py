"""FR, DR, MGR and VER with each; HardKuma, REINFORCE, attention, LIME: who learns what from whom."""

import copy
import itertools
import signal

import pytest
import torch
from torch.nn import functional as F

from interrupting import stop_at
from small_corpora import keyword_corpus
from test_methods import BATCH, TEXTS, VOCABULARY, game, gradients
from ver_lite import masks
from ver_lite.corpora.core import Split
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import METHODS, RNP, VER
from ver_lite.methods.dr import DR, VERDR, pace
from ver_lite.methods.fr import FR, VERFR
from ver_lite.methods.hardkuma import HardKuma, hard_kuma, log_open
from ver_lite.methods.lime import Lime, copies
from ver_lite.methods.mgr import MGR, VERMGR
from ver_lite.methods.post_hoc import Attention
from ver_lite.methods.reinforce import Reinforce, chance
from ver_lite.players.players import max_pool
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

MINE = ("fr", "dr", "mgr", "ver-fr", "ver-dr", "ver-mgr", "hardkuma", "rnp-reinforce", "attention", "lime")
FEW = {"lime": {"samples": 20}}
CORPUS = keyword_corpus(60, 20, 20, shortest=1, longest=6)
QUICK = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}


def make(name, **options):
    return game(METHODS[name], **FEW.get(name, {}), **options)


def played(made):
    """A step, and the gradient it leaves on each of the method's parameters (None where it reaches none)."""
    made.zero_grad()
    (step,) = made.play(BATCH)
    step.loss.backward()
    return step, {name: p.grad for name, p in made.named_parameters() if p.requires_grad}


# all of them


@pytest.mark.parametrize("encoder", ["gru", "conv"])
@pytest.mark.parametrize("name", MINE)
def test_a_query_is_always_shown_never_selected_and_nothing_is_nan(name, encoder, monkeypatch):
    made, seen = make(name, encoder=encoder), []
    real = made.predictor.states
    monkeypatch.setattr(made.predictor, "states", lambda t, r, shown: seen.append(shown) or real(t, r, shown))
    for _ in range(3):
        step, moved = played(made)
        assert not bool((step.mask * ~BATCH.selectable).any())
        assert bool(step.loss.isfinite()) and all(bool(g.isfinite().all()) for g in moved.values() if g is not None)
    for how in ("argmax", "top_k", "sample", "all"):
        mask = made.choose(BATCH, how, generator=made.generator)
        assert not bool((mask * ~BATCH.selectable).any()) and bool(((mask == 0) | (mask == 1)).all())
        assert bool(made.predict(BATCH, mask).isfinite().all())
    assert bool(made.predict(BATCH, torch.zeros_like(BATCH.real, dtype=torch.float32)).isfinite().all())
    assert bool(made.logits(BATCH).isfinite().all()) and bool(made.scores(BATCH)[BATCH.selectable].isfinite().all())
    queries = [shown[:, BATCH.query.any(0)] for shown in seen if shown.shape == BATCH.real.shape]
    assert queries and all(bool((shown[BATCH.query] == 1).all()) for shown in seen if shown.shape == BATCH.real.shape)


@pytest.mark.parametrize("name", [name for name in MINE if name != "lime"])
def test_each_is_resumed_to_the_same_history_with_shared_words_that_learn(name, monkeypatch, tmp_path):
    settings = {**QUICK, "method": name, "trainable_vectors": True}
    whole = train(CORPUS, **settings)
    with monkeypatch.context() as patched:
        stop_at(patched, 11, signal.SIGTERM, METHODS[name])  # 8 steps an epoch
        assert train(CORPUS, out=tmp_path / "run", **settings).status == "interrupted"
    rest = resume(tmp_path / "run", CORPUS, progress=False)
    assert rest.history == whole.history
    for kept in (rest.game, load_run(tmp_path / "run").game):
        for key, value in whole.game.state_dict().items():
            assert torch.equal(value, kept.state_dict()[key]), key
    assert not torch.equal(whole.last.state_dict()["selector.embedding.weight"], whole.game.predictor.embedding.weight)


@pytest.mark.parametrize("name", MINE)
def test_three_classes_are_no_more_than_two(name):
    made = make(name)
    made.predictor.head = torch.nn.Linear(8, 3)
    batch = copy.copy(BATCH)
    object.__setattr__(batch, "labels", torch.tensor([0, 1, 2, 1]))
    (step,) = made.play(batch)
    assert step.logits.shape == (4, 3) and bool(step.loss.isfinite()) and made.classes == 3


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("dr", {"rate": "fast"}, "rate must be one of"),
        ("mgr", {"selectors": 0}, "selectors must be a whole number of at least 1"),
        ("mgr", {"inference": "all"}, "inference must be one of"),
        ("hardkuma", {"changes": -0.1}, "changes must be a number from 0 to 1"),
        ("hardkuma", {"multiplier": 9.0}, "multiplier must be"),
        ("hardkuma", {"growth": 0.0}, "growth must be a number above 0"),
        ("rnp-reinforce", {"price": "low"}, "price must be one of"),
        ("rnp-reinforce", {"weight": -1.0}, "weight must be"),
        ("lime", {"samples": 1}, "samples must be a whole number of at least 2"),
    ],
)
def test_wrong_options_are_refused_by_name(name, options, said):
    with pytest.raises(ValueError, match=said):
        game(METHODS[name], **options)


# FR, DR, MGR, and VER with each


@pytest.mark.parametrize(("plain", "with_ver"), [(RNP, VER), (FR, VERFR), (DR, VERDR), (MGR, VERMGR)])
def test_ver_goes_with_each_by_its_one_line(plain, with_ver):
    assert with_ver.shown_to_predictor is VER.shown_to_predictor and with_ver.play is plain.play
    (one, ours), (other, theirs) = gradients(game(plain)), gradients(game(with_ver, perturbation=0.0))
    assert torch.equal(one.loss, other.loss)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    (perturbed, _) = gradients(game(with_ver, noise=3, perturbation=0.9))
    (unperturbed, _) = gradients(game(plain, noise=3))
    assert torch.equal(perturbed.mask, unperturbed.mask) or plain is MGR  # its second mask is drawn after flips
    assert not torch.equal(perturbed.logits, unperturbed.logits)


@pytest.mark.parametrize("shared_norm", [True, False])
def test_fr_reads_twice_with_one_encoder(shared_norm):
    made = game(FR, shared_norm=shared_norm)
    mask = made.select(BATCH).detach()
    states = made.selector.encoder(made.selector.embedding(BATCH.tokens) * mask[..., None], BATCH.real)
    if shared_norm:
        states = made.selector.norm(states)
    expected = made.predictor.head(max_pool(states, BATCH.real))
    shown = mask * ~BATCH.query  # `predict` adds the query
    assert torch.allclose(made.predictor(BATCH.tokens, BATCH.real, mask), expected, atol=1e-6)
    read, answer = made.predictor.reading(BATCH.tokens, BATCH.real, mask)
    assert torch.allclose(answer(read), expected) and torch.allclose(made.predictor.answer(read, BATCH.real), expected)
    made.zero_grad()
    made.cross_entropy(made.predict(BATCH, shown), BATCH).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in made.selector.encoder.parameters())
    assert (made.selector.norm.weight.grad is not None) == shared_norm
    twin = copy.deepcopy(made)
    assert {id(p) for p in twin.selector.encoder.parameters()} <= {id(p) for p in twin.predictor.parameters()}
    sizes = [sum(p.numel() for g in m.groups()["game"] for p in g["params"]) for m in (made, game(RNP))]
    assert sizes[1] - sizes[0] == sum(p.numel() for p in made.selector.encoder.parameters())


def test_a_game_that_goes_on_as_fr_is_folded():
    run = train(CORPUS, **QUICK)
    folded = train(CORPUS, method="fr", players=run.game, **QUICK).game
    assert folded.predictor.encoder.encoder is folded.selector.encoder


def test_dr_learns_by_the_share_that_is_selected():
    real = torch.ones(2, 10, dtype=torch.bool)
    for selected, expected in ((20, 1.0), (4, 0.2), (1, 0.05), (0, 1.0)):
        mask = (torch.arange(20).view(2, 10) < selected).float()
        assert float(pace(mask, real)) == pytest.approx(expected)
    for options, expected in (({}, None), ({"rate": "tenth"}, 0.1)):
        moved = Moved()
        settings = {**QUICK, "epochs": 1, "batch_size": 60, "method": "dr", "options": options, "dropout": 0.0}
        run = train(CORPUS, watch=moved, learning_rate=1e-3, **settings)
        share = run.history[0]["train"]["sparsity"] if expected is None else expected
        # Adam's first step is the learning rate, whatever the gradient
        assert moved.by["selector"] == pytest.approx(1e-3, rel=1e-3)
        assert moved.by["predictor"] == pytest.approx(1e-3 * share, rel=1e-2)


class Moved:
    """By how much the heads' biases moved in a step."""

    def before(self, made, batch):
        self.was = {name: getattr(made, name).head.bias.detach().clone() for name in ("selector", "predictor")}

    def after(self, made, batch):
        self.by = {n: float((getattr(made, n).head.bias.detach() - was).abs().max()) for n, was in self.was.items()}


def test_mgr_sums_over_selectors_that_learn_at_unequal_rates():
    made = game(MGR)
    assert [g["times"] for g in made.groups()["game"]] == [1, 2, 3, pytest.approx(1 / 3)]
    loss = gradients(made)[0].loss
    again = torch.Generator().manual_seed(7)
    made.generator, total = again, 0.0
    for selector in (made.selector, *made.others):
        mask = masks.sample(selector(BATCH.tokens, BATCH.real), BATCH.selectable, generator=again)
        total += made.cross_entropy(made.predict(BATCH, mask), BATCH) + made.omega(mask, BATCH)
    assert torch.isclose(loss, total)
    assert all(bool(p.grad.any()) for s in (made.selector, *made.others) for p in s.head.parameters())
    assert len({float(s.head.weight.detach().sum()) for s in (made.selector, *made.others)}) == 3
    (one, ours), (other, theirs) = gradients(game(MGR, selectors=1)), gradients(game(RNP))
    assert torch.equal(one.loss, other.loss) and all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_mgr_chooses_with_its_first_selector_or_with_the_mean_of_all():
    first, mean = game(MGR), game(MGR, inference="mean")
    players = (mean.selector, *mean.others)
    chances = sum(s(BATCH.tokens, BATCH.real).softmax(-1) for s in players) / 3
    assert torch.allclose(mean.logits(BATCH).softmax(-1), chances, atol=1e-6)
    assert torch.equal(first.logits(BATCH), first.selector(BATCH.tokens, BATCH.real))


# HardKuma


@pytest.mark.parametrize(("a", "b"), [(0.7, 0.7), (2.0, 0.5), (0.3, 3.0), (5.0, 60.0)])
def test_gates_are_shut_and_open_as_often_as_the_formula_says(a, b, generator):
    count = 200_000
    u = torch.rand(count, generator=generator, dtype=torch.float64)
    at = (torch.full_like(u, a), torch.full_like(u, b))
    z = hard_kuma(*at, u)
    shut, opened = 1 - float(log_open(*(v[:1] for v in at)).exp()), (1 - (11 / 12) ** a) ** b
    for share, expected in (((z == 0).double().mean(), shut), ((z == 1).double().mean(), opened)):
        assert float(share) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / count) ** 0.5 + 1e-9)
    assert shut == pytest.approx(1 - (1 - (1 / 12) ** a) ** b)


def test_gates_have_finite_gradients_everywhere():
    edges = torch.tensor([1e-6, 1e-3, 0.5, 1.0, 20.0, 100.0])
    a, b, u = torch.cartesian_prod(edges, edges, torch.tensor([0.001, 0.5, 0.999])).unbind(-1)
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    value = hard_kuma(a, b, u).sum() + log_open(a, b).exp().sum()
    assert all(bool(g.isfinite().all()) for g in (value, *torch.autograd.grad(value, (a, b))))


def test_a_multiplier_grows_while_too_much_is_selected_and_shrinks_after():
    made = game(HardKuma, alpha=0.1, changes=0.0, multiplier=0.5)
    for sign, bias in ((1, 3.0), (-1, -5.0)):
        made.averages.zero_()
        with torch.no_grad():
            made.selector.head.weight.zero_()
            made.selector.head.bias.copy_(torch.tensor([-bias, bias]))
        before = made.multipliers.clone()
        step, _ = gradients(made)
        broken = made.constraints(*made.shape(BATCH), BATCH).detach()
        assert torch.allclose(made.averages, broken / 2) and float(broken[0]) * sign > 0
        assert torch.allclose(made.multipliers, before * (0.05 * broken / 2).exp())
        assert float(made.multipliers[0] - before[0]) * sign > 0
        surprise = made.cross_entropy(step.logits, BATCH)
        assert torch.isclose(step.loss, surprise + (made.multipliers * made.averages).sum(), atol=1e-5)


def test_hardkuma_selects_unless_shut_is_the_likeliest(monkeypatch):
    made, noise = game(HardKuma), torch.Generator().manual_seed(1)
    a, b = torch.randn(2, *BATCH.real.shape, generator=noise).exp()
    monkeypatch.setattr(made, "shape", lambda batch: (a, b))
    shut, one = 1 - (1 - (1 / 12) ** a) ** b, (1 - (11 / 12) ** a) ** b
    likeliest = torch.stack([shut, one, 1 - shut - one]).argmax(0)
    assert set(likeliest[BATCH.selectable].tolist()) == {0, 1, 2}
    assert torch.equal(made.choose(BATCH, "argmax"), ((likeliest > 0) & BATCH.selectable).float())
    assert torch.allclose(made.scores(BATCH).sigmoid(), 1 - shut, atol=1e-5)


# REINFORCE


@pytest.mark.parametrize("options", [{}, {"baseline": True}, {"price": "count", "weight": 0.1}])
def test_reinforce_is_right_on_average(options, monkeypatch):
    """Over all masks of two texts of two words: the mean of its gradient is the gradient of the mean cost."""
    two = Split.encode([TEXTS[1], TEXTS[1]], VOCABULARY).batch(torch.arange(2))
    made = game(Reinforce, alpha=0.5, **options)
    head, mean, exact = made.selector.head.weight, 0.0, 0.0
    for bits in itertools.product((0.0, 1.0), repeat=4):
        mask = torch.zeros_like(two.selectable, dtype=torch.float32)
        mask[two.selectable] = torch.tensor(bits)
        monkeypatch.setattr(made, "draw", lambda scores, batch, mask=mask: mask)
        probability = chance(made.logits(two), mask, two).exp().prod()
        (step,) = made.play(two)
        (gradient,) = torch.autograd.grad(step.loss, head)
        mean = mean + probability.detach() * gradient
        cost = F.cross_entropy(made.predict(two, mask), two.labels).detach() + made.price_of(mask, two).mean()
        exact = exact + torch.autograd.grad(probability * cost, head)[0]
    assert torch.allclose(mean, exact, atol=1e-6) and float(exact.abs().max()) > 1e-3


def test_reinforce_prices_a_mask_as_asked_and_lets_no_gradient_through_it():
    mask = torch.zeros_like(BATCH.real, dtype=torch.float32)
    mask[0, [0, 1, 3]] = 1
    assert game(Reinforce, price="count", weight=0.5).price_of(mask, BATCH).tolist() == [0.5 * (3 + 2 * 3), 0, 0, 0]
    made = game(Reinforce)
    assert torch.isclose(made.price_of(mask, BATCH).mean(), made.omega(mask, BATCH))
    (step,) = made.play(BATCH)
    assert not step.mask.requires_grad
    predictor = torch.autograd.grad(step.loss, made.predictor.head.weight)[0]
    expected = torch.autograd.grad(
        made.cross_entropy(made.predict(BATCH, step.mask), BATCH), made.predictor.head.weight
    )
    assert torch.allclose(predictor, expected[0])


# post hoc


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention", "lime"])
def test_post_hoc_methods_move_no_selector_and_keep_an_exact_budget(name):
    made = make(name, alpha=0.4)
    assert all((g is None) == n.startswith("selector") for n, g in played(made)[1].items())
    moved = {id(p) for group in made.groups()["game"] for p in group["params"]}
    assert moved == {id(p) for n, p in made.named_parameters() if p.requires_grad and not n.startswith("selector")}
    for how in ("argmax", "sample", "top_k"):
        assert made.choose(BATCH, how).sum(1).tolist() == [2, 1, 2, 1]
    run = train(CORPUS, method=name, options=FEW.get(name, {}), **{**QUICK, "epochs": 7})  # not stopped as stuck
    assert run.status == "finished" and {row["dev"]["how"] for row in run.history} == {"all"}
    whole = evaluate(run.game, CORPUS.dev, how="all").scores
    assert whole.accuracy == run.best["dev"]["accuracy"] and whole.sparsity == 1


def test_attention_is_shared_among_what_is_shown(monkeypatch):
    monkeypatch.delattr(
        "ver_lite.players.encoders.GRUEncoder.of_words"
    )  # the fused one rounds by how many words there are
    made = game(Attention)
    shown = BATCH.gold.float()
    for among in (BATCH.real, (shown + BATCH.query > 0) & BATCH.real):
        weights = made.weights(made.predictor.states(BATCH.tokens, BATCH.real, shown), among).exp()
        some = among.any(1)
        assert torch.allclose(weights.sum(1), torch.ones(4)) and not bool(weights[some][~among[some]].any())
    other = copy.copy(BATCH)
    object.__setattr__(other, "tokens", torch.where(BATCH.gold | BATCH.query, BATCH.tokens, 3))
    assert torch.equal(made.predict(BATCH, shown), made.predict(other, shown))
    fair = made.scores(BATCH).exp() / BATCH.real.sum(1, keepdim=True)
    assert torch.allclose((fair * BATCH.real).sum(1), torch.ones(4), atol=1e-6)


def test_lime_is_a_weighted_ridge_regression_on_which_words_are_there():
    made, calls = game(Lime, samples=300), []
    real = made.predict
    made.predict = lambda batch, shown, pool=None: calls.append(shown) or real(batch, shown, pool)
    scores = made.scores(BATCH, torch.Generator().manual_seed(1))
    again = torch.Generator().manual_seed(1)
    named = real(BATCH, BATCH.selectable.float()).argmax(1)
    assert len(calls) == 1 + 2 * len(BATCH) and max(len(c) for c in calls) == 256  # many copies in a pass
    for i, may in enumerate(BATCH.selectable):
        words = int(may.sum())
        kept = copies(300, words, again).double()
        shown = torch.zeros(300, len(may))
        shown[:, may] = kept.float()
        many = Split.encode([TEXTS[i]] * 300, VOCABULARY).batch(torch.arange(300))
        chances = real(many, shown[:, : many.real.shape[1]]).softmax(-1)[:, named[i]].detach().double()
        distance = 1 - (kept.sum(1) / words).sqrt()
        weight = (-(distance**2) / (2 * 0.25**2)).exp()
        centered = kept - (weight[:, None] * kept).sum(0) / weight.sum()
        gram = centered.T @ (weight[:, None] * centered) + torch.eye(words, dtype=torch.float64)
        rest = chances - (weight * chances).sum() / weight.sum()
        expected = torch.linalg.solve(gram, centered.T @ (weight * rest))
        assert torch.allclose(scores[i, may].double(), expected, atol=1e-5)
    assert not bool(scores[~BATCH.selectable].any())


def test_lime_draws_from_the_generator_it_is_given():
    made = game(Lime, samples=20)
    one, other = (made.scores(BATCH, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert not torch.equal(one, other)
    assert torch.equal(one, made.scores(BATCH, torch.Generator().manual_seed(1)))
    assert torch.equal(made.scores(BATCH), made.scores(BATCH))
    kept = copies(5000, 4, torch.Generator().manual_seed(1))
    assert kept[0].tolist() == [1, 1, 1, 1]
    shares = torch.stack([(kept[1:].sum(1) == k).float().mean() for k in range(4)])
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.03)  # each number of words lacks equally often
