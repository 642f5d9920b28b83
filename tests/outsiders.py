"""A method and an encoder that are not the library's, as a researcher writes them: outside its package."""

from collections.abc import Iterator

from torch import Tensor, nn

from ver_lite.corpora.core import Batch
from ver_lite.methods import RNP, Step
from ver_lite.players import Encoder


class Calm(RNP):
    """RNP with a price on how much the selector's logits differ."""

    def __init__(self, *players, price: float = 0.1, **options):
        super().__init__(*players, **options)
        self.price = price

    def play(self, batch: Batch) -> Iterator[Step]:
        logits = self.logits(batch)
        mask = self.select(batch, logits)
        said = self.predict(batch, mask)
        loss = self.cross_entropy(said, batch) + self.omega(mask, batch) + self.price * logits.square().mean()
        yield Step("game", loss, mask, said)


class Bag(Encoder):
    """Reads every word by itself, with ``depth`` linear layers and ReLU."""

    pace = 0.5

    def __init__(self, inputs: int, hidden: int, depth: int = 1):
        super().__init__(inputs, hidden)
        self.layers = nn.ModuleList([nn.Linear(inputs, hidden), *(nn.Linear(hidden, hidden) for _ in range(depth - 1))])

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        return x
