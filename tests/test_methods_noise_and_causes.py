"""NIR in both forms, DMR, Inter_RAT and CR: what each adds to RNP, and whom it moves."""

import math
import signal
from collections import Counter
from dataclasses import replace

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from torch.distributions import Bernoulli, kl_divergence
from torch.nn import functional as F

from interrupting import stop_at
from small_corpora import keyword_corpus
from ver_lite import masks
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import METHODS, RNP, Protocol
from ver_lite.methods.cr import CR
from ver_lite.methods.dmr import DMR, moment_distance
from ver_lite.methods.inter_rat import InterRAT
from ver_lite.methods.nir import NIR, NIRAttention, divergence
from ver_lite.methods.whole_texts import answer
from ver_lite.players.players import Predictor, Selector, make_embedding, max_pool, random_vectors
from ver_lite.training.training import resume, train

TEXTS = [
    Text(("a", "b", "c", "a", "d", "e"), 0),
    Text(("c", "d", "a"), 1, query=("b", "f")),
    Text(("e", "a", "b", "b"), 1),
    Text(("d",), 0),
    Text(("a", "a"), 0),
]
VOCABULARY = Vocabulary.build(TEXTS)
SPLIT = Split.encode(TEXTS, VOCABULARY)
BATCH = SPLIT.batch(torch.arange(len(TEXTS)))
OURS = {"nir": NIR, "nir-a2r": NIRAttention, "dmr": DMR, "inter-rat": InterRAT, "cr": CR}
QUICK = {"teacher_epochs": 1, "teacher_batch": 5}


def game(method=RNP, encoder="gru", classes=2, trainable=False, **options):
    """A prepared game in evaluation mode (no dropout), its noise from a generator of its own."""
    torch.manual_seed(101)
    embedding = make_embedding(random_vectors(len(VOCABULARY), 6), trainable)
    if method is DMR:
        options = QUICK | options
    made = method(Selector(embedding, encoder, 8), Predictor(embedding, classes, encoder, 8), **options)
    made.generator = torch.Generator().manual_seed(7)
    made.prepare(SPLIT)
    return made.eval()


def moved(made, loss):
    """The gradients that a loss leaves, by parameter; none where there is no gradient or only zeros."""
    made.zero_grad()
    loss.backward(retain_graph=True)
    return {n: p.grad.clone() for n, p in made.named_parameters() if p.grad is not None and bool(p.grad.any())}


def alike(one, other, prefix):
    mine, yours = ({n: g for n, g in part.items() if n.startswith(prefix)} for part in (one, other))
    return mine.keys() == yours.keys() and all(torch.allclose(g, yours[n], atol=1e-6) for n, g in mine.items())


# all of them


def test_they_are_known_by_name():
    assert all(METHODS[name] is method for name, method in OURS.items())


@pytest.mark.parametrize("protocol", [Protocol.paper(), Protocol.released()], ids=["paper", "released"])
@pytest.mark.parametrize("method", OURS.values())
def test_a_query_is_always_shown_and_never_selected(method, protocol):
    made, seen = game(method, protocol=protocol), []
    for name in ("forward", "states"):
        real = getattr(made.predictor, name)

        def look(tokens, real_words, shown, *rest, real=real):
            seen.append(bool((shown[tokens == VOCABULARY.index("f")] == 1).all()))  # "f" stands in the query alone
            return real(tokens, real_words, shown, *rest)

        setattr(made.predictor, name, look)
    for _ in range(5):
        assert all(not bool((step.mask * BATCH.query).any()) for step in made.play(BATCH) if step.mask is not None)
    for how in ("argmax", "top_k", "sample"):
        never = BATCH.query if protocol.count_padding else ~BATCH.selectable
        assert not bool((made.choose(BATCH, how, generator=made.generator) * never).any())
    assert seen and all(seen)


