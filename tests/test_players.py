"""The players: against torch's packed GRU, and unmoved by what must not matter."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ver_lite.methods import RNP
from ver_lite.players.base import Encoder
from ver_lite.players.encoders import ConvEncoder, GRUEncoder, make_encoder
from ver_lite.players.players import (
    Predictor,
    Selector,
    in_mode,
    make_embedding,
    max_pool,
    random_vectors,
)

WORDS, SIZE, HIDDEN = 30, 6, 8
lengths_of_batches = st.lists(st.integers(0, 9), min_size=1, max_size=5)


def padded(lengths, width=None, seed=1):
    """Vectors [B, T, D], zero at padding, and ``real``."""
    real = torch.arange(width or max(1, *lengths)) < torch.tensor(lengths)[:, None]
    return torch.randn(*real.shape, SIZE, generator=torch.Generator().manual_seed(seed)) * real[..., None], real


def torch_gru(encoder):
    """torch's bidirectional GRU with the weights of a GRUEncoder."""
    twin = nn.GRU(SIZE, HIDDEN // 2, batch_first=True, bidirectional=True)
    state = {name: p for name, p in encoder.forward_gru.state_dict().items()}
    state |= {f"{name}_reverse": p for name, p in encoder.backward_gru.state_dict().items()}
    twin.load_state_dict(state)
    return twin


def players(encoder, seed=1):
    torch.manual_seed(seed)
    embedding = make_embedding(random_vectors(WORDS, SIZE))
    return Selector(embedding, encoder, HIDDEN).eval(), Predictor(embedding, 3, encoder, HIDDEN).eval()


def ids(lengths, width=None, seed=1):
    real = padded(lengths, width)[1]
    return torch.randint(2, WORDS, real.shape, generator=torch.Generator().manual_seed(seed)) * real, real


@given(lengths_of_batches.filter(any), st.integers(0, 3))
def test_the_gru_is_torchs_packed_bidirectional_gru(lengths, more):
    encoder = GRUEncoder(SIZE, HIDDEN)
    x, real = padded(lengths, max(lengths) + more)
    kept = [i for i, n in enumerate(lengths) if n]
    packed = pack_padded_sequence(x[kept], torch.tensor(lengths)[kept], batch_first=True, enforce_sorted=False)
    theirs = pad_packed_sequence(torch_gru(encoder)(packed)[0], batch_first=True, total_length=x.shape[1])[0]
    mine = encoder(x, real)[kept]
    assert torch.allclose(mine[real[kept]], theirs[real[kept]], atol=1e-6)


@given(lengths_of_batches, st.integers(0, 3))
def test_reading_padding_is_torchs_gru_over_the_padded_row(lengths, more):
    encoder = GRUEncoder(SIZE, HIDDEN, reads_padding=True)
    x, real = padded(lengths, max(1, *lengths) + more)
    assert torch.allclose(encoder(x, real), torch_gru(encoder)(x)[0], atol=1e-6)


@given(st.sampled_from(["gru", "conv"]), lengths_of_batches, st.integers(1, 6))
def test_padding_order_and_company_change_nothing(encoder, lengths, more):
    selector, predictor = players(encoder)
    tokens, real = ids(lengths)
    shown = (torch.rand(tokens.shape, generator=torch.Generator().manual_seed(2)) < 0.5).float()

    def play(rows, width):
        t, r, s = (nn.functional.pad(x[rows], (0, width - x.shape[1])) for x in (tokens, real, shown))
        return selector(t, r)[:, : tokens.shape[1]], predictor(t, r, s)

    width = tokens.shape[1]
    whole = play(list(range(len(lengths))), width)
    wider = play(list(range(len(lengths))), width + more)
    turned = play(list(reversed(range(len(lengths)))), width)
    assert torch.allclose(whole[0][real], wider[0][real], atol=1e-6)
    assert torch.allclose(whole[0][real], turned[0].flip(0)[real], atol=1e-6)
    assert torch.allclose(whole[1], wider[1], atol=1e-6) and torch.allclose(whole[1], turned[1].flip(0), atol=1e-6)
    for i in range(len(lengths)):
        alone = play([i], width)
        assert torch.allclose(alone[0][0][real[i]], whole[0][i][real[i]], atol=1e-6)
        assert torch.allclose(alone[1][0], whole[1][i], atol=1e-6)


def test_what_stands_at_padding_is_not_read():
    for encoder in ("gru", "conv"):
        selector, predictor = players(encoder)
        tokens, real = ids([3, 5])
        dirty = torch.where(real, tokens, 7)
        assert torch.equal(selector(tokens, real)[real], selector(dirty, real)[real])
        assert torch.equal(predictor(tokens, real, real.float()), predictor(dirty, real, torch.ones(2, 5)))


def test_a_gru_that_reads_padding_depends_on_how_far_its_batch_is_padded():
    torch.manual_seed(1)
    encoder = GRUEncoder(SIZE, HIDDEN, reads_padding=True)
    (near, near_real), (far, far_real) = padded([3], 4), padded([3], 4)
    far, far_real = nn.functional.pad(far, (0, 0, 0, 5)), nn.functional.pad(far_real, (0, 5))
    assert (encoder(near, near_real)[0, :3] - encoder(far, far_real)[0, :3]).abs().max() > 1e-4


@pytest.mark.parametrize("encoder", ["gru", "conv"])
def test_the_predictor_cannot_read_hidden_words_but_sees_their_places(encoder):
    _, predictor = players(encoder)
    tokens, real = ids([9, 6, 9])
    shown = torch.zeros_like(tokens, dtype=torch.float)
    shown[:, [1, 4]] = 1
    hidden = (shown == 0) & real
    others = torch.where(hidden, 2 + (tokens + 5) % (WORDS - 2), tokens)
    assert not torch.equal(others, tokens)
    assert torch.equal(predictor(tokens, real, shown), predictor(others, real, shown))
    closer = torch.zeros_like(shown)
    closer[:, [1, 2]] = 1  # the same two words, the gap between them gone: the shape of the mask is visible
    moved = tokens.clone()
    moved[:, 2] = tokens[:, 4]
    assert (predictor(tokens, real, shown) - predictor(moved, real, closer)).abs().max() > 1e-4


@pytest.mark.parametrize("encoder", ["gru", "conv"])
def test_a_text_without_words_has_finite_outputs_and_gradients(encoder):
    selector, predictor = players(encoder)
    tokens, real = ids([0, 4])
    logits, said = selector(tokens, real), predictor(tokens, real, real.float())
    assert bool(logits.isfinite().all()) and bool(said.isfinite().all())
    assert torch.equal(said[0], predictor.head.bias)
    (logits.sum() + said.sum()).backward()
    assert all(
        bool(p.grad.isfinite().all()) for p in (*selector.parameters(), *predictor.parameters()) if p.requires_grad
    )


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_the_largest_and_its_gradient_are_torchs_own_ties_and_empty_texts_included(seed, values):
    draw = torch.Generator().manual_seed(seed)
    states = torch.randint(values, (3, 5, 4), generator=draw).double().requires_grad_()
    pool = torch.rand(3, 5, generator=draw) < 0.5
    weight = torch.rand(3, 4, generator=draw, dtype=torch.double)
    theirs = states.masked_fill(~pool[..., None], -1e6).amax(1) * pool.any(1, keepdim=True)
    ours = max_pool(states, torch.ones_like(pool), pool)
    assert torch.equal(ours, theirs)
    gradients = [torch.autograd.grad((found * weight).sum(), states)[0] for found in (ours, theirs)]
    assert torch.equal(*gradients)


def test_pooling_can_be_limited_to_some_words():
    _, predictor = players("gru")
    tokens, real = ids([5])
    pool = torch.tensor([[False, True, False, False, False]])
    states = predictor.encoder(predictor.embedding(tokens), real)
    assert torch.allclose(predictor(tokens, real, torch.ones(1, 5), pool), predictor.head(states[:, 1]))


def test_the_embedding_of_padding_is_zero_and_stays_so_when_trained():
    vectors = torch.ones(WORDS, SIZE)
    frozen, trained = make_embedding(vectors), make_embedding(vectors, trainable=True)
    assert torch.equal(vectors, torch.ones(WORDS, SIZE))  # the caller's are not touched
    assert not frozen.weight.requires_grad and not bool(random_vectors(WORDS, SIZE)[0].any())
    game = RNP(Selector(trained, "conv", HIDDEN), Predictor(trained, 2, "conv", HIDDEN))
    optimizer = torch.optim.Adam(game.groups()["game"], lr=0.1)
    assert any(p is trained.weight for p in game.parameters() if p.requires_grad)
    tokens, real = ids([4, 2])
    for _ in range(3):
        optimizer.zero_grad()
        logits = game.predictor(tokens, real, game.selector(tokens, real)[..., 1])
        nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
        optimizer.step()
    assert not bool(trained.weight[0].any()) and not torch.equal(trained.weight[1:], vectors[1:])
    assert not bool(frozen.weight[0].any())


def test_encoders_are_named_or_made_and_wrong_ones_refused():
    class Mine(Encoder):
        pass

    assert isinstance(make_encoder(Mine, 3, 4), Mine)
    assert make_encoder(lambda inputs, hidden: ConvEncoder(inputs, hidden, width=3), 3, 4).first.kernel_size == (3,)
    with pytest.raises(TypeError, match="subclass of ver_lite.players.Encoder, not Identity"):
        make_encoder(lambda inputs, hidden: nn.Identity(), 3, 4)
    with pytest.raises(ValueError, match="'lstm'; choose one of: gru, conv"):
        make_encoder("lstm", 3, 4)
    with pytest.raises(ValueError, match="even"):
        GRUEncoder(3, 5)


def test_a_state_of_the_convolution_sees_four_words_on_either_side():
    torch.manual_seed(1)
    encoder = ConvEncoder(SIZE, 64)
    x, real = padded([15])
    touched = x.clone().requires_grad_(True)
    encoder(touched, real)[0, 7].sum().backward()
    seen = touched.grad[0].abs().sum(-1) > 0
    assert seen.nonzero().flatten().tolist() == list(range(3, 12))


def test_the_sizes_of_the_paper():
    """GRU 100 → 2 × 100, LayerNorm in the selector only."""
    embedding = make_embedding(torch.zeros(5, 100))
    selector, predictor = Selector(embedding), Predictor(embedding)
    gru = 2 * (3 * 100 * (100 + 100) + 2 * 3 * 100)
    learned = [sum(p.numel() for p in m.parameters() if p.requires_grad) for m in (selector, predictor)]
    assert learned == [gru + 2 * 200 + 2 * 200 + 2, gru + 2 * 200 + 2]


def test_a_game_that_was_looked_at_is_in_its_own_mode_again():
    """Each part by itself, also after an error: a frozen part of a game in training stays in evaluation mode."""
    game = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(2, 2).eval())
    for training in (False, True):
        with pytest.raises(KeyError), in_mode(game, training):
            assert {part.training for part in game.modules()} == {training}
            raise KeyError
        assert [part.training for part in game.modules()] == [True, True, False]
