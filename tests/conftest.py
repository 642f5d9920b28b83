"""Fixtures that several tests share."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest
import torch

import skips
import spread
from browser import complaints, serving, show, start_chromium
from living import write_page
from shared_games import kernels_share
from ver_lite import cli

ROOT = Path(__file__).resolve().parents[1]


GAMES = pytest.StashKey[tempfile.TemporaryDirectory]()


class LessonKernels:
    """A plugin, because lessons lie outside this folder: those that are run cell by cell share their games too."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item):
        if item.path.suffix != ".ipynb":
            return (yield)
        with kernels_share(Path(item.config.stash[GAMES].name)):
            return (yield)


def pytest_configure(config):
    config.stash[GAMES] = tempfile.TemporaryDirectory(prefix="games-")
    for plugin in (skips, spread, LessonKernels()):
        config.pluginmanager.register(plugin)


def pytest_unconfigure(config):
    config.stash[GAMES].cleanup()


@pytest.fixture
def games(pytestconfig):
    """Inside, kernels share the games that several lessons train."""
    with kernels_share(Path(pytestconfig.stash[GAMES].name)):
        yield


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
    ours = os.pathsep.join(str(ROOT / folder) for folder in (".", "book"))
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ours})
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
    """A page on disk with every live element."""
    return write_page(tmp_path_factory.mktemp("elements") / "page.html")


@pytest.fixture
def opened(chromium, elements_file):
    """The page of live elements, opened anew. `opened(name)` is the first element of a name, `opened(name, 1)` the
    next."""
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