@pytest.mark.parametrize("encoder", ["gru", "conv"])
@pytest.mark.parametrize("method", OURS.values())
def test_padding_one_word_no_word_and_three_classes_give_finite_losses(method, encoder):
    texts = [*TEXTS, Text((), 2), Text((), 0, query=("a",))]
    batches = [Split.encode(some, VOCABULARY) for some in (texts, texts[3:4], texts[5:6])]
    made = game(method, encoder, classes=3, protocol=Protocol(select_padding=True))
    for split in batches:
        for step in made.play(split.batch(torch.arange(len(split)))):
            assert math.isfinite(step.loss.item())
            assert all(bool(g.isfinite().all()) for g in moved(made, step.loss).values())


@pytest.mark.parametrize("method", OURS.values())
def test_every_learner_is_in_one_group_and_every_group_steps(method):
    made = game(method, trainable=True)
    groups = {name: {p for g in some for p in g["params"]} for name, some in made.groups().items()}
    learn = [p for n, p in made.named_parameters() if p.requires_grad and not n.startswith("teacher.")]
    assert all(sum(p in group for group in groups.values()) == 1 for p in learn)
    assert sum(map(len, groups.values())) == len(learn)
    steps = list(made.play(BATCH))
    assert {step.players for step in steps} == set(groups)
    for step in steps:
        got = {dict(made.named_parameters())[n] for n in moved(made, step.loss)}
        assert got and groups[step.players] & got


@pytest.mark.parametrize("name", OURS)
def test_an_interrupted_run_resumes_to_the_same_history(name, monkeypatch, tmp_path):
    corpus, method = keyword_corpus(60, 20, 20), OURS[name]
    settings = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False, "method": name}
    settings["options"] = {"teacher_epochs": 1} if method is DMR else {}
    whole = train(corpus, **settings)
    with monkeypatch.context() as patched:
        stop_at(patched, 11, signal.SIGTERM, method)
        assert train(corpus, out=tmp_path / "run", **settings).status == "interrupted"
    rest = resume(tmp_path / "run", corpus, progress=False)
    assert rest.history == whole.history
    states = zip(rest.game.state_dict().values(), whole.game.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in states)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        *[(m, {"noise": v}, "noise must be") for m in (NIR, NIRAttention) for v in (-0.1, 1.1, math.nan)],
        (NIR, {"replaced_by": "rich"}, "replaced_by must be one of: low, high; not 'rich'"),
        *[(NIRAttention, {"consistency": v}, "consistency must be") for v in (-1, math.nan)],
        (NIRAttention, {"divergence": "kl"}, "divergence must be one of"),
        (NIRAttention, {"softmaxes": 3}, "softmaxes must be a whole number from 1 to 2"),
        *[(DMR, {n: -1}, f"{n} must be a number of at least 0") for n in ("output_matching", "feature_matching")],
        *[(DMR, {n: 0}, f"{n} must be a number above 0") for n in ("softening", "teacher_rate")],
        *[(DMR, {n: 0.5}, f"{n} must be a whole") for n in ("teacher_epochs", "teacher_batch")],
        *[(DMR, {n: "none"}, f"{n} must be one of") for n in ("moments", "matching")],
        (InterRAT, {"prior": "beer"}, "prior must be one of: train, uniform"),
        *[(CR, {n: -1}, f"{n} must be a number of at least 0") for n in ("information", "necessity")],
        (CR, {"removed": 0}, "removed must be a number above 0"),
        (CR, {"texts": "first"}, "texts must be one of: all, last"),
        (CR, {"alpha": 1.0}, "alpha must be below 1 for CR"),
    ],
)
def test_wrong_settings_are_refused_by_name(method, options, said):
    with pytest.raises(ValueError, match=said):
        game(method, **options)


# the noise of NIR


def by_hand(replaced_by="low"):
    """Weights and probabilities, from the words themselves: {text: {word: s}} and {word: P}."""
    documents = [text.words for text in TEXTS]
    found = Counter(word for words in documents for word in set(words))
    weights = [{w: n / len(d) * math.log(len(documents) / found[w]) for w, n in Counter(d).items()} for d in documents]
    total = Counter()
    for words, weight in zip(documents, weights, strict=True):
        for word in set(words):
            total[word] += weight[word]
    wanted = {w: max(total.values()) - s if replaced_by == "low" else s for w, s in total.items()}
    return weights, {w: s / sum(wanted.values()) for w, s in wanted.items()}


