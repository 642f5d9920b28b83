"""The built book, as files and in a real browser with the network closed."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from ver_lite.course.shape import is_sentence

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
LESSON_PAGES = [page for page in PAGES if page.startswith("notebooks/")]
SCREENS = ROOT / "book" / "_build" / "screens"
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

pytestmark = pytest.mark.slow


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
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, f"the book does not build:\n{built.stderr[-3000:]}"
    return folder / "_build" / "html"


@functools.cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_the_contents_list_every_lesson_once():
    committed = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    assert [page.removeprefix("notebooks/") for page in LESSON_PAGES] == committed


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_book_resolve(book, page):
    here = book / f"{page}.html"
    dead = []
    for link in parsed(here).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        if not target.exists():
            dead.append(link["href"])
        elif parts.fragment and target.suffix == ".html":
            names = parsed(target)
            if not names.find(id=parts.fragment) and not names.find(attrs={"name": parts.fragment}):
                dead.append(link["href"])
    assert not dead


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_it_shows(book, page):
    pictures = parsed(book / f"{page}.html").select("article img")
    silent = [picture.get("src") for picture in pictures if not is_sentence(picture.get("alt", ""))]
    assert not silent


@pytest.mark.parametrize("page", PAGES)
def test_nothing_in_a_page_points_at_another_host_for_its_parts(book, page):
    parts = parsed(book / f"{page}.html").select("script[src], link[rel=stylesheet][href], img[src], iframe[src]")
    addresses = [part.get("src") or part.get("href") for part in parts]
    assert addresses
    assert not [address for address in addresses if urlsplit(address).netloc]


@pytest.mark.parametrize("page", PAGES)
def test_no_directive_shows_raw(book, page):
    article = BeautifulSoup(str(parsed(book / f"{page}.html").select_one("article")), "html.parser")
    for code in article.select("pre, code, script"):
        code.decompose()
    assert not re.findall(r":{3,}\s*\{|`{3,}\s*\{|\{(?:ref|cite|doc|eq|numref)[:}]", article.get_text())


@pytest.mark.parametrize("page", LESSON_PAGES)
def test_a_lesson_can_be_opened_in_colab_and_downloaded(book, page):
    links = [link["href"] for link in parsed(book / f"{page}.html").find_all("a", href=True)]
    assert any("colab.research.google.com" in link and link.endswith(f"/main/{page}.ipynb") for link in links)
    assert (book / "_sources" / f"{page}.ipynb").exists()
    assert any(link.endswith(f"_sources/{page}.ipynb") for link in links)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site(book):
    """The address of the built book on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=book))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium that can reach nothing but this machine, driven by selenium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no chromium or chromedriver here (on Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*CHROMIUM_ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    session.set_page_load_timeout(60)
    yield session
    session.quit()


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


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_alone_and_without_an_error(chromium, site, page):
    chromium.get_log("browser"), chromium.get_log("performance")
    show(chromium, f"{site}/{page}.html")
    time.sleep(0.2)
    problems = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    elsewhere = [url for url in requested(chromium) if not url.startswith((site, "data:", "blob:", "chrome"))]
    assert not problems
    assert not elsewhere


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_a_phone(chromium, site, page):
    show(chromium, f"{site}/{page}.html", width=375, height=800)
    width = chromium.execute_script("return document.documentElement.scrollWidth")
    wide = chromium.execute_script(
        "return [...document.querySelectorAll('article *')]"
        ".filter(e => e.getBoundingClientRect().right > 376).slice(0, 5).map(e => e.outerHTML.slice(0, 60))"
    )
    assert width <= 375, f"scrolls sideways ({width} px); reaching out: {wide}"


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_every_shown_picture_arrived(chromium, site, page):
    show(chromium, f"{site}/{page}.html")
    broken = chromium.execute_script(
        "return [...document.images].filter(i => i.complete && !i.naturalWidth && i.loading !== 'lazy').map(i => i.src)"
    )
    assert not broken


@pytest.mark.browser
def test_search_finds_a_word_without_a_server(chromium, site):
    show(chromium, f"{site}/search.html?q=divergence")
    for _ in range(50):
        found = chromium.execute_script("return document.querySelectorAll('#search-results li').length")
        if found:
            break
        time.sleep(0.1)
    assert found >= 2


@pytest.mark.browser
@pytest.mark.parametrize(("name", "width"), [("wide", 1280), ("phone", 375)])
def test_screenshots_for_a_person_to_look_at(chromium, site, name, width):
    SCREENS.mkdir(parents=True, exist_ok=True)
    for page in (TOC["root"], *LESSON_PAGES):
        show(chromium, f"{site}/{page}.html", width=width)
        path = SCREENS / f"{page.replace('/', '-')}-{name}.png"
        assert chromium.save_screenshot(str(path))
        assert path.stat().st_size > 5_000
