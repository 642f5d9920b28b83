"""Training with a button, in a notebook with a kernel: curves while it learns, and a stop. ipywidgets 7.7 or 8.

from ver_lite.widgets import live
panel = live.train_here(corpus, method="ver", epochs=60)
panel                # buttons and curves; panel.run is the run afterwards
"""

from __future__ import annotations

import base64
import html
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from ver_lite.corpora import Corpus
from ver_lite.training.config import Config
from ver_lite.training.runs import Run
from ver_lite.training.training import train
from ver_lite.viz import figures

if TYPE_CHECKING:
    from ipywidgets import VBox

REDRAWN_AFTER = 0.5  # seconds between two drawings; a fast game has epochs in between
CURVES = {"accuracy": "accuracy", "f1": "rationale F1", "sparsity": "sparsity"}


def train_here(corpus: Corpus, config: Config | None = None, *, device: str = "auto", **settings: Any) -> VBox:
    """A panel that trains a game on `corpus` when its button is pressed, as `ver_lite.train` would.

    Training runs in a thread, so other cells can run meanwhile. A cell that draws from torch's global random numbers
    changes the game. *Stop* ends training after the current epoch. `panel.run` is None until training has ended, and
    then the run, stopped or not. Pressing *Train* again starts a new run. Raises `ValueError` for an unknown setting.
    """
    from ipywidgets import HTML, Button, HBox, IntProgress, VBox

    config = (config or Config()).but(**settings)
    go, stop = Button(description="Train", button_style="primary"), Button(description="Stop", disabled=True)
    bar, says, curves = IntProgress(min=0, max=config.epochs), HTML(), HTML()
    panel = VBox([HBox([go, stop, bar]), says, curves])
    panel.run = None
    asked = threading.Event()
    drawn = [0.0]

    def look(run: Run, row: dict[str, Any]) -> bool:
        bar.value, says.value = row["epoch"], _status(row, config.epochs)
        if time.monotonic() - drawn[0] > REDRAWN_AFTER:
            curves.value, drawn[0] = _curves(run), time.monotonic()
        return asked.is_set()

    def work() -> None:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "training stopped: a callback asked")
                run = train(corpus, config, device=device, progress=False, callbacks=(look,))
            panel.run = run
            says.value = _paragraph(run.status + (f"; best on dev: epoch {run.best['epoch']}" if run.history else ""))
            curves.value = _curves(run) if run.history else ""
        except Exception as error:  # an error in a thread is not shown anywhere else
            says.value = _paragraph(f"{type(error).__name__}: {error}")
        finally:
            go.disabled, stop.disabled = False, True

    def begin(_: Button) -> None:
        asked.clear()
        go.disabled, stop.disabled, panel.run, bar.value = True, False, None, 0
        threading.Thread(target=work, daemon=True).start()

    go.on_click(begin)
    stop.on_click(lambda _: asked.set())
    return panel


def _status(row: dict[str, Any], epochs: int) -> str:
    scores = row["dev"]
    f1 = "" if scores["f1"] is None else f", F1 {100 * scores['f1']:.1f}"
    return _paragraph(
        f"epoch {row['epoch']} of {epochs}; on dev: accuracy {100 * scores['accuracy']:.1f} %{f1}, "
        f"{100 * scores['sparsity']:.1f} % of the words selected"
    )


def _paragraph(text: str) -> str:
    return f'<p role="status">{html.escape(text)}</p>'


def _curves(run: Run) -> str:
    """Accuracy, F1 (where dev has gold rationales) and sparsity on dev, epoch by epoch, as one picture."""
    figure, [axes] = figures.new_figure(height=2.6)
    epochs, last = [row["epoch"] for row in run.history], run.history[-1]["dev"]
    for color, (name, label) in zip(figures.PALETTE, CURVES.items(), strict=False):
        if last[name] is not None:
            axes.plot(epochs, [row["dev"][name] for row in run.history], color=color, label=label, marker=".")
    axes.set(xlabel="epoch", ylim=(0, 1), title="On the dev split")
    axes.legend(loc="upper left", ncols=len(CURVES))
    ends = ", ".join(f"{label} {last[name]:.2f}" for name, label in CURVES.items() if last[name] is not None)
    picture = base64.b64encode(figures.png(figure)).decode("ascii")
    alt = f"Curves over {len(epochs)} epochs on the dev split, now at: {ends}."
    return f'<img style="max-width:100%" alt="{alt}" src="data:image/png;base64,{picture}">'
