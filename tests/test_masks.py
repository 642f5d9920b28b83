"""Masks: what Eq. 4, 7 and 8 promise, for every shape of batch."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import gumbel_r, kstest
from torch.nn import functional as F

from ver_lite import masks


@st.composite
def batches(draw):
    """A float mask [B, T] of zeros and ones and its ``real`` [B, T]: each text from a place of its own, where its query
    ends, to another, where its padding begins; there may be nothing between them."""
    texts, width = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    edges = draw(st.lists(st.tuples(st.integers(0, width), st.integers(0, width)), min_size=texts, max_size=texts))
    first, end = torch.tensor(edges).sort(1).values.T[..., None]
    at = torch.arange(width)
    real = (at >= first) & (at < end)
    bits = draw(st.lists(st.booleans(), min_size=texts * width, max_size=texts * width))
    mask = torch.tensor(bits).view(texts, width).float() * real
    return mask, real


seeds = st.integers(0, 10_000)
rates = st.floats(0, 1)


def noise(seed):
    return torch.Generator().manual_seed(seed)


@given(batches(), rates, seeds)
def test_perturbation_keeps_the_rationale_size_of_every_text(batch, p, seed):
    mask, real = batch
    out = masks.perturb(mask, real, p, generator=noise(seed))
    dropped = ((mask == 1) & (out == 0)).sum(1)
    added = ((mask == 0) & (out == 1)).sum(1)
    unselected = (real & (mask == 0)).sum(1)
    assert torch.equal(added, torch.minimum(dropped, unselected))
    enough = unselected >= dropped
    assert torch.equal(out.sum(1)[enough], mask.sum(1)[enough])


@given(batches(), rates, seeds)
def test_a_perturbed_mask_is_zero_or_one_and_never_selects_padding(batch, p, seed):
    mask, real = batch
    for perturb in (masks.perturb, masks.perturb_released):
        out = perturb(mask, real, p, generator=noise(seed))
        assert set(out.unique().tolist()) <= {0.0, 1.0}
        assert not bool((out.bool() & ~real).any())


@given(batches(), seeds)
def test_no_perturbation_is_the_identity_and_full_perturbation_drops_everything(batch, seed):
    mask, real = batch
    assert torch.equal(masks.perturb(mask, real, 0.0, generator=noise(seed)), mask)
    assert torch.equal(masks.perturb_released(mask, real, 0.0, generator=noise(seed)), mask)
    everything = masks.perturb(mask, real, 1.0, generator=noise(seed))
    assert not bool((everything * mask).any())


@given(batches(), rates, seeds)
def test_the_gradient_is_that_of_the_unperturbed_mask(batch, p, seed):
    mask, real = batch
    logits = torch.randn(*mask.shape, 2, generator=noise(seed), requires_grad=True)
    weights = torch.randn(mask.shape, generator=noise(seed + 1))
    drawn = masks.sample(logits, real, generator=noise(seed))
    plain = torch.autograd.grad((drawn * weights).sum(), logits, retain_graph=True)[0]
    for perturb in (masks.perturb, masks.perturb_released):
        changed = perturb(drawn, real, p, generator=noise(seed))
        assert torch.equal(torch.autograd.grad((changed * weights).sum(), logits, retain_graph=True)[0], plain)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_the_flip_rate_is_p_and_additions_are_uniform(p, generator):
    real = torch.ones(20_000, 20, dtype=torch.bool)
    mask = torch.zeros(20_000, 20)
    mask[:, :5] = 1
    out = masks.perturb(mask, real, p, generator=generator)
    flips = (out[:, :5] == 0).float()
    assert abs(float(flips.mean()) - p) < 4 * (p * (1 - p) / flips.numel()) ** 0.5
    where = out[:, 5:].mean(0)
    expected = p * 5 / 15
    assert float((where - expected).abs().max()) < 5 * (expected * (1 - expected) / len(out)) ** 0.5


def test_the_released_perturbation_counts_per_batch():
    real = torch.ones(8, 10, dtype=torch.bool)
    mask = torch.zeros(8, 10)
    mask[:, :3] = 1
    out = masks.perturb_released(mask, real, 1e-9, generator=noise(1))
    assert torch.equal(out.sum(1), torch.full((8,), 4.0)), "one word is added to every text though nothing was dropped"
    mask[0] = 1
    out = masks.perturb_released(mask, real, 1e-9, generator=noise(1))
    assert torch.equal(out, mask), "a text without unselected words keeps all texts from additions"
    mask[0, 3:] = 0
    out = masks.perturb_released(mask, real, 1.0, generator=noise(1))
    assert torch.equal(out.sum(1), torch.full((8,), 3.0))


@pytest.mark.parametrize("selected", [[3], [1, 2], [1, 2, 5], [0, 0]])
def test_the_released_perturbation_adds_the_floor_of_the_mean_number_of_drops(selected):
    """Where all selected words are dropped and every text has room."""
    mask = (torch.arange(20) < torch.tensor(selected)[:, None]).float()
    out = masks.perturb_released(mask, torch.ones_like(mask).bool(), 1.0, generator=noise(1))
    assert out.sum(1).tolist() == [max(sum(selected) // len(selected), 1)] * len(selected)


def test_texts_at_the_edge():
    real = torch.tensor([[1, 0, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]], dtype=torch.bool)
    mask = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=torch.float)
    out = masks.perturb(mask, real, 1.0, generator=noise(0))
    assert out.sum(1).tolist() == [0, 0, 0, 0, 0], "length 1 and full texts only lose words; empty ones do not change"
    assert masks.top_k(torch.rand(5, 3), real, 0.5).sum(1).tolist() == [1, 1, 2, 2, 0]
    assert torch.equal(masks.top_k(torch.rand(5, 3), real, 1.0), real.float())
    assert masks.random_mask(real, 0.1, generator=noise(0)).sum(1).tolist() == [1, 1, 1, 1, 0]
    assert masks.non_overlap(mask, mask).tolist() == [0, 0, 0, 0, 0]
    assert torch.isfinite(masks.omega(mask, real, 0.2, 1.0, 1.0))
    assert torch.isfinite(masks.omega_released(mask, real & False, 0.2, 1.0, 1.0))


@given(batches(), st.floats(0.01, 1), seeds)
def test_top_k_is_exact_in_every_text(batch, share, seed):
    _, real = batch
    scores = torch.randn(real.shape, generator=noise(seed))
    out = masks.top_k(scores, real, share)
    length = real.sum(1).numpy()
    wanted = np.minimum(np.maximum(np.ceil(length * share - 1e-6), 1), length)
    assert np.array_equal(out.sum(1).numpy(), wanted)
    assert not bool((out.bool() & ~real).any())
    kept = torch.where(out.bool(), scores, torch.inf).amin(1)
    left = torch.where(real & ~out.bool(), scores, -torch.inf).amax(1)
    assert bool((kept >= left).all())


def test_ties_go_to_the_earlier_word():
    real = torch.ones(2, 1000, dtype=torch.bool)
    assert torch.equal(masks.top_k(torch.zeros(2, 1000), real, 0.3), (torch.arange(1000) < 300).expand(2, -1).float())


@given(batches(), seeds, st.floats(0.3, 3))
def test_sampling_is_hard_forward_soft_backward_and_skips_padding(batch, seed, temperature):
    _, real = batch
    logits = torch.randn(*real.shape, 2, generator=noise(seed), requires_grad=True)
    weights = torch.randn(real.shape, generator=noise(seed + 1))
    drawn = masks.sample(logits, real, temperature=temperature, generator=noise(seed))
    likelier = masks.likelier(logits, real, temperature=temperature)
    assert torch.equal(likelier, masks.argmax(logits, real))
    for out, gumbels in ((drawn, masks.gumbel_noise(logits, noise(seed))), (likelier, 0.0)):
        assert set(out.unique().tolist()) <= {0.0, 1.0} and not bool((out.bool() & ~real).any())
        soft = F.softmax((logits + gumbels) / temperature, -1)[..., 1] * real
        got = torch.autograd.grad((out * weights).sum(), logits)[0]
        expected = torch.autograd.grad((soft * weights).sum(), logits)[0]
        assert torch.allclose(got, expected)


@given(batches(), seeds)
def test_the_likelier_choice_is_the_larger_logit_and_a_tie_is_not_selected(batch, seed):
    wanted, real = batch
    logits = torch.randn(*real.shape, 2, generator=noise(seed)).sort(-1).values  # selecting is the larger one
    logits = torch.where(wanted.bool()[..., None], logits, logits.flip(-1))
    assert torch.equal(masks.argmax(logits, real), wanted)
    assert not masks.argmax(torch.ones_like(logits), real).any()


def test_the_temperature_is_one_unless_another_is_given_and_is_positive():
    logits, real = torch.randn(3, 8, 2, requires_grad=True), torch.ones(3, 8, dtype=torch.bool)
    for draw in (
        lambda **k: masks.sample(logits, real, generator=noise(3), **k),
        lambda **k: masks.likelier(logits, real, **k),
    ):
        plain, one, two = (
            torch.autograd.grad(draw(**k)[:, 0].sum(), logits)[0]
            for k in ({}, {"temperature": 1.0}, {"temperature": 2.0})
        )
        assert torch.equal(plain, one) and not torch.allclose(plain, two)
    for temperature in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="temperature must be a number above 0, not"):
            masks.sample(logits, real, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.01, 10.0, 1000.0])
def test_the_temperature_never_changes_a_mask(temperature):
    """Not even of pairs so close that they round to a tie when they are divided."""
    logits, real = torch.zeros(1000, 1000, 2), torch.ones(1000, 1000, dtype=torch.bool)
    drawn, other = (masks.sample(logits, real, temperature=t, generator=noise(5)) for t in (1.0, temperature))
    assert torch.equal(drawn, other)
    soft = F.softmax((logits + masks.gumbel_noise(logits, noise(5))) / temperature, -1)[..., 1]
    assert temperature < 1 or not torch.equal(drawn.bool(), soft > 0.5)  # so there were such pairs


def test_sampling_selects_with_the_softmax_probability(generator):
    logits = torch.tensor([0.3, -0.8]).expand(200_000, 1, 2)
    rate = float(masks.sample(logits, torch.ones(200_000, 1, dtype=torch.bool), generator=generator).mean())
    wanted = float(torch.tensor([0.3, -0.8]).softmax(0)[1])
    assert abs(rate - wanted) < 4 * (wanted * (1 - wanted) / 200_000) ** 0.5


def test_sampling_agrees_with_torch_gumbel_softmax():
    logits = torch.randn(3, 7, 2)
    torch.manual_seed(5)
    u = torch.empty_like(logits).exponential_()
    torch.manual_seed(5)
    theirs = F.gumbel_softmax(logits, tau=1.0, hard=True)[..., 1]
    ours = ((logits - u.log()).softmax(-1)[..., 1] > 0.5).float()
    assert torch.equal(ours, theirs), "the same rule: softmax of logits + Gumbel noise, then the larger one"


@given(batches(), st.floats(0, 1), seeds)
def test_the_halves_of_eq_8_take_away_or_add_what_eq_8_does(batch, p, seed):
    mask, real = batch
    whole, dropped, added = (
        f(mask, real, p, generator=noise(seed)) for f in (masks.perturb, masks.drop_only, masks.add_only)
    )
    if p > 0:
        assert torch.equal(dropped, whole * mask), "with the same noise, the same words are hidden"
    assert not bool((dropped > mask).any() or (added < mask).any() or (added > real.to(added)).any())
    room = (real.sum(1) - mask.sum(1)).long()
    lost = (mask - dropped).sum(1).long()
    assert torch.equal((added - mask).sum(1).long(), lost.minimum(room))


@given(batches(), seeds)
def test_add_one_adds_one_where_there_is_room(batch, seed):
    mask, real = batch
    more = masks.add_one(mask, real, generator=noise(seed))
    assert torch.equal((more - mask).sum(1), (real.sum(1) > mask.sum(1)).float()) and not bool((more < mask).any())
    released = masks.perturb_released(mask, real, 1e-9, generator=noise(seed))
    if bool((real.sum(1) > mask.sum(1)).all()):
        assert torch.equal(released.sum(1), more.sum(1)), "the released code does not become RNP as p goes to 0"


def test_the_ablations_have_the_gradient_of_the_mask():
    soft = torch.rand(3, 8, requires_grad=True)
    real, weights = torch.ones(3, 8, dtype=torch.bool), torch.randn(3, 8)
    mask = masks.straight_through((soft > 0.5).float(), soft)
    shown = (masks.drop_only(mask, real, 0.5), masks.add_only(mask, real, 0.5), masks.add_one(mask, real))
    for one in shown:
        assert torch.equal(torch.autograd.grad((one * weights).sum(), soft, retain_graph=True)[0], weights)


@given(batches(), st.floats(0.01, 1), st.floats(0, 20), st.floats(0, 5))
def test_omega_is_eq_4_text_by_text(batch, alpha, lambda1, lambda2):
    mask, real = batch
    expected = 0.0
    for m, r in zip(mask.tolist(), real.tolist(), strict=True):
        words = list(itertools.compress(m, r))
        if words:
            jumps = sum(abs(a - b) for a, b in zip(words[1:], words[:-1], strict=True))
            expected += lambda1 * abs(sum(words) / len(words) - alpha) + lambda2 * jumps
    assert float(masks.omega(mask, real, alpha, lambda1, lambda2)) == pytest.approx(expected / len(mask), abs=1e-4)


def test_nothing_is_a_transition_at_the_edge_of_a_query_or_of_padding():
    """One text: a query of two words, "selected" as it is always shown, three words, two of padding."""
    real = torch.tensor([[False, False, True, True, True, False, False]])
    for shown in (0.0, 1.0):
        mask = torch.tensor([[shown, shown, 1, 1, 1, shown, shown]])
        assert masks.transitions(mask, real).tolist() == [0]
        mask[0, 3] = 0
        assert masks.transitions(mask, real).tolist() == [2]


@given(batches(), st.integers(1, 5))
def test_padding_changes_neither_omega_nor_the_masks(batch, more):
    mask, real = batch
    wide_mask, wide_real = F.pad(mask, (0, more)), F.pad(real, (0, more))
    assert torch.allclose(masks.omega(mask, real, 0.2, 3.0, 1.0), masks.omega(wide_mask, wide_real, 0.2, 3.0, 1.0))
    scores = torch.arange(wide_mask.numel()).view_as(wide_mask).float().sin()
    narrow = masks.top_k(scores[:, : mask.shape[1]], real, 0.4)
    assert torch.equal(F.pad(narrow, (0, more)), masks.top_k(scores, wide_real, 0.4))


def test_omega_is_zero_at_the_asked_share_of_a_mask_without_transitions():
    real = torch.ones(3, 10, dtype=torch.bool)
    assert float(masks.omega(torch.ones(3, 10), real, 1.0, 5.0, 5.0)) == 0
    assert float(masks.omega_released(torch.ones(3, 10), real, 1.0, 5.0, 5.0)) == 0


def test_the_two_forms_of_omega_differ_as_documented():
    real = torch.ones(1, 10, dtype=torch.bool)
    mask = torch.zeros(1, 10)
    mask[0, 3:5] = 1
    summed = float(masks.omega(mask, real, 0.2, 0.0, 1.0))
    mean = float(masks.omega_released(mask, real, 0.2, 0.0, 1.0))
    assert summed == 2 and mean == pytest.approx(2 / 9)
    uneven = torch.zeros(2, 10)
    uneven[0, :4] = 1
    real2 = real.expand(2, 10)
    assert float(masks.omega_released(uneven, real2, 0.2, 1.0, 0.0)) == pytest.approx(0)
    assert float(masks.omega(uneven, real2, 0.2, 1.0, 0.0)) == pytest.approx(0.2)


def test_non_overlap():
    first = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    second = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])
    assert masks.non_overlap(first, second).tolist() == [0, 1, 0]


@settings(max_examples=20)
@given(seeds)
def test_the_same_generator_state_gives_the_same_masks(seed):
    real = torch.ones(3, 9, dtype=torch.bool)
    logits = torch.zeros(3, 9, 2)
    first = masks.perturb(masks.sample(logits, real, generator=noise(seed)), real, 0.3, generator=noise(seed))
    again = masks.perturb(masks.sample(logits, real, generator=noise(seed)), real, 0.3, generator=noise(seed))
    assert torch.equal(first, again)


@pytest.mark.parametrize("p", [-0.1, 1.2, float("nan")])
def test_a_probability_outside_0_to_1_is_refused_by_name(p):
    with pytest.raises(ValueError, match="p must be a number from 0 to 1, not"):
        masks.perturb(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), p)


@pytest.mark.parametrize("share", [0, -1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused_by_name(share):
    with pytest.raises(ValueError, match="share must be a number above 0"):
        masks.top_k(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), share)


# what holds for every function that draws or computes a mask

DRAWN = {
    "sample": lambda logits, mask, real, g: masks.sample(logits, real, generator=g),
    "random_mask": lambda logits, mask, real, g: masks.random_mask(real, 0.4, generator=g),
    "random_words": lambda logits, mask, real, g: masks.random_words(real, real.sum(1) // 2, generator=g),
    "perturb": lambda logits, mask, real, g: masks.perturb(mask, real, 0.5, generator=g),
    "perturb_released": lambda logits, mask, real, g: masks.perturb_released(mask, real, 0.5, generator=g),
    "drop_only": lambda logits, mask, real, g: masks.drop_only(mask, real, 0.5, generator=g),
    "add_only": lambda logits, mask, real, g: masks.add_only(mask, real, 0.5, generator=g),
    "add_one": lambda logits, mask, real, g: masks.add_one(mask, real, generator=g),
}
COMPUTED = {
    "likelier": lambda logits, mask, real, g: masks.likelier(logits, real),
    "argmax": lambda logits, mask, real, g: masks.argmax(logits, real),
    "top_k": lambda logits, mask, real, g: masks.top_k(logits[..., 1], real, 0.4),
}
PRICED = {
    "omega": lambda logits, mask, real, g: masks.omega(mask, real, 0.2, 1.0, 1.0),
    "omega_of_each": lambda logits, mask, real, g: masks.omega_of_each(mask, real, 0.2, 1.0, 1.0),
    "omega_released": lambda logits, mask, real, g: masks.omega_released(mask, real, 0.2, 1.0, 1.0),
    "transitions": lambda logits, mask, real, g: masks.transitions(mask, real),
    "non_overlap": lambda logits, mask, real, g: masks.non_overlap(mask, mask),
    "expected_movement": lambda logits, mask, real, g: masks.expected_movement(mask, mask),
    "expected_non_overlap": lambda logits, mask, real, g: masks.expected_non_overlap(mask, mask),
}


def inputs(device="cpu", dtype=torch.float32):
    real = torch.arange(20, device=device) < torch.tensor([[20], [13], [6], [0]], device=device)
    mask = (torch.arange(20, device=device) % 3 == 0).to(dtype) * real
    return torch.zeros(4, 20, 2, device=device, dtype=dtype), mask, real


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_depends_on_the_given_generator_alone(name):
    def drawn(outside, seed):
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        made = DRAWN[name](*inputs(), noise(seed))
        assert torch.equal(torch.get_rng_state(), before)
        return made

    assert torch.equal(drawn(1, 7), drawn(2, 7)) and not torch.equal(drawn(1, 7), drawn(1, 8))


@pytest.mark.parametrize("name", DRAWN | COMPUTED | PRICED)
def test_everything_stays_where_it_is_and_as_exact_as_it_is_and_no_value_is_read(name):
    """A tensor of the device "meta" has a shape and no values: whatever would read one, or leave it, fails there."""
    call = (DRAWN | COMPUTED | PRICED)[name]
    assert call(*inputs("meta"), None).device.type == "meta"
    given = torch.float32 if name in ("random_mask", "random_words") else torch.float64
    made = call(*inputs(dtype=torch.float64), noise(1))
    assert made.dtype == given and made.shape == {"omega": (), "omega_released": ()}.get(name, made.shape)


def test_noise_is_gumbels():
    drawn = masks.gumbel_noise(torch.zeros(200_000, dtype=torch.float64), noise(101))
    assert kstest(drawn.numpy(), gumbel_r.cdf).pvalue > 0.01 and drawn.dtype == torch.float64


@given(batches(), st.lists(st.integers(0, 14), min_size=6, max_size=6), seeds)
def test_random_words_are_as_many_as_asked_or_all(batch, counts, seed):
    _, real = batch
    count = torch.tensor(counts[: len(real)])
    drawn = masks.random_words(real, count, generator=noise(seed))
    assert torch.equal(drawn.sum(1).long(), count.minimum(real.sum(1))) and not bool((drawn.bool() & ~real).any())


def test_random_words_are_uniform():
    real = (torch.arange(6) < 5).expand(60_000, 6)
    rates = masks.random_words(real, torch.full((60_000,), 2), generator=noise(101)).mean(0)
    assert float((rates[:5] - 2 / 5).abs().max()) < 4 * (0.4 * 0.6 / 60_000) ** 0.5


@example((torch.rand(1, 1000, generator=noise(1)) < 0.5, None))  # a sort of few things keeps their order in any case
@given(batches())
def test_closing_up_moves_the_kept_words_to_the_left_in_order(batch):
    kept = batch[0].bool()
    order, there = masks.closed_up(kept)
    for row, words in enumerate(kept.tolist()):
        places = [at for at, keep in enumerate(words) if keep]
        rest = [at for at, keep in enumerate(words) if not keep]
        assert order[row].tolist() == places + rest
        assert there[row].tolist() == [True] * len(places) + [False] * len(rest)
    assert {part.device.type for part in masks.closed_up(kept.to("meta"))} == {"meta"}


one_word = torch.tensor([[1.0]]), torch.tensor([[True]])
two_words = torch.tensor([[1.0, 0.0]]), torch.tensor([[True, True]])


@example(one_word, 0.2, 1.0, 1.0)
@example(two_words, 0.2, 1.0, 1.0)
@given(batches(), st.floats(0.01, 1), st.floats(0, 20), st.floats(0, 5))
def test_the_released_omega_counts_once_for_the_batch(batch, alpha, lambda1, lambda2):
    mask, real = batch
    share = sum(map(sum, mask.tolist())) / max(int(real.sum()), 1)
    jumps = [abs(a - b) for row in mask.tolist() for a, b in itertools.pairwise(row)]
    expected = lambda1 * abs(share - alpha) + lambda2 * (sum(jumps) / len(jumps) if jumps else 0.0)
    assert float(masks.omega_released(mask, real, alpha, lambda1, lambda2)) == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=4))
def test_the_expected_non_overlap_is_that_of_all_pairs_of_masks(chances):
    """By enumeration: the mean of what two independent draws differ in, over the mean of what they select."""
    first, second = (torch.tensor([each], dtype=torch.float64) for each in zip(*chances, strict=True))
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(chances))), dtype=torch.float64)
    of_first, of_second = ((every * p + (1 - every) * (1 - p)).prod(1) for p in (first, second))
    joint = of_first[:, None] * of_second
    differ = (joint * (every[:, None] - every).abs().sum(-1)).sum()
    selected = (joint * (every[:, None] + every).sum(-1)).sum()
    if selected > 1e-9:
        assert float(masks.expected_non_overlap(first, second)) == pytest.approx(float(differ / selected))
        moved = sum((a - b) ** 2 for a, b in chances) / sum(a + b for a, b in chances)
        assert float(masks.expected_movement(first, second)) == pytest.approx(moved)
    floor = masks.expected_non_overlap(first, second) - masks.expected_movement(first, second)
    assert float(floor) >= -1e-9 and not masks.expected_movement(first, first).any()


def test_two_masks_that_select_nothing_do_not_overlap_less_than_others():
    nothing, one = torch.zeros(1, 3), torch.tensor([[0.0, 1, 0]])
    assert masks.non_overlap(nothing, nothing).tolist() == masks.expected_non_overlap(nothing, nothing).tolist() == [0]
    assert masks.non_overlap(one, nothing).tolist() == masks.expected_non_overlap(one, nothing).tolist() == [1]