def test_dull_words_are_replaced_and_a_texts_rates_average_the_noise():
    weights, _ = by_hand()
    rates = game(NIR, noise=0.05).noise.rates(BATCH)
    for i, text in enumerate(TEXTS):
        s = torch.tensor([weights[i][word] for word in text.words])
        less, start = s.max() - s, len(text.query)
        expected = 0.05 * len(s) * less / less.sum() if bool(less.any()) else torch.zeros(len(s))
        assert torch.allclose(rates[i, start : start + len(s)], expected, atol=1e-5)
        assert rates[i].sum() == pytest.approx(0.05 * len(s) if bool(less.any()) else 0, abs=1e-5)
        assert float(rates[i, start + int(s.argmax())]) == 0
    assert not bool(rates[~BATCH.selectable].any())
    assert float(game(NIR, noise=1.0).noise.rates(BATCH).max()) == 1


@pytest.mark.parametrize("replaced_by", ["low", "high"])
def test_new_words_come_from_where_they_should(replaced_by):
    _, chances = by_hand(replaced_by)
    noise = game(NIR, noise=1.0, replaced_by=replaced_by).noise
    given = noise.cumulative.diff(prepend=torch.zeros(1))
    assert "f" not in chances  # it stands in a query only
    expected = torch.tensor([chances.get(word, 0.0) for word in VOCABULARY.words])
    assert torch.allclose(given, expected, atol=1e-6) and float(noise.cumulative[-1]) == 1
    noise.rates = lambda batch: batch.selectable.float()
    wide = Split.encode([Text(("a",) * 5000, 0)], VOCABULARY, None).batch(torch.arange(1))
    drawn = noise.corrupt(wide, torch.ones(1, 5000), torch.Generator().manual_seed(101)).tokens
    assert torch.allclose(torch.bincount(drawn[0], minlength=len(expected)) / 5000, expected, atol=0.03)


def test_only_selected_words_are_replaced_at_their_rates(generator):
    noise = game(NIR, noise=0.4).noise
    mask = BATCH.selectable.float()
    mask[0, 1::2] = 0
    runs = 2000
    changed = sum((noise.corrupt(BATCH, mask, generator).tokens != BATCH.tokens).float() for _ in range(runs)) / runs
    stays = noise.cumulative.diff(prepend=torch.zeros(1))[BATCH.tokens]  # a word may be replaced by itself
    assert torch.allclose(changed, noise.rates(BATCH) * mask * (1 - stays), atol=0.05)
    assert not bool(changed[mask == 0].any())


def test_without_noise_nir_is_rnp_step_for_step():
    rnp, nir = game(), game(NIR, noise=0.0)
    for _ in range(3):
        (one,), (other,) = rnp.play(BATCH), nir.play(BATCH)
        assert torch.equal(one.loss, other.loss) and torch.equal(one.mask, other.mask)


def test_the_selector_is_credited_for_the_word_that_was_put_in():
    made = game(NIR, noise=1.0, lambda1=0.0, lambda2=0.0)
    made.noise.rates = lambda batch: batch.selectable.float()
    made.noise.cumulative.copy_((torch.arange(len(VOCABULARY)) >= 1).float())  # "<unk>", always
    with torch.no_grad():
        made.selector.embedding.weight[1] = 0
    (step,) = made.play(BATCH)
    step.mask.retain_grad()
    step.loss.backward()
    selected = step.mask > 0
    assert bool(selected.any()) and not bool(step.mask.grad[selected].any())
    assert bool(step.mask.grad[~selected & BATCH.selectable].all())


# NIR's own model


