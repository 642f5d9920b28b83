"""Every method with every encoder is trained and evaluated on a CUDA device that is not there (pretended_gpu.py).

A step of training, and what an evaluation does with a batch, may neither leave a tensor on the CPU nor make the host
wait for the device: no ``.item()``, no ``if`` on a tensor, no copy, no result whose size depends on numbers. The route
is that of a GPU: ``nn.GRU`` and not the fused one, Adam fused and capturable, BERT's rows rounded up to 16 pieces, and
noise from a generator of the device. Its numbers are compared with those of the route of the CPU.

What this cannot show, because there is no GPU:

* kernels: that CUDA has one for every operation and type, what cuDNN's GRU and BERT's attention compute there, and that
  one is deterministic;
* graphs: that a step can be recorded, and that a replay computes what the step does;
* streams: that no tensor is used before it is written, when the games of a fleet take turns;
* random numbers: CUDA's generator, its state in a checkpoint, and that a graph draws new ones at every replay;
* precision: TF32, bfloat16 under autocast, the order of sums;
* memory: that a run fits, and that nothing that a graph uses is freed;
* speed.

``make bench-gpu`` looks at most of these where there is a GPU; test_fleets.py runs it as far as a CPU can.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from interrupting import stop_at
from pretended_gpu import GPU, DeviceError, pretended_gpu
from small_bert import words_of, write_checkpoint
from small_corpora import keyword_corpus
from ver_lite.measures import evaluation
from ver_lite.measures.evaluation import evaluate
from ver_lite.measures.metrics import Tally
from ver_lite.methods import METHODS, RNP, Protocol
from ver_lite.players.bert.encoder import MASKINGS, BertEncoder
from ver_lite.players.encoders import ENCODERS
from ver_lite.system import machine
from ver_lite.training.config import Config
from ver_lite.training.game import build_game, fitted, word_vectors
from ver_lite.training.graphs import Replayed
from ver_lite.training.loop import Loop
from ver_lite.training.runs import Run, load_run
from ver_lite.training.training import resume, train

CORPUS = keyword_corpus(8, 6, 2, shortest=3, longest=5)
SMALL = {"hidden": 4, "dimension": 4, "batch_size": 8, "alpha": 0.3}  # one batch an epoch, so that widths are equal
SETTINGS = {
    "lime": {"options": {"samples": 8}},
    # Its teacher learns before a CPU's dropout has a generator of its own.
    "dmr": {"options": {"teacher_epochs": 1}, "dropout": 0.0},
}
CPU = torch.device("cpu")

# What these games do otherwise than by default.
VARIANTS = [
    ("ver", "gru", {"protocol": Protocol.released()}),
    ("rnp", "conv", {"protocol": Protocol.released(), "trainable_vectors": True}),
    ("rnp", "gru", {"player_options": {"compact": True}}),
    ("rnp", "conv", {"temperature": 0.5, "player_options": {"compact": True}}),
    ("a2i", "conv", {"options": {"instruction": "uniform"}}),
    ("a2r", "conv", {"options": {"agreement_moves": "predictors"}}),
    ("car", "conv", {"options": {"path": "gold", "draws": False}}),
    ("cr", "conv", {"options": {"texts": "last"}}),
    ("dmr", "conv", {"options": {"path": "gold", "matching": "predictor", "moments": "first", "draws": False}}),
    ("dr", "conv", {"options": {"rate": "tenth"}}),
    ("fr", "conv", {"options": {"shared_norm": False}}),
    ("inter-rat", "conv", {"options": {"prior": "uniform"}}),
    ("mgr", "conv", {"options": {"inference": "mean"}}),
    ("nir", "conv", {"options": {"replaced_by": "high"}}),
    ("nir-a2r", "conv", {"options": {"divergence": "reversed", "softmaxes": 2}}),
    ("rnp-reinforce", "conv", {"options": {"price": "count", "baseline": True}}),
    *[("rnp", "bert", {"player_options": {"masking": masking}}) for masking in MASKINGS[1:]],
    ("cr", "bert", {"player_options": {"masking": "delete", "checkpointing": True}}),
]

# Where the host may wait for the device, or copy to it. Everywhere else in a step and in a batch of an evaluation: not.
WAITS_IN_ENCODER = {"bert": (1, "each row of pieces is as wide as the batch's longest text: its length is read")}
WAITS_IN_CHOOSE = {"lime": "each text's explanation is fitted by scikit-learn, on the CPU"}
WAITS_IN_PREPARE = {  # once, before the first step
    "nir": "the words of the training texts are counted on the CPU",
    "nir-a2r": "the words of the training texts are counted on the CPU",
    "inter-rat": "the labels of the training texts are counted on the CPU",
    "invrat": "the environments of the training texts are copied to the device",
    "dmr": "the teacher is trained on batches, whose rows are copied to the device",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> str:
    exact = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "num_hidden_layers": 1}
    return write_checkpoint(tmp_path_factory.mktemp("bert"), words=words_of(CORPUS)[:40], **exact)


def built(method: str, encoder: str, checkpoint: str, changed: dict | None = None) -> Run:
    """A run that has not begun, on the CPU."""
    settings = {"epochs": 2 if encoder == "conv" else 1, **SMALL, **SETTINGS.get(method, {})}  # the others take longer
    for name, value in (changed or {}).items():
        settings[name] = settings.get(name, {}) | value if isinstance(value, dict) else value
    if encoder == "bert":
        settings["player_options"] = {"checkpoint": checkpoint} | settings.get("player_options", {})
    config = Config(method=method, encoder=encoder, **settings)
    with machine.own_random_state(1, CPU):
        vectors = word_vectors(config, CORPUS.vocabulary)
        config = fitted(config, CORPUS, vectors)
        game = build_game(config, vectors, len(CORPUS.classes))
    return Run(config, game, CORPUS.vocabulary, CORPUS.classes, [], {})


def trained(run: Run, where: torch.device) -> list[float]:
    """The numbers of a training on a device, and of evaluations after it."""
    run.game.to(where)
    loop = Loop(run, CORPUS)
    loop.replayed.records = False  # CUDA graphs are beyond what is tried here
    run.game.draw_dropout_from(run.game.generator)  # as a GPU's does
    assert all(group["fused"] == group["capturable"] == (where == GPU) for group in groups_of(loop))
    assert "".join(loop.play([])) and run.status == "finished"
    found = [row[part][name] for row in run.history for part, name in (("dev", "cross_entropy"), ("train", "sparsity"))]
    found += [row["loss"] for row in run.history]
    for how in ("sample", "top_k"):  # "argmax" or "all" is what the loop evaluates by
        scores = evaluate(run.game, CORPUS.dev, how=how).scores
        found += [scores.cross_entropy, scores.sparsity, scores.f1]
    return found


def groups_of(loop: Loop) -> list[dict]:
    return [group for optimizer in loop.optimizers.values() for group in optimizer.param_groups]


@contextmanager
def strict(device, method: str, encoder: str) -> Iterator[None]:
    """Inside, a step, a choice of masks, a prediction and a count may wait for the device as the tables above say."""

    def may_wait(most, function):
        def watched(*given, **named):
            with device.waiting(most):
                return function(*given, **named)

        return watched

    kind = METHODS[method]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_move", may_wait(0, Loop._move))
        patch.setattr(kind, "choose", may_wait(None if method in WAITS_IN_CHOOSE else 0, kind.choose))
        patch.setattr(kind, "predict", may_wait(0, kind.predict))
        patch.setattr(evaluation.Tally, "add", may_wait(0, Tally.add))
        if encoder in WAITS_IN_ENCODER:
            patch.setattr(BertEncoder, "row", may_wait(WAITS_IN_ENCODER[encoder][0], BertEncoder.row))
        yield


@pytest.mark.parametrize("encoder", ["conv", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gru", "bert"))])
@pytest.mark.parametrize("method", METHODS)
def test_a_run_keeps_a_gpus_rules_and_has_the_numbers_of_a_cpu(method, encoder, checkpoint):
    compare(method, encoder, checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "encoder", "changed"), VARIANTS, ids=lambda x: x if isinstance(x, str) else "")
def test_so_do_games_with_other_settings(method, encoder, changed, checkpoint):
    compare(method, encoder, checkpoint, changed)


def compare(method: str, encoder: str, checkpoint: str, changed: dict | None = None) -> None:
    """Play the game on the CPU and on the device."""
    alone, there = (built(method, encoder, checkpoint, changed) for _ in range(2))
    with machine.own_random_state(2, CPU):
        expected = trained(alone, CPU)
    with machine.own_random_state(2, CPU), pretended_gpu() as device, strict(device, method, encoder):
        assert trained(there, GPU) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_prepared_waits_for_the_device_where_the_table_says_so(method, checkpoint):
    game = built(method, "conv", checkpoint).game
    with pretended_gpu() as device:
        game.to(GPU)
        train = CORPUS.train.to(GPU)
        with device.waiting(None if method in WAITS_IN_PREPARE else 0):
            device.waits.clear()
            game.prepare(train)
        assert bool(device.waits) == (method in WAITS_IN_PREPARE)
        assert {p.device for p in (*game.parameters(), *game.buffers())} == {GPU}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_only_encoders_that_say_so_read_the_device(encoder):
    assert encoder in ("conv", "gru", "bert")  # those that are tried above
    assert ENCODERS[encoder].reads_device == (encoder in WAITS_IN_ENCODER)


def test_a_run_on_the_device_is_interrupted_resumed_and_read_back(tmp_path, monkeypatch):
    """The place of a batch's rows lasts, as for a graph; that none can be recorded is not told here."""
    monkeypatch.setattr(Replayed, "_record", lambda *_: None)
    config = Config(method="hardkuma", epochs=4, **SMALL)
    with pretended_gpu():
        whole = train(CORPUS, config, progress=False)
        with monkeypatch.context() as patched:
            stop_at(patched, 2, signal.SIGTERM, METHODS["hardkuma"])
            assert train(CORPUS, config, progress=False, out=tmp_path / "run").status == "interrupted"
        rest = resume(tmp_path / "run", CORPUS, progress=False)
        assert rest.history == whole.history and len(rest.history) == 4
        again = load_run(tmp_path / "run", GPU)
        assert {x.device for x in (*again.game.parameters(), *again.game.buffers())} == {GPU}
        assert evaluate(again.game, CORPUS.test) == evaluate(whole.game, CORPUS.test)


