"""A headless Chromium for the tests, a server of built pages, and functions that inspect a page."""

import functools
import gzip
import http.server
import json
import shutil
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

CHROMIUM_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".txt"}


def start_chromium(profile: Path):
    """A Chromium that can reach nothing but this machine, driven by selenium; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no chromium or chromedriver here (on Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*CHROMIUM_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    session.set_page_load_timeout(60)
    session.set_script_timeout(110)  # axe looks at every cell of a long table; selenium itself waits 120 s
    return session


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder, text compressed, as a host of static pages does."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().do_GET()
        body = squeezed(path)
        self.send_response(200)
        for name, value in (("Type", self.guess_type(path)), ("Encoding", "gzip"), ("Length", str(len(body)))):
            self.send_header(f"Content-{name}", value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@functools.cache
def squeezed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


@contextmanager
def serving(folder: Path):
    """The address of a folder on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def show(chromium, address: str, width: int = 1280, height: int = 900) -> None:
    """Load a page at a width in CSS pixels and wait until its mathematics is set."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get(address)
    for _ in range(100):
        if chromium.execute_script(
            "return document.readyState === 'complete' && (!document.querySelector('.math')"
            " || !!document.querySelector('mjx-container'))"
        ):
            return
        time.sleep(0.1)
    raise AssertionError(f"{address}: not complete after 10 s (is the mathematics set?)")


def requested(chromium) -> list[str]:
    """The address of every request since the last call."""
    events = (json.loads(entry["message"])["message"] for entry in chromium.get_log("performance"))
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def complaints(chromium) -> list[str]:
    """Errors and warnings of the console since the last call."""
    return [entry["message"] for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def prefer(chromium, **features: str) -> None:
    """Emulate the preferences of a reader's system: prefer(chromium, color_scheme="dark"). None: the defaults."""
    wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})


@functools.cache
def axe() -> str:
    """The script of axe-core, which selenium-axe-python brings along."""
    found = find_spec("selenium_axe_python")
    if found is None:
        pytest.skip("selenium-axe-python is not installed")
    return (Path(found.submodule_search_locations[0]) / "axe-core" / "axe.min.js").read_text("utf-8")


# A lesson has thousands of tokens of code and pieces of formulas, the reference hundreds of names, the benchmark
# hundreds of rows, all in a few kinds. To save time, axe checks each kind once: of a piece of code the longest line, of
# the rows of a table that have the same elements the first odd and the first even one. Transitions are switched off, so
# that axe sees their final colors.
_RUN = """
const done = arguments[arguments.length - 1], everything = arguments[0];
const style = document.createElement('style');
style.textContent = '* { transition: none !important; animation: none !important }';
document.head.append(style);
const kinds = new Set();
document.querySelectorAll('.highlight span').forEach((token) => {
  if (kinds.has(token.className) && !token.children.length) token.replaceWith(token.textContent);
  kinds.add(token.className);
});
document.querySelectorAll('.highlight pre').forEach((code) => {
  const lines = code.textContent.split('\\n').sort((a, b) => b.length - a.length);
  if (!code.children.length) code.textContent = lines[0];
  code.normalize();
});
[...document.querySelectorAll('mjx-container')].slice(5).forEach((formula) => formula.replaceChildren());
[...document.querySelectorAll('dl.py')].slice(20).forEach((entry) => entry.remove());
document.querySelectorAll('tbody').forEach((table) => {
  const rows = new Set();
  [...table.rows].forEach((row, i) => {
    const kind = i % 2 + [...row.querySelectorAll('*')].map((e) => e.tagName + e.className + e.style.cssText).join();
    if (rows.has(kind)) row.style.display = 'none';
    rows.add(kind);
  });
});
const rules = everything ? {} : {runOnly: ['color-contrast']};
axe.run(document, {resultTypes: ['violations'], ...rules}).then((r) => done(r.violations), (e) => done(String(e)));
"""


def violations(chromium, everything: bool = True) -> list[str]:
    """What axe-core calls serious or critical in the page that is shown: rule, element, reason. Without ``everything``,
    only contrast is checked, the one rule that another color scheme can change."""
    if not chromium.execute_script("return typeof axe === 'object'"):
        chromium.execute_script(axe())
    found = chromium.execute_async_script(_RUN, everything)
    assert isinstance(found, list), found
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:120]} … {node['any'][0]['message'] if node['any'] else ''}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