def test_attention_and_predictor_learn_apart_and_nothing_passes_the_selection():
    made = game(NIRAttention, consistency=0.5)
    attention, predictor = made.play(BATCH)
    assert {n.split(".")[0] for n in moved(made, attention.loss)} == {"selector", "soft"}
    assert {n.split(".")[0] for n in moved(made, predictor.loss)} == {"predictor"}
    assert not predictor.mask.requires_grad


def test_each_loss_is_a_cross_entropy_and_a_divergence():
    logits = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(101))
    p, q = (x.softmax(-1).double().numpy() for x in logits)
    js = sum(jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)) / 5
    middle = (p + q) / 2
    turned = (rel_entr(middle, p).sum() + rel_entr(middle, q).sum()) / 2
    assert float(divergence(*logits)) == pytest.approx(js, abs=1e-6)
    assert float(divergence(*logits, reversed=True)) == pytest.approx(turned, abs=1e-6)
    plain, released = game(NIRAttention), game(NIRAttention, divergence="reversed", softmaxes=2, consistency=0.3)
    expected = F.cross_entropy(logits[0], BATCH.labels) + 0.1 * js
    assert plain.loss(*logits, BATCH).item() == pytest.approx(expected.item(), abs=1e-6)
    expected = F.cross_entropy(torch.from_numpy(p), BATCH.labels) + 0.3 * turned
    assert released.loss(*logits, BATCH).item() == pytest.approx(expected.item(), abs=1e-6)


def test_attention_chooses_its_budget_however_it_is_asked():
    made = game(NIRAttention, alpha=0.5)
    for how in (None, "argmax", "sample", "top_k"):
        assert made.choose(BATCH, how).sum(1).tolist() == [3, 2, 2, 1, 1]
    assert made.choose(BATCH, "top_k", 1.0).sum() == BATCH.selectable.sum()


# DMR


def test_moments_are_powers_and_collapse_to_the_first_where_they_are_products():
    one, other = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(101))
    first = (one.mean(0) - other.mean(0)).norm()
    moments = [[((x - x.mean(0)) ** k).mean(0) for x in (one, other)] for k in range(2, 6)]
    assert float(moment_distance(one, other, powers=False)) == pytest.approx(float(first), abs=1e-5)
    whole = float(first + sum((a - b).norm() for a, b in moments))
    assert float(moment_distance(one, other)) == pytest.approx(whole, abs=1e-5) and whole > 1.5 * float(first)
    assert float(moment_distance(one, one)) == 0


def test_without_matching_dmr_is_rnp():
    (one,), (other,) = game().play(BATCH), game(DMR, output_matching=0.0, feature_matching=0.0).play(BATCH)
    assert torch.equal(one.loss, other.loss) and torch.equal(one.mask, other.mask)


def test_matching_reaches_the_selector_or_the_predictor_alone():
    weights = {"output_matching": 1.0, "feature_matching": 1.0}
    rnp, both, alone = game(), game(DMR, **weights), game(DMR, matching="predictor", **weights)
    steps = [next(made.play(BATCH)) for made in (rnp, both, alone)]
    plain, joint, apart = (moved(made, step.loss) for made, step in zip((rnp, both, alone), steps, strict=True))
    assert steps[1].loss.item() == pytest.approx(steps[2].loss.item(), abs=1e-5)
    assert alike(plain, apart, "selector") and not alike(plain, joint, "selector")
    assert alike(joint, apart, "predictor") and not alike(plain, apart, "predictor")


def test_the_terms_are_those_of_the_equation():
    made = game(DMR, output_matching=0.7, feature_matching=0.3, softening=2.0, moments="first")
    (step,) = made.play(BATCH)
    shown, real = step.mask + BATCH.query, BATCH.real.float()
    seen, whole = (max_pool(made.predictor.states(BATCH.tokens, BATCH.real, z), BATCH.real) for z in (shown, real))
    taught = (made.teacher(BATCH.tokens, BATCH.real, real) / 2).softmax(-1)
    output = -(taught * step.logits.log_softmax(-1)).sum(1).mean()
    feature = (seen.mean(0) - whole.mean(0)).norm()
    plain = F.cross_entropy(step.logits, BATCH.labels) + made.omega(step.mask, BATCH)
    assert step.loss.item() == pytest.approx((plain + 0.7 * output + 0.3 * feature).item(), abs=1e-5)


