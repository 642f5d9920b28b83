"""What several tests share."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
import torch

from browser import complaints, serving, show, start_chromium
from living import write_page
from ver_lite import cli

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real corpora: $VER_LITE_TEST_DATA, else shared/data beside the checkout; skips where it is not."""
    named = os.environ.get("VER_LITE_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "eraser").is_dir():
        pytest.skip(f"no real corpora: {folder}/eraser is not there (set VER_LITE_TEST_DATA to a folder that has it)")
    return folder


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(101)


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Path:
    """The folder of the built pages, built here from nothing, every warning an error."""
    folder = tmp_path_factory.mktemp("book")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "--path-output", folder]
    command += [
        "--config",
        "book/_config.yml",
        "--toc",
        "book/_toc.yml",
        "-W",
        "-n",
        "--keep-going",
        "--quiet",
    ]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "book"})
    assert built.returncode == 0, f"the book does not build:\n{built.stderr[-3000:]}"
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def site(book):
    """The address of the built book on this machine."""
    with serving(book) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium that can reach nothing but this machine, driven by selenium."""
    session = start_chromium(tmp_path_factory.mktemp("chromium"))
    yield session
    session.quit()


@pytest.fixture(scope="session")
def elements_file(tmp_path_factory) -> Path:
    """A page on disk with all that a reader can drag and click."""
    return write_page(tmp_path_factory.mktemp("elements") / "page.html")


@pytest.fixture
def opened(chromium, elements_file):
    """That page opened anew; `opened(name)` is the first element of a name, `opened(name, 1)` the second."""
    complaints(chromium)
    show(chromium, elements_file.as_uri())
    yield lambda name, copy=0: chromium.find_elements("css selector", f".ver-lite-{name}")[copy]
    assert not complaints(chromium)


@pytest.fixture
def say(capsys, monkeypatch, tmp_path):
    """Run the command line here: (exit code, stdout, stderr). An error must be one line."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["ver-lite", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert ended.value.code == 0 or (err.count("\n") == 1 and err.startswith(("ver-lite: ", "interrupted"))), err
        return ended.value.code, out, err

    return run


hypothesis.settings.register_profile("shared", deadline=None, derandomize=True)  # shared machines are slow at times
hypothesis.settings.load_profile("shared")
# For `make mutants`: that a test fails is enough, and the smallest example takes long to find.
quick = {"phases": (hypothesis.Phase.explicit, hypothesis.Phase.generate), "max_examples": 30}
hypothesis.settings.register_profile("mutants", hypothesis.settings.get_profile("shared"), **quick)
