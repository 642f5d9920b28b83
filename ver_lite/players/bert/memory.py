"""How much memory training BERT players takes, counted from their shape: ``python -m ver_lite.players.bert.memory``.

One layer keeps for the backward pass, of each piece (H hidden, I intermediate size; numbers of four bytes):

* its input, q, k, v and the attention's result: 5 H;
* the inputs of both layer norms, and the first one's result: 3 H; GELU's input and result: 2 I;
* dropout's masks, for 2 H numbers: a byte each on a GPU (``kept_bytes``), four on a CPU;
* one number for each head, and four for the layer norms.

This holds where attention keeps no matrix of weights, as on a GPU. In addition, the output of the embedding layer and
the last states are kept. With checkpointing, a layer keeps only its input, and one layer at a time is computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ver_lite.system import markdown

BERT_BASE = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1,
}
GIB = 2**30


@dataclass(frozen=True)
class Memory:
    """Bytes that players take while they train: ``weights``, ``gradients`` and Adam's ``moments`` of what learns, the
    ``kept`` activations of a batch, and what is in ``passing`` while one layer goes backward."""

    weights: int
    gradients: int
    moments: int
    kept: int
    passing: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.moments + self.kept + self.passing


def parameters(shape: dict[str, Any]) -> tuple[int, int]:
    """How many numbers the embedding layer has, and how many all other layers."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    rows = shape["vocab_size"] + shape["max_position_embeddings"] + shape["type_vocab_size"]
    layer = 4 * (hidden + 1) * hidden + (hidden + 1) * inner + (inner + 1) * hidden + 4 * hidden
    return (rows + 2) * hidden, shape["num_hidden_layers"] * layer


def kept_by_layer(shape: dict[str, Any], kept_bytes: int = 1) -> int:
    """Bytes that one layer keeps of one piece, without checkpointing."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    dropout = 2 * hidden * kept_bytes if shape["hidden_dropout_prob"] else 0
    return 4 * (8 * hidden + 2 * inner + shape["num_attention_heads"] + 4) + dropout


def memory(
    shape: dict[str, Any],
    texts: int,
    pieces: int,
    *,
    checkpointing: bool = False,
    frozen_embeddings: bool = True,
    players: int = 2,
    kept_bytes: int = 1,
) -> Memory:
    """The memory for training ``players`` of this shape, in float32, on batches of ``texts`` with ``pieces`` pieces
    each. Their heads, about a thousandth of it, are not counted."""
    embeddings, layers = parameters(shape)
    learning = layers if frozen_embeddings else embeddings + layers
    batch, hidden = texts * pieces, shape["hidden_size"]
    layer = batch * kept_by_layer(shape, kept_bytes)
    each = batch * 4 * hidden if checkpointing else layer
    return Memory(
        weights=4 * players * (embeddings + layers),
        gradients=4 * players * learning,
        moments=8 * players * learning,
        kept=players * (shape["num_hidden_layers"] * each + 2 * batch * 4 * hidden),
        passing=batch * 4 * 2 * (hidden + shape["intermediate_size"]) + (layer if checkpointing else 0),
    )


def largest_batch(shape: dict[str, Any], pieces: int, room: float, **options: Any) -> int:
    """How many texts of ``pieces`` pieces fit into ``room`` bytes; 0 if none does."""
    none, one = (memory(shape, texts, pieces, **options).total for texts in (0, 1))
    return max(int((room - none) // (one - none)), 0)


def memory_table(shape: dict[str, Any] = BERT_BASE, pieces: int = 512, gib: float = 16, spare: float = 1) -> str:
    """Two players of a shape on a GPU of ``gib`` GiB, ``spare`` of it left to the driver: a table in Markdown."""
    head = (
        "checkpointing",
        "weights, gradients, moments",
        f"each text of {pieces} pieces",
        f"fit {gib:g} GiB",
        "in all",
    )
    lines = []
    for checkpointing in (False, True):

        def total(texts: int, checkpointing=checkpointing) -> int:
            return memory(shape, texts, pieces, checkpointing=checkpointing).total

        most = largest_batch(shape, pieces, (gib - spare) * GIB, checkpointing=checkpointing)
        sizes = f"{total(0) / GIB:.1f} GiB", f"{(total(1) - total(0)) / 2**20:.0f} MiB"
        lines.append(("yes" if checkpointing else "no", *sizes, f"{most} texts", f"{total(most) / GIB:.1f} GiB"))
    return markdown.table(head, lines)


if __name__ == "__main__":
    print(memory_table())