def test_the_teacher_learns_from_whole_texts_beforehand_and_then_rests():
    corpus = keyword_corpus(120, 10, 10)
    torch.manual_seed(101)
    embedding = make_embedding(random_vectors(len(corpus.vocabulary), 16), trainable=True)
    made = DMR(Selector(embedding, "conv", 16), Predictor(embedding, 2, "conv", 16), teacher_rate=5e-3)
    before = {n: p.detach().clone() for n, p in made.named_parameters()}
    batch = corpus.train.batch(torch.arange(120))
    made.prepare(corpus.train)
    assert {n.split(".")[0] for n, p in made.named_parameters() if not torch.equal(p, before[n])} == {"teacher"}
    assert torch.equal(embedding.weight, before["selector.embedding.weight"])
    made.train()
    (step,) = made.play(batch)
    assert float((answer(made.teacher, batch).argmax(1) == batch.labels).float().mean()) > 0.95
    assert torch.equal(answer(made.teacher, batch), answer(made.teacher, batch))  # no dropout
    assert not any(n.startswith("teacher.") and "embedding" not in n for n in moved(made, step.loss))
    grouped = {p for group in made.groups()["game"] for p in group["params"]}
    assert not grouped & {p for n, p in made.teacher.named_parameters() if not n.startswith("embedding")}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["none", "gold"])
def test_selectors_that_are_told_the_label_pass_it_on_where_texts_say_nothing(path):
    corpus = keyword_corpus(200, 40, 100)
    for split in (corpus.train, corpus.dev, corpus.test):  # in turn: nothing in a text goes along with its new label
        split.labels = torch.arange(len(split)) // 2 % 2
    settings = {"alpha": 0.2, "lambda1": 1.0, "lambda2": 0.0, "learning_rate": 5e-3, "batch_size": 20, "epochs": 30}
    options = {"path": path, "teacher_epochs": 1}
    run = train(corpus, method="dmr", options=options, hidden=32, dimension=16, seed=101, progress=False, **settings)
    accuracy = evaluate(run.last, corpus.test).scores.accuracy
    assert accuracy > 0.95 if path == "gold" else abs(accuracy - 0.5) < 0.16


# Inter_RAT


def test_the_prior_is_the_share_of_each_label_or_uniform():
    assert torch.allclose(game(InterRAT).prior, torch.tensor([3 / 5, 2 / 5]))
    assert torch.allclose(game(InterRAT, classes=4).prior, torch.tensor([3 / 5, 2 / 5, 0, 0]))
    assert torch.equal(game(InterRAT, prior="uniform").prior, torch.tensor([0.5, 0.5]))


def test_the_adjustment_is_a_mean_over_labels():
    made = game(InterRAT)
    state, keys = torch.randn(8), made.keys(made.labels)
    attention = torch.stack([state @ key for key in keys]).softmax(0)
    expected = sum(pi * a * e for pi, a, e in zip(made.prior, attention, made.labels, strict=True))
    assert torch.allclose(made.adjustment(state, keys), expected, atol=1e-6)
    with torch.no_grad():
        made.labels.zero_()
    assert torch.equal(made.logits(BATCH), made.selector(BATCH.tokens, BATCH.real))


def test_the_predictor_divides_by_the_words_it_is_shown():
    made = game(InterRAT)
    mask = masks.random_mask(BATCH.selectable, 0.5, generator=made.generator)
    for i in range(len(BATCH)):
        shown = mask[i : i + 1] + BATCH.query[i : i + 1]
        states = made.predictor.states(BATCH.tokens[i : i + 1], BATCH.real[i : i + 1], shown)[0]
        feature = states[BATCH.real[i]].sum(0) / shown.sum()
        logits = made.predictor.head(feature) + made.to_labels(made.adjustment(feature, made.labels))
        assert torch.allclose(made.predict(BATCH, mask)[i], logits, atol=1e-6)


