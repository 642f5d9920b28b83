"""Sweeps in processes that are killed, interrupted and doubled: in the end every run is what it would have been."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch
from distributed import Client

from ver_lite.experiments.sweep import read_spec, sweep
from ver_lite.system.files import read_json
from ver_lite.system.pool import Processes, cores

ROOT = Path(__file__).resolve().parents[1]
SPEC = """
corpus: {name: reviews, size: tiny}
settings: {epochs: 16, hidden: 8, dimension: 8, batch_size: 8}
grid: {method: [rnp, ver]}
seeds: 1-2
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def undisturbed(spec, tmp_path_factory) -> Path:
    """The folder of a sweep that nothing happened to, one thread a run as in the processes below."""
    out, threads = tmp_path_factory.mktemp("undisturbed"), torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(1) as executor:
        entries = sweep(read_spec(spec), out, executor=executor, device="cpu", progress=False)
    torch.set_num_threads(threads)
    assert {entry.status for entry in entries} == {"finished"}
    return out


def start(*words) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_sweep(spec, out, *words) -> subprocess.Popen:
    return start("-m", "ver_lite.cli", "sweep", spec, "--out", out, "--device", "cpu", "--quiet", *words)


def until(true, process, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None and time.monotonic() < end, process.communicate(timeout=5)
        time.sleep(0.01)


def saved(out) -> dict[Path, int]:
    """Every checkpoint and when it was written."""
    return {path: path.stat().st_mtime_ns for path in out.glob("*/checkpoint.safetensors")}


def until_two_more_epochs(out, process):
    for _ in range(2):
        before = saved(out)
        until(lambda before=before: saved(out) != before, process)
    time.sleep(random.uniform(0, 0.1))  # also in the middle of writing


def trained(out) -> set[Path]:
    return {path.parent for path in out.glob("*/scores.json")}


@contextmanager
def versions_of(out, *names):
    """How many versions of each of these files in each run's folder are seen while the block runs."""
    seen, over = defaultdict(set), threading.Event()

    def look():
        while not over.wait(0.002):
            for path in (path for name in names for path in out.glob(f"*/{name}")):
                seen[path].add(path.stat().st_ino)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def same_as(out, undisturbed):
    runs = {folder.name for folder in undisturbed.glob("*-*")}
    assert {folder.name for folder in out.glob("*-*")} == runs and len(runs) == 4
    for name in runs:
        for file in ("history.json", "config.json", "vocabulary.json", "game.safetensors"):
            assert (out / name / file).read_bytes() == (undisturbed / name / file).read_bytes(), (name, file)
    one, other = (read_json(folder / "results.json")["rows"] for folder in (out, undisturbed))
    assert [{**row, "provenance": 0} for row in one] == [{**row, "provenance": 0} for row in other]
    assert not [path for path in out.rglob("*.unfinished")]


def test_killed_then_interrupted_then_two_at_once(tmp_path, spec, undisturbed):
    process = start_sweep(spec, tmp_path)
    until_two_more_epochs(tmp_path, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert workers and not psutil.wait_procs(workers, timeout=10)[1], "workers outlive the sweep that started them"

    process = start_sweep(spec, tmp_path)
    until_two_more_epochs(tmp_path, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert err.startswith("interrupted and saved, ") and err.endswith(" of 4 runs done; the same command goes on\n")
    assert err.count("\n") == 1 and not psutil.wait_procs(workers, timeout=10)[1]
    assert not list((tmp_path / ".sweep").glob("stop-*"))

    begun = {
        folder: (folder / "config.json").stat().st_mtime_ns for folder in {path.parent for path in saved(tmp_path)}
    }
    for folder in {path.parent for path in tmp_path.glob("*/config.json")} - begun.keys():
        shutil.rmtree(folder)  # stopped before its first checkpoint: it begins anew, and that is not a second beginning
    with versions_of(tmp_path, "config.json", "provenance.json", "scores.json") as seen:
        process = start_sweep(spec, tmp_path)
        entries = sweep(read_spec(spec), tmp_path, device="cpu", progress=False)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "4 of 4 runs are trained" in out, (out, err)
    assert {entry.status for entry in entries} == {"finished"}
    assert {len(versions) for versions in seen.values()} == {1}, "a run was begun or recorded twice"
    assert all((folder / "config.json").stat().st_mtime_ns == when for folder, when in begun.items())
    same_as(tmp_path, undisturbed)


def test_a_killed_process_costs_its_task_alone_and_an_exception_ends_all_at_once():
    with Processes(1) as pool:
        lost, kept = pool.submit(os._exit, 1), pool.submit(torch.get_num_threads)
        with pytest.raises(BrokenProcessPool, match="its process was killed"):
            lost.result()
        assert kept.result() == cores()
        os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
        time.sleep(1)  # a process that is killed while it has no task costs none
        assert pool.submit(torch.get_num_threads).result() == cores()
    with pytest.raises(KeyboardInterrupt), Processes(1, threads=1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        sleeping, waiting = pool.submit(time.sleep, 600), pool.submit(os.getpid)
        while not sleeping.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert waiting.cancelled() and isinstance(sleeping.exception(), BrokenProcessPool)


@contextmanager
def cluster(workers):
    """A Dask scheduler and workers on this machine: its address and the processes, the scheduler first."""
    here, tool, port = ("--host", "127.0.0.1", "--no-dashboard"), "distributed.cli.dask_", free_port()
    address = f"tcp://127.0.0.1:{port}"
    running = [start("-m", f"{tool}scheduler", *here, "--port", port)]
    try:
        for _ in range(workers):
            running.append(start("-m", f"{tool}worker", address, *here, "--nthreads", "1", "--no-nanny"))
        yield address, running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_dask_cluster_that_loses_a_worker_then_its_scheduler(tmp_path, spec, undisturbed):
    with cluster(workers=2) as (address, (scheduler, first, _)):
        process = start_sweep(spec, tmp_path, "--scheduler", address)
        until(lambda: len(saved(tmp_path)) == 2, process)
        first.kill()
        until(lambda: trained(tmp_path), process)
        scheduler.kill()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1 and "runs failed or stopped: see above" in err.splitlines()[-1], (out, err)
        assert "the executor dropped it; was its cluster lost? Sweep again" in out
        assert len(trained(tmp_path)) < 4

        done = {folder: (folder / "provenance.json").stat().st_mtime_ns for folder in trained(tmp_path)}
        with cluster(workers=1) as (address, _), versions_of(tmp_path, "provenance.json", "scores.json") as seen:
            process = start_sweep(spec, tmp_path, "--scheduler", address)
            with Client(address, timeout=30) as client:
                entries = sweep(read_spec(spec), tmp_path, executor=client.get_executor(), device="cpu", progress=False)
            said = process.communicate(timeout=120)
    assert process.returncode == 0 and {entry.status for entry in entries} == {"finished"}, said
    assert {len(versions) for versions in seen.values()} == {1}, "a run was recorded twice"
    assert all((folder / "provenance.json").stat().st_mtime_ns == when for folder, when in done.items())
    same_as(tmp_path, undisturbed)
