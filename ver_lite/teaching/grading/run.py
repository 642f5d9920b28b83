"""papermill's run of one student's clean copy. Kernels that hang or end are replaced by fresh ones."""

from __future__ import annotations

import ast
import logging
import time
from collections.abc import Callable
from copy import deepcopy
from queue import Empty
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from ver_lite.teaching.assignments import Assignment, Question
from ver_lite.teaching.grading.answers import Answers, NoAnswer
from ver_lite.teaching.grading.kernel import Kernel
from ver_lite.teaching.grading.outputs import plain_outputs
from ver_lite.teaching.grading.sandbox import Limits
from ver_lite.teaching.grading.suspicious import looks_like_a_script, plain_tree

ENGINE = "ver-lite-marking"
SERVE = "__import__('ver_lite.teaching.grading.inside', fromlist=['serve']).serve(globals())"
Pause = Callable[[Question, str | None, list[dict[str, str]]], None]

logging.getLogger("papermill").setLevel(logging.ERROR)


class Walk:
    """One student's run through the clean copy. `seconds` says where the time went, `flags` what went wrong."""

    def __init__(
        self,
        assignment: Assignment,
        answers: dict[str, str],
        parameters: dict[str, Any],
        limits: Limits,
        deadline: float,
        boxed: bool | None = None,
    ) -> None:
        self.assignment, self.given, self.parameters = assignment, answers, parameters
        self.limits, self.deadline, self.boxed = limits, deadline, boxed
        self.seconds: dict[str, float] = {}
        self.flags: list[str] = []
        self._kernel: Kernel | None = None

    def flag(self, text: str) -> None:
        if text not in self.flags:
            self.flags.append(text)

    def go(self, pause: Pause, again: set[str], reference: dict[str, str]) -> None:
        """Let papermill run the copy in a fresh kernel; call `pause` at the check cell of every code question."""
        self.close()
        self._kernel = self._start()
        copy = clean_copy(self.assignment, self.given, again, reference)
        steps = {"walk": self, "pause": pause}
        papermill.execute_notebook(
            copy, None, self.parameters, engine_name=ENGINE, progress_bar=False, kernel_name="python3", **steps
        )

    def _start(self) -> Kernel:
        began = time.monotonic()
        kernel = Kernel(self.limits, self.boxed)
        kernel.ready()
        self._spent("kernel", began)
        return kernel

    def _spent(self, name: str, began: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def in_time(self) -> bool:
        """Whether this student has time left; if not, a flag says so."""
        late = time.monotonic() > self.deadline
        if late:
            self.flag("the time for this student was used up")
        return not late

    # what the engine calls

    def run(self, client: MarkingClient, pause: Pause) -> None:
        self._client, self._done, errors, outputs = client, [], {}, {}
        checks = {q.check_id: q for q in self.assignment.questions if q.kind == "code"}
        for index, cell in enumerate(client.nb.cells):
            if not self.in_time():
                return
            client.nb_man.cell_start(cell, index)
            if cell.id in checks:
                question = checks[cell.id]
                pause(question, errors.get(question.name), outputs.get(question.name, []))
            elif cell.cell_type == "code" and cell.source.strip():
                errors[cell.id] = self._execute(client, cell, index)
                outputs[cell.id] = plain_outputs(cell.outputs)
                cell.outputs, cell.execution_count = [], None  # so that papermill does not read what a stranger sent
            client.nb_man.cell_complete(cell, index)

    def _execute(self, client: MarkingClient, cell: Any, index: int) -> str | None:
        """Run one cell. Returns in words what stopped it, or None. A kernel that hangs or ends is replaced."""
        began, error, client.room, client.scripts = time.monotonic(), None, self.limits.output, False
        try:
            client.execute_cell(cell, index)
        except CellExecutionError as raised:
            error = f"{raised.ename}: {raised.evalue}"[:500]
        except CellTimeoutError:
            error = f"stopped after {self.limits.cell:g} s"
        except DeadKernelError:
            error = self._kernel.over or "the kernel ended"
        except Exception as broken:  # the student's code can make the kernel send anything
            error = f"the kernel sent what cannot be read ({type(broken).__name__})"
        self._spent("cells", began)
        if client.scripts:
            self.flag(f"{cell.id}: prints or shows scripts (kept out of the page)")
        if client.room < 0:
            self.flag(f"{cell.id}: printed more than {self.limits.output // 1024} KiB")
        if error and (not _is_students(error) or not self._kernel.alive):
            self.flag(f"{cell.id}: {error}")
            self._replace(client)
        else:
            if error and error.startswith(("MemoryError", "BlockingIOError", "OSError")):
                self.flag(f"{cell.id}: {error[:100]}")
            self._done.append((cell.id, cell.source))
        return error

    def _replace(self, client: MarkingClient) -> None:
        """Start a fresh kernel and run the cells again that ran to their end or raised an error."""
        self._kernel.close()
        self._kernel = self._start()
        client.km, client.kc = self._kernel.manager, self._kernel.client
        if not all(self._again(source) for _, source in self._done):
            self.flag("cells that had run once did not run a second time")

    def _again(self, source: str) -> bool:
        """Run a cell once more for the names that it defines. False when the kernel did not survive it."""
        began, client, cells = time.monotonic(), self._client, self._client.nb.cells
        client.room = 0
        try:
            cells.append(nbformat.v4.new_code_cell(source))
            client.execute_cell(cells[-1], len(cells) - 1)
        except CellExecutionError:
            pass
        except Exception:
            return False
        finally:
            cells.pop()
            self._spent("cells", began)
        return True

    # what marking calls

    def listen(self, answers: Answers) -> None:
        """Join `answers` to the kernel's end of the channel. When the kernel does not listen, `lost` says so."""
        answers.attach(self._kernel.channel)
        self._asked = self._kernel.client.execute(SERVE, silent=True, store_history=False)
        try:
            answers.deadline = time.monotonic() + 10
            answers.hello()
        except NoAnswer:
            pass

    def restore(self, name: str) -> bool:
        """Run a cell again when later cells may have changed its names. Returns whether it did."""
        names = [done for done, _ in self._done]
        sources = [source for _, source in self._done]
        place = names.index(name) if name in names else len(names)
        if not _clobbered(sources[place : place + 1], sources[place + 1 :]):
            return False
        if not self._again(sources[place]):
            self.flag(f"{name}: did not run a second time")
            self._replace(self._client)
        return True

    def revive(self, answers: Answers, name: str) -> None:
        """Replace a kernel that no longer answers, and continue with the question `name`."""
        self._replace(self._client)
        self.restore(name)
        self.listen(answers)

    def leave(self, answers: Answers) -> None:
        """End a question's tests. Afterwards the kernel is in the state that papermill expects, or a fresh one runs."""
        if not answers.lost:
            answers.leave()
            if self._replied(5):
                return
            self.flag("the kernel did not come back from the tests")
        self._replace(self._client)

    def _replied(self, seconds: float) -> bool:
        async def wait() -> bool:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                message = await self._kernel.client.shell_channel.get_msg(timeout=left)
                if message["parent_header"].get("msg_id") == self._asked:
                    return True
            return False

        try:
            return run_sync(wait)()
        except Empty:
            return False
        except Exception:
            return False

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.close()


def _clobbered(cell: list[str], later: list[str]) -> bool:
    """Whether the cells `later` set a name that `cell` (one source, or none) sets or uses."""
    try:
        trees = [plain_tree(source) for source in cell]
        mine = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return bool(mine.union(*map(_set_in, cell)) & set().union(*map(_set_in, later)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(cell)


def _set_in(source: str) -> set[str]:
    """The names that a cell may set."""
    found: set[str] = set()
    for node in ast.walk(plain_tree(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
    return found


def _is_students(error: str) -> bool:
    """Whether an error is an exception of the student's code, and not the end of the kernel."""
    return not error.startswith(("stopped after", "the kernel", "used more"))


class MarkingClient(PapermillNotebookClient):
    """papermill's client with a bound on what one cell may send. `room` is the number of characters that are left."""

    room, scripts = 0, False

    def process_message(self, msg: dict, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in ("status", "execute_input"):
            return super().process_message(msg, cell, cell_index)
        if msg["msg_type"] not in ("stream", "display_data", "execute_result", "error"):
            return None
        texts = list(_texts(msg["content"]))
        self.room -= sum(map(len, texts))
        self.scripts = self.scripts or any(map(looks_like_a_script, texts))
        return super().process_message(msg, cell, cell_index) if self.room >= 0 else None


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


class MarkingEngine(Engine):
    """papermill's engine for one student, with our kernel. Check cells call the marker."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, walk: Walk, pause: Pause, **_: Any) -> None:
        kernel = walk._kernel
        client = MarkingClient(nb_man, km=kernel.manager, timeout=walk.limits.cell, raise_on_iopub_timeout=False)
        client.kc, client.owns_km = kernel.client, False
        client.log = logging.getLogger("papermill")
        walk.run(client, pause)


papermill_engines.register(ENGINE, MarkingEngine)


def clean_copy(assignment: Assignment, answers: dict[str, str], again: set[str], reference: dict[str, str]) -> Any:
    """The released copy with a student's answers in it.

    A question with a `reference` gets the reference answer after its check cell, or at once when it is not marked
    `again`.
    """
    copy, cells = deepcopy(assignment.copy), []
    for cell in copy.cells:
        name = cell.id.removesuffix("-check")
        if cell.id == name and name in answers and cell.cell_type == "code":
            cell.source = answers[name] if name in again or name not in reference else reference[name]
        cells.append(cell)
        if cell.id == f"{name}-check" and name in reference and name in again:
            cells.append(nbformat.v4.new_code_cell(reference[name], id=f"{name}-reference"))
    copy.cells = cells
    return copy