def test_the_label_vectors_teach_both_players():
    made = game(InterRAT)
    assert {"labels", "keys.weight", "to_words.weight", "to_labels.weight"} <= set(
        moved(made, next(made.play(BATCH)).loss)
    )


# CR


def rewards_by_hand(made, mask, one):
    """log(1 + what is lost without it) for every surely selected word of a text."""

    def right(shown):
        return made.predict(one, shown).softmax(-1)[0, one.labels[0]].item()

    without = [mask.index_fill(1, torch.tensor([t]), 0) for t in range(mask.shape[1]) if mask[0, t] > 0.8]
    return [math.log1p(max(0.0, right(mask) - right(less))) for less in without]


def test_the_need_of_words_is_what_their_removal_costs():
    mask = torch.rand(BATCH.tokens.shape, generator=torch.Generator().manual_seed(101)) * BATCH.selectable
    mask[[0, 1, 2, 4]] = mask[[0, 1, 2, 4]].mul(2).clamp(max=1)
    ones = [SPLIT.batch(torch.tensor([i])) for i in range(len(TEXTS))]
    for texts in ("all", "last"):
        made = game(CR, removed=1.0, texts=texts)
        rewards = [rewards_by_hand(made, mask[i : i + 1, : one.tokens.shape[1]], one) for i, one in enumerate(ones)]
        means = [sum(r) / max(len(r), 1) for r in rewards]
        assert any(len(r) > 1 and max(r) > 0 for r in rewards) and [] in rewards
        expected = sum(means) / len(means) if texts == "all" else means[-1]
        assert made.need(BATCH, mask, made.predict(BATCH, mask)).item() == pytest.approx(expected, abs=1e-6)


def test_no_more_than_a_share_of_a_text_is_removed():
    made, one = game(CR, removed=0.1), replace(SPLIT.batch(torch.tensor([0])), labels=torch.tensor([1]))
    mask = one.selectable.float()  # six words: at a tenth, one of them is removed
    rewards = rewards_by_hand(made, mask, one)
    drawn = [made.need(one, mask, made.predict(one, mask)).item() for _ in range(60)]
    assert max(rewards) > min(rewards) + 1e-5
    assert all(min(abs(d - r) for r in rewards) < 1e-6 for d in drawn)
    assert all(min(abs(d - r) for d in drawn) < 1e-6 for r in rewards)


def test_a_word_that_the_predictor_ignores_is_not_needed():
    made = game(CR, removed=1.0)
    with torch.no_grad():
        made.selector.embedding.weight.zero_()
    mask = BATCH.selectable.float()
    assert float(made.need(BATCH, mask, made.predict(BATCH, mask))) < 1e-6


def test_the_bottleneck_is_a_divergence_from_a_choice_at_the_rate_alpha():
    made, words = game(CR, alpha=0.3), torch.randn(*BATCH.tokens.shape, 2)
    each = kl_divergence(Bernoulli(logits=words[..., 1] - words[..., 0]), Bernoulli(torch.tensor(0.3)))
    expected = torch.stack([row[keep].mean() for row, keep in zip(each, BATCH.selectable, strict=True)]).mean()
    assert made.divergence(words, BATCH).item() == pytest.approx(expected.item(), abs=1e-5)


def test_cr_puts_its_terms_together_and_its_mask_is_soft():
    made = game(CR, information=0.5, necessity=2.0, removed=1.0, temperature=0.5)
    (step,) = made.play(BATCH)
    assert bool(((step.mask > 0) & (step.mask < 1))[BATCH.selectable].all())
    need = made.need(BATCH, step.mask, step.logits)
    plain = F.cross_entropy(step.logits, BATCH.labels)
    expected = plain + 0.5 * made.divergence(made.logits(BATCH), BATCH) - 2 * need
    assert step.loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert {n.split(".")[0] for n in moved(made, step.loss)} == {"selector", "predictor"}
