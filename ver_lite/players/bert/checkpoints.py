"""Checkpoints: their weights, their shape, and the pieces of our words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite.corpora.core import Corpus, CorpusError, Split

CHECKPOINT = "google-bert/bert-base-uncased"
FILES = (
    "config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*",
    "vocab.txt",
    "*_tokens*.json",
)
PATIENCE = 5.0  # seconds to wait for the first answer of a server
WHOLE = "A folder needs config.json, model.safetensors and the tokenizer's files."
SEPARATOR = "[sep]"  # as vocabularies spell it: in lower case
SHAPE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "pad_token_id",
)


class CheckpointError(ValueError):
    """A pretrained model that cannot be used: which one, why, and what to do."""


def piece_table(checkpoint: str, words: Sequence[str]) -> Tensor:
    """Which pieces each word has: float [V, P], each piece as its number plus one, 0 where there is none.

    ``words``: those of a vocabulary, padding and the unknown word first. A word for which the tokenizer gives no piece
    becomes ``[UNK]``. The word ``[SEP]`` becomes the tokenizer's separator.
    """
    tokenizer = _load("AutoTokenizer", checkpoint)
    pieces = tokenizer(list(words[2:]), add_special_tokens=False)["input_ids"]
    pieces = [p or [tokenizer.unk_token_id] for p in pieces]
    if SEPARATOR in words:
        pieces[words.index(SEPARATOR) - 2] = [tokenizer.sep_token_id]
    pieces = [[], [tokenizer.unk_token_id], *pieces]
    most = max(len(p) for p in pieces)
    return torch.tensor([[n + 1 for n in p] + [0] * (most - len(p)) for p in pieces], dtype=torch.float32)


def shape_of(checkpoint: str) -> dict[str, Any]:
    """All that is needed to make a BERT of the checkpoint's shape: a part of its configuration, and the numbers of
    ``[CLS]`` and ``[SEP]``. Raises CheckpointError for another kind of model."""
    config = _load("AutoConfig", checkpoint)
    if config.model_type != "bert":
        raise CheckpointError(
            f"{checkpoint} is a model of type {config.model_type!r}; these players are of type 'bert'"
        )
    tokenizer = _load("AutoTokenizer", checkpoint)
    special = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    return {name: getattr(config, name) for name in SHAPE} | special


def pretrained(checkpoint: str) -> nn.Module:
    """The checkpoint's BERT in whole precision, without its pooler."""
    return _load("BertModel", checkpoint, add_pooling_layer=False, attn_implementation="sdpa").float()


def random_model(shape: dict[str, Any]) -> nn.Module:
    """A BERT of a shape, its weights drawn at random."""
    transformers = _transformers()
    config = transformers.BertConfig(**shape)
    return transformers.BertModel._from_config(config, attn_implementation="sdpa", add_pooling_layer=False).float()


def check_corpus(corpus: Corpus, table: Tensor, most: int) -> None:
    """Check that BERT can read the corpus: every query ends in the separator, and every text fits into ``most``
    positions. Raises CorpusError that says how to load the corpus instead."""
    ends = corpus.vocabulary.index(SEPARATOR) if SEPARATOR in corpus.vocabulary else -1
    for name, split in corpus.splits().items():
        where = f"the {name} split of {corpus.name}"
        last = split.tokens.cpu().gather(1, (split.query_lengths - 1).clamp(min=0)[:, None])[:, 0]
        if bool(((split.query_lengths > 0) & (last != ends)).any()):
            todo = 'Load it with query_end="[SEP]" (on the command line: -o query_end=[SEP])'
            raise CorpusError(f"BERT players cannot tell queries from texts in {where}", hint=f"{todo}.")
        fit = _words_that_fit(split, table, most - 2)
        if bool((long := fit < split.lengths).any()):
            why = f"{int(long.sum())} texts in {where} are longer than the {most} pieces that the model reads"
            room = int((fit - split.query_lengths)[long].min())
            raise CorpusError(why, hint=f"Load the corpus with a max_length of {max(room, 1)} or less.")


