"""BERT players: the states are transformers' own, and what a masking hides reaches nobody."""

import pytest
import torch
from torch import nn

from small_bert import real_checkpoint, write_checkpoint
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import CorpusError, Text, Vocabulary
from ver_lite.methods import RNP
from ver_lite.methods.base import learners
from ver_lite.players.bert.checkpoints import CheckpointError, check_corpus, piece_table, shape_of
from ver_lite.players.bert.encoder import MASKINGS, BertEncoder
from ver_lite.players.bert.memory import BERT_BASE, GIB, largest_batch, memory, parameters
from ver_lite.players.compaction import CompactPredictor
from ver_lite.players.players import Predictor, Selector, another, make_embedding

WORDS = ["<pad>", "<unk>", "the", "ale", "tastes", "of", "malt", "n't", "[sep]", "\u200b", "stout", "x" * 40]
WIDTH = 7


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("bert"), words=("the", "ale", "of", "tast"))


@pytest.fixture(scope="module")
def table(checkpoint):
    return make_embedding(piece_table(checkpoint, WORDS))


def encoder(checkpoint, table, **options):
    return BertEncoder(table.embedding_dim, 16, checkpoint, **options).eval()


def batch(lengths=(7, 5, 1), width=WIDTH, seed=101):
    """Words without queries, unknown ones too, ``real``, and a random mask that shows each first word."""
    real = torch.arange(width) < torch.tensor(lengths)[:, None]
    draw = torch.Generator().manual_seed(seed)
    choice = torch.tensor([1, 2, 3, 4, 5, 6, 7, 9, 10, 11])
    tokens = choice[torch.randint(len(choice), real.shape, generator=draw)] * real
    shown = (torch.rand(real.shape, generator=draw) < 0.5).float() * real
    shown[:, 0] = 1
    return tokens, real, shown