def of_host(mask, batch):
    return mask * torch.arange(mask.shape[1])


def index_of_host(mask, batch):
    return mask[:, torch.arange(mask.shape[1])]


def index_by_mask(mask, batch):
    return mask + mask[batch.selectable].sum()


def generator_of_host(mask, batch):
    return mask * torch.rand(mask.shape, generator=torch.Generator(), device=mask.device)


def number_read(mask, batch):
    return mask * mask.sum().item()


def condition(mask, batch):
    return mask if mask.sum() > 0 else 1 - mask


def copied_to(mask, batch):
    return mask + torch.zeros(mask.shape).to(mask.device)


def made_of_a_list(mask, batch):
    return mask * torch.tensor([2.0], device=mask.device)


def copied_back(mask, batch):
    return mask + mask.cpu().to(mask.device)


def in_a_list(mask, batch):
    return mask + torch.stack([mask.sum(), torch.tensor(1.0)]).sum()


def written_on_host(mask, batch):
    return mask + torch.zeros(()).add_(mask.sum())


FAULTS = {
    of_host: "mul on the device with a tensor of the host: .5.",
    index_of_host: "index on the device with a tensor of the host",
    index_by_mask: "the host waits for the device: index",
    generator_of_host: "rand on cuda, with a generator of cpu",
    number_read: "the host waits for the device: _local_scalar_dense",
    condition: "the host waits for the device: _local_scalar_dense",
    copied_to: "the host waits for the device: a copy",
    made_of_a_list: "the host waits for the device: a copy",
    copied_back: "the host waits for the device: a copy",
    in_a_list: "stack on the device with a tensor of the host",
    written_on_host: "add_ on the device with a tensor of the host",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_in_a_step_is_found(fault, checkpoint, monkeypatch):
    monkeypatch.setattr(RNP, "shown_to_predictor", lambda self, mask, batch: fault(mask, batch))
    run = built("rnp", "conv", checkpoint)
    with pretended_gpu() as device, strict(device, "rnp", "conv"), pytest.raises(DeviceError, match=FAULTS[fault]):
        trained(run, GPU)