def _words_that_fit(split: Split, table: Tensor, most: int) -> Tensor:
    """How many of each text's first words fit into ``most`` pieces: int [N]."""
    counts = (table > 0).sum(1)[split.tokens.cpu().long()]
    at = torch.arange(counts.shape[1])
    return ((counts.cumsum(1) <= most) & (at < split.lengths[:, None])).sum(1)


def _load(kind: str, checkpoint: str, **options: Any) -> Any:
    """A model, a tokenizer or a configuration of a checkpoint: a folder, a name in Hugging Face's cache, or one that is
    downloaded into it now. Weights are read from safetensors alone, and no code of a checkpoint is run."""
    transformers = _transformers()
    options |= {"use_safetensors": True} if kind == "BertModel" else {"trust_remote_code": False}

    def load() -> Any:
        with _quiet(transformers):
            return getattr(transformers, kind).from_pretrained(str(checkpoint), local_files_only=True, **options)

    try:
        return load()
    except (OSError, ValueError) as error:
        if Path(checkpoint).is_dir():
            raise CheckpointError(f"{checkpoint} is no whole BERT checkpoint. {WHOLE} ({_short(error)})") from None
    _download(str(checkpoint))
    try:
        return load()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{checkpoint!r} is no whole BERT checkpoint. {WHOLE} ({_short(error)})") from None


def _download(name: str) -> None:
    """Bring the files of a published checkpoint into Hugging Face's cache, and say so in one line on stderr.

    One question with a time limit goes first, because the libraries retry for most of a minute where there is no
    network. Raises CheckpointError.
    """
    import huggingface_hub as hub

    cache, server = hub.constants.HF_HUB_CACHE, hub.constants.ENDPOINT
    here = f"no folder is called {name!r}, no model of that name is in Hugging Face's cache ({cache})"
    todo = f"Fetch it where there is a network: hf download {name}. {WHOLE}"
    if hub.constants.HF_HUB_OFFLINE:
        raise CheckpointError(f"{here}, and HF_HUB_OFFLINE forbids to download it. {todo}")
    try:
        about = hub.HfApi().model_info(name, files_metadata=True, timeout=PATIENCE)
    except hub.errors.HFValidationError:
        raise CheckpointError(f"{here}, and it cannot be the name of one. Check the path. {WHOLE}") from None
    except hub.errors.RepositoryNotFoundError:
        raise CheckpointError(f"{here}, and {server} has no public one. Check the name. {WHOLE}") from None
    except Exception as error:  # which kind depends on the library that huggingface_hub asks with
        raise CheckpointError(f"{here}, and {server} cannot be reached ({_short(error)}). {todo}") from None
    files = [file for file in about.siblings or [] if any(fnmatch(file.rfilename, pattern) for pattern in FILES)]
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise CheckpointError(f"{name} has no model.safetensors on {server}; no other form of weights is loaded")
    size = sum(file.size or 0 for file in files) / 1e6
    print(f"ver-lite: downloading {name} ({size:,.0f} MB) from {server} into {cache}", file=sys.stderr)
    try:
        hub.snapshot_download(name, allow_patterns=list(FILES), etag_timeout=PATIENCE)
    except Exception as error:
        problem = f"the download of {name} from {server} stopped ({_short(error)})"
        raise CheckpointError(f"{problem}. Run again: what came is kept.") from None


def _short(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Inside, transformers shows no progress bars and no warnings. It would warn that the pooler is left out, which is
    intended."""
    says = transformers.utils.logging
    verbosity, bars = says.get_verbosity(), says.is_progress_bar_enabled()
    says.set_verbosity_error()
    says.disable_progress_bar()
    try:
        yield
    finally:
        says.set_verbosity(verbosity)
        if bars:
            says.enable_progress_bar()


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise CheckpointError("BERT players need transformers: pip install 'ver-lite[bert]'") from None
    return transformers