def transformers_states(checkpoint, *words):
    """transformers' own states of a text (or of a query and a text) and the places of each word's first piece."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), AutoModel.from_pretrained(checkpoint).eval()
    row = tokenizer(*words, is_split_into_words=True, return_tensors="pt")
    of_word = list(zip(row.sequence_ids(), row.word_ids(), strict=True))
    first = [of_word.index((i, j)) for i, part in enumerate(words) for j in range(len(part))]
    with torch.no_grad():
        return model(**row).last_hidden_state[0][first]


def check_against_transformers(checkpoint, words):
    """A text, and a query with its text, in one batch."""
    vocabulary = Vocabulary([*dict.fromkeys(words), "[sep]"])
    table = make_embedding(piece_table(checkpoint, vocabulary.words))
    made = BertEncoder(table.embedding_dim, shape_of(checkpoint)["hidden_size"], checkpoint).eval()
    ids = vocabulary.encode(words)
    tokens = torch.tensor([[*ids, 0, 0], [*ids[:3], vocabulary.index("[sep]"), *ids[3:], 0]])
    real = tokens > 0
    with torch.no_grad():
        states = made.of_words(table, tokens, real.float(), real)
    alone = transformers_states(checkpoint, words)
    assert torch.allclose(states[0][real[0]], alone, atol=1e-5)
    asked = torch.cat([states[1, :3], states[1, 4 : len(words) + 1]])
    assert torch.allclose(asked, transformers_states(checkpoint, words[:3], words[3:]), atol=1e-5)
    assert (asked - alone).abs().max() > 1e-3  # so the query made a difference
    assert not states[~real].any()


def test_states_of_a_full_text_are_those_of_transformers(checkpoint):
    check_against_transformers(checkpoint, ["the", "ale", "tastes", "of", "malt", "unheard-of", "n't", "stout"])


def test_states_of_a_real_berts_full_text_are_those_of_transformers():
    words = "i did n't expect such an unbelievably heartwarming movie , café-style".split()
    check_against_transformers(real_checkpoint(), words)


def test_a_word_without_pieces_is_unknown_and_the_separator_is_itself(checkpoint, table):
    unknown, separator = 1, 3
    pieces = [[int(n) - 1 for n in row if n] for row in table.weight]
    assert pieces[0] == [] and pieces[1] == pieces[9] == [unknown] and pieces[8] == [separator]
    assert len(pieces[4]) == 3 and len(pieces[11]) == 40  # tast ##e ##s, and a word that is spelled


@pytest.mark.parametrize("masking", MASKINGS)
def test_padding_company_and_order_change_nothing(checkpoint, table, masking):
    made = encoder(checkpoint, table, masking=masking)
    tokens, real, shown = batch()
    whole = made.of_words(table, tokens, shown, real)
    tokens[~real] = 3
    wider = made.of_words(table, *(nn.functional.pad(x, (0, 4)) for x in (tokens, shown, real)))
    assert torch.allclose(whole[real], wider[:, :WIDTH][real], atol=1e-5)
    turned = made.of_words(table, *(x.flip(0) for x in (tokens, shown, real))).flip(0)
    assert torch.allclose(whole[real], turned[real], atol=1e-5)
    alone = made.of_words(table, *(x[1:2, :5] for x in (tokens, shown, real)))
    assert torch.allclose(whole[1, :5], alone[0], atol=1e-5)


@pytest.mark.parametrize("masking", ["zero_embed", "attn_mask", "delete"])
def test_what_is_hidden_is_not_read(checkpoint, table, masking):
    made = encoder(checkpoint, table, masking=masking)
    tokens, real, shown = batch()
    hidden = real & (shown == 0)
    spelled = table.weight.count_nonzero(1)
    other = torch.where(hidden, 2 + 3 * (tokens == 2), tokens)  # the, of: one piece each
    tokens = torch.where(hidden, 3, tokens)  # ale: one piece too
    assert spelled[tokens][hidden].eq(1).all() and spelled[other][hidden].eq(1).all() and not torch.equal(tokens, other)
    assert torch.equal(made.of_words(table, tokens, shown, real), made.of_words(table, other, shown, real))
    if masking == "delete":  # nor is it seen how many pieces a hidden word has
        other[hidden] = 11
        states = made.of_words(table, tokens, shown, real), made.of_words(table, other, shown, real)
        assert torch.allclose(*states, atol=1e-5)


def test_deleting_is_reading_the_shortened_text(checkpoint, table):
    predictor = Predictor(table, 3, lambda *_: encoder(checkpoint, table, masking="delete"), 16).eval()
    plain = Predictor(table, 3, lambda *_: encoder(checkpoint, table), 16).eval()
    plain.load_state_dict(predictor.state_dict())
    tokens, real, shown = batch(seed=103)
    for i in range(len(tokens)):
        kept = shown[i] > 0
        row = tokens[i][kept][None]
        all_real = torch.ones_like(row, dtype=torch.bool)
        states = plain.states(row, all_real, all_real.float())
        assert torch.allclose(predictor.states(tokens, real, shown)[i][kept], states[0], atol=1e-5)
        logits = plain(row, all_real, all_real.float())
        assert torch.allclose(predictor(tokens, real, shown)[i], logits[0], atol=1e-5)


def test_a_compact_predictor_reads_the_shortened_text_and_gives_kept_words_a_gradient(checkpoint, table):
    compact = CompactPredictor(table, 3, lambda *_: encoder(checkpoint, table), 16).eval()
    tokens, real, shown = batch(seed=103)
    shown.requires_grad_()
    logits = compact(tokens, real, shown)
    for i in range(len(tokens)):
        row = tokens[i][shown[i] > 0][None]
        alone = compact(row, torch.ones_like(row, dtype=torch.bool), torch.ones(row.shape))
        assert torch.allclose(logits[i], alone[0], atol=1e-5)
    (gradient,) = torch.autograd.grad(logits.square().sum(), shown)
    assert gradient[shown > 0].ne(0).all() and not gradient[shown == 0].any()
    read, answer = compact.reading(tokens, real, shown)
    assert torch.allclose(answer(read), logits, atol=1e-5) and not read[shown == 0].any()


@pytest.mark.parametrize("masking", MASKINGS)
def test_nothing_shown_and_nothing_there_stay_finite(checkpoint, table, masking):
    predictor = Predictor(table, 2, lambda *_: encoder(checkpoint, table, masking=masking), 16)
    tokens, real, _ = batch((7, 0, 1))
    shown = torch.zeros(tokens.shape, requires_grad=True)
    logits = predictor(tokens, real, shown)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert shown.grad is None or shown.grad.isfinite().all()


@pytest.mark.parametrize(("masking", "reached"), [(m, m != "delete") for m in MASKINGS])
def test_who_gives_the_mask_a_gradient(checkpoint, table, masking, reached):
    made = encoder(checkpoint, table, masking=masking)
    tokens, real, shown = batch()
    shown.requires_grad_()
    states = made.of_words(table, tokens, shown, real)
    (gradient,) = torch.autograd.grad(states[:, 0].square().sum(), shown, allow_unused=True)
    if not reached:
        assert gradient is None
        return
    assert gradient.isfinite().all() and not gradient[~real].any()
    others = real.clone()
    others[:, 0] = False
    if masking == "attn_mask":  # a word's state alone has the mask as a factor
        assert gradient[:, 0].ne(0).all() and not gradient[others].any()
    else:
        assert gradient[others].ne(0).any()


@pytest.mark.parametrize("masking", ["zero_embed", "log_attn"])
def test_the_gradient_to_a_soft_mask_is_the_slope(checkpoint, table, masking):
    made, exact = encoder(checkpoint, table, masking=masking).double(), table.weight.double()
    tokens, real, shown = batch((4, 3), 4)
    soft = (0.2 + 0.5 * shown).double().requires_grad_()
    embedding = make_embedding(exact)
    assert torch.autograd.gradcheck(lambda m: made.of_words(embedding, tokens, m, real), soft)


def test_checkpointing_changes_no_gradient(checkpoint, table):
    gradients = []
    for checkpointing in (False, True):
        made = encoder(checkpoint, table, masking="log_attn", checkpointing=checkpointing).train()
        tokens, real, shown = batch()
        shown.requires_grad_()
        torch.manual_seed(5)  # of the dropout
        made.of_words(table, tokens, shown, real).square().sum().backward()
        gradients.append([shown.grad, *(p.grad for p in made.parameters() if p.grad is not None)])
    assert len(gradients[0]) > 20
    assert all(torch.allclose(*pair, rtol=1e-5) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize("masking", MASKINGS)
def test_the_words_vectors_lead_to_the_same_states(checkpoint, table, masking):
    predictor = Predictor(table, 2, lambda *_: encoder(checkpoint, table, masking=masking), 16).eval()
    tokens, real, shown = batch()
    read, answer = predictor.reading(tokens, real, shown)
    assert read.shape == (*tokens.shape, table.embedding_dim * 16)
    assert torch.allclose(answer(read), predictor(tokens, real, shown), atol=1e-6)
    if masking in ("zero_embed", "delete"):
        assert not read[shown == 0].any() and read[shown == 1].any()
    read = read.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(answer(read).sum(), read)
    assert gradient[shown == 1].abs().amax(-1).gt(0).any()


def test_what_learns_and_how_fast(checkpoint, table):
    players = [
        kind(table, encoder=lambda *_: encoder(checkpoint, table, pace=0.1), hidden=16)
        for kind in (Selector, Predictor)
    ]
    groups = learners(RNP(*players))
    learned = {id(p): group["times"] for group in groups for p in group["params"]}
    for player in players:
        model = player.encoder.model
        assert {learned[id(p)] for p in model.encoder.parameters()} == {0.1}
        assert {learned[id(p)] for p in (*player.head.parameters(),)} == {1.0}
        assert not any(id(p) in learned for p in (*model.embeddings.parameters(), player.embedding.weight))
    thawed = encoder(checkpoint, table, frozen_embeddings=False)
    assert all(p.requires_grad for p in thawed.model.embeddings.parameters())


def test_another_player_starts_from_the_same_bert_and_a_new_head(checkpoint, table):
    first = Predictor(table, 2, lambda *_: encoder(checkpoint, table), 16)
    second = another(first)
    ours, theirs = first.encoder.state_dict(), second.encoder.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert first.encoder is not second.encoder and not torch.equal(first.head.weight, second.head.weight)


def corpus_of(texts, **options):
    return assemble("asked", {"train": texts, "dev": texts, "test": texts}, ("no", "yes"), {}, leaks="keep", **options)


def test_a_corpus_that_bert_cannot_read_is_refused(checkpoint):
    asked = [Text(("malt",) * (2 + 20 * i), i % 2, query=("the", "ale")) for i in range(4)]

    def check(corpus):
        check_corpus(corpus, piece_table(checkpoint, corpus.vocabulary.words), 64)

    with pytest.raises(CorpusError, match=r"cannot tell queries from texts.*query_end="):
        check(corpus_of(asked))
    with pytest.raises(CorpusError, match=r"3 texts in the train split.* max_length of 14 or less"):
        check(corpus_of(asked, query_end="[SEP]"))
    check(corpus_of(asked, query_end="[SEP]", max_length=14))
    with pytest.raises(CorpusError, match="longer than"):
        check(corpus_of(asked, query_end="[SEP]", max_length=15))


def test_what_does_not_fit_the_model_is_not_read(checkpoint, table):
    made = encoder(checkpoint, table)  # of 160 positions
    tokens = torch.tensor([[11, 11, 11, 2, 3, 11, 4, 6, 7]])  # 122 pieces of five words, then 40 of one, then more
    real = tokens > 0
    states = made.of_words(table, tokens, real.float(), real)
    assert states.isfinite().all() and states[0, :6].abs().amax(-1).gt(0).all() and not states[0, 6:].any()


def kept(shape, texts, words, **options):
    """The bytes that a player of this shape keeps for the backward pass, but for its weights, and how many pieces."""
    made = BertEncoder(1, shape["hidden_size"], None, shape=shape, **options).train()
    table = make_embedding(torch.arange(20.0)[:, None])
    weights = {p.untyped_storage().data_ptr() for p in (*made.parameters(), table.weight)}
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    tokens = torch.randint(7, 20, (texts, words))
    shown = torch.ones(texts, words, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        states = made.of_words(table, tokens, shown, tokens > 0)
    assert states.requires_grad
    return sum(n for at, n in storages.items() if at not in weights), made


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_the_count_of_memory_is_what_torch_keeps(checkpoint, dropout, checkpointing):
    shape = shape_of(checkpoint) | {"hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 5}
    shape |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0}  # as a GPU's attention: no matrix
    measured, made = kept(shape, 4, 62, checkpointing=checkpointing)
    options = {"checkpointing": checkpointing, "players": 1, "kept_bytes": 4}
    assert measured == pytest.approx(memory(shape, 4, 64, **options).kept, rel=0.01)
    assert sum(parameters(shape)) == sum(p.numel() for p in made.parameters())
    learning = sum(p.numel() for p in made.parameters() if p.requires_grad)
    assert memory(shape, 4, 64, **options).moments == 8 * learning == 8 * parameters(shape)[1]


def test_two_bert_bases_of_512_pieces_fit_16_gib_with_checkpointing():
    room = 15 * GIB
    most = largest_batch(BERT_BASE, 512, room, checkpointing=True)
    assert most >= 128  # the paper's batch
    assert memory(BERT_BASE, most, 512, checkpointing=True).total <= room
    assert memory(BERT_BASE, most + 1, 512, checkpointing=True).total > room
    assert largest_batch(BERT_BASE, 512, room) < 32 and largest_batch(BERT_BASE, 512, GIB) == 0


def test_errors_say_what_to_do(checkpoint, table, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"'no/such-bert'.*hf download"):
        BertEncoder(4, 16, "no/such-bert")
    with pytest.raises(ValueError, match="hidden must be 16"):
        BertEncoder(4, 64, checkpoint)
    with pytest.raises(ValueError, match="masking must be one of: zero_embed"):
        BertEncoder(4, 16, checkpoint, masking="zero")
    with pytest.raises(ValueError, match="pace"):
        BertEncoder(4, 16, checkpoint, pace=0)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="of type 'gpt2'"):
        shape_of(str(tmp_path))
