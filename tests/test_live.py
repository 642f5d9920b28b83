"""Training with a button, in a real kernel: the buttons are pressed by the messages that a notebook page would send."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
START = """
import ver_lite
from ver_lite.widgets import live
corpus = ver_lite.load_corpus("reviews", size="tiny")
panel = live.train_here(corpus, method="ver", epochs={epochs}, hidden=8, dimension=8, batch_size=16, seed=1)
go, stop, bar = panel.children[0].children
panel
"""
REPORT = """
print(panel.run and [panel.run.status, len(panel.run.history), bar.value, go.disabled, stop.disabled])
"""


class Page:
    """What a notebook page does: runs cells, presses buttons, waits."""

    def __init__(self, client):
        self.client = client
        self.cells = 0

    def run(self, source: str) -> str:
        cell = nbformat.v4.new_code_cell(source)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, self.cells)
        self.cells += 1
        return "".join(output.get("text", "") for output in cell.outputs).strip()

    def press(self, name: str) -> None:
        buttons = [key for key, value in self.client.widget_state.items() if value.get("description") == name]
        content = {"comm_id": buttons[-1], "data": {"method": "custom", "content": {"event": "click"}}}
        self.client.kc.shell_channel.send(self.client.kc.session.msg("comm_msg", content))

    def finished(self) -> str:
        for _ in range(100):
            if self.run("print(go.disabled)") == "False":
                return self.run(REPORT)
            time.sleep(0.2)
        raise AssertionError("the game did not end within 20 s")


@contextmanager
def page():
    from nbclient import NotebookClient

    client = NotebookClient(nbformat.v4.new_notebook(), timeout=60, kernel_name="python3")
    with client.setup_kernel():
        yield Page(client)


@pytest.mark.slow
@pytest.mark.notebook
def test_the_button_trains_and_stop_stops():
    with page() as here:
        here.run(START.format(epochs=3))
        assert here.run(REPORT) == "None"  # nothing is trained before the button is pressed
        here.press("Train")
        assert here.finished() == "['finished', 3, 3, False, True]"
        same = "print(panel.run.history == ver_lite.train(corpus, panel.run.config, progress=False).history)"
        assert here.run(same) == "True"
        assert here.run("print('src=\"data:image/png' in panel.children[2].value)") == "True"

        here.run(START.format(epochs=100_000))
        here.press("Train")
        for _ in range(100):
            if int(here.run("print(bar.value)")) >= 2:
                break
        assert here.run("print(go.disabled, stop.disabled)") == "True False"
        here.press("Stop")
        said = here.finished()
        assert "a callback asked for it" in said and said.endswith("False, True]")


def test_a_setting_that_does_not_exist_is_said_at_once():
    from small_corpora import keyword_corpus
    from ver_lite.widgets import live

    with pytest.raises(ValueError, match="did you mean 'epochs'"):
        live.train_here(keyword_corpus(20, 20, 20), epoch=3)


def test_training_and_the_other_widgets_need_no_ipywidgets():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "import ver_lite; from ver_lite import widgets; from ver_lite.widgets import live\n"
        "ver_lite.train, widgets.divergence_slider()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
