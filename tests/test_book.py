"""The built book, as files and in a real browser with the network closed."""

import functools
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from browser import complaints, prefer, requested, show, violations
from tools.shape import is_sentence
from ver_lite.widgets.page import STATIC

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
LESSON_PAGES = [page for page in PAGES if page.startswith("notebooks/")]
MOST_BYTES = 1_500_000  # of a lesson with all its parts
SLOW_MACHINE = 4  # how much longer than the goal a busy machine may take
ALIVE = [page for page in LESSON_PAGES if "ver-lite-" in (ROOT / f"{page}.ipynb").read_text(encoding="utf-8")]
SCREENS = ROOT / "book" / "_build" / "screens"
PICTURED = {"light": [TOC["root"], *LESSON_PAGES], "dark": [TOC["root"], *ALIVE]}  # of which there are screenshots

pytestmark = pytest.mark.slow


@functools.cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(path: Path) -> set[str]:
    """The names in a page that a link can lead to."""
    return {tag[key] for key in ("id", "name") for tag in parsed(path).find_all(attrs={key: True})}


def test_the_contents_list_every_lesson_once():
    committed = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    assert [page.removeprefix("notebooks/") for page in LESSON_PAGES] == committed


def test_each_kind_of_live_element_is_in_a_lesson():
    lessons = "".join((ROOT / f"{page}.ipynb").read_text(encoding="utf-8") for page in ALIVE)
    kinds = {path.stem for path in STATIC.glob("*.js")} - {"kit"}
    assert set(re.findall(r'class=\\"ver-lite ver-lite-(\w+)', lessons)) == kinds


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
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
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


def shown_in(chromium, scheme: str) -> bool:
    """Whether the page turns to a color scheme, within two seconds."""
    for _ in range(20):
        if chromium.execute_script("return document.documentElement.dataset.theme") == scheme:
            return True
        time.sleep(0.1)
    return False


@dataclass(frozen=True)
class Visit:
    """What one load of a page at 1280 pixels shows.

    elsewhere   requests to other hosts             complaints  of the console
    broken      pictures that did not arrive        violations  what axe finds, in each color scheme
    weight, unpacked  bytes as sent, and unpacked   paint       milliseconds to the first paint
    shots       screenshots, by color scheme
    """

    elsewhere: list[str]
    complaints: list[str]
    broken: list[str]
    weight: float
    unpacked: float
    paint: float
    shots: dict[str, list[Path]]
    violations: dict[str, list[str]]


@pytest.fixture(scope="module")
def visited(chromium, site):
    """`visited(page)`: each page is loaded once. Axe comes last, for it thins out what it looks at."""

    @functools.cache
    def visit(page: str) -> Visit:
        chromium.get_log("browser"), chromium.get_log("performance")
        with in_light(chromium):
            show(chromium, f"{site}/{page}.html")
            time.sleep(0.2)
            elsewhere = [url for url in requested(chromium) if not url.startswith((site, "data:", "blob:", "chrome"))]
            facts = [elsewhere, complaints(chromium), *chromium.execute_script(FACTS)]
            shots, found = screenshots(chromium, page, "wide"), {}
            for scheme in ("light", "dark"):
                turn(chromium, scheme)
                found[scheme] = violations(chromium, everything=scheme == "light")
        return Visit(*facts, shots, found)

    return visit


@pytest.fixture(scope="module")
def on_a_phone(chromium, site):
    """`on_a_phone(page)`: how wide a page is at 375 pixels, what reaches out, and its screenshots; each loaded once."""

    @functools.cache
    def visit(page: str) -> tuple[float, list[str], dict[str, list[Path]]]:
        with in_light(chromium):
            show(chromium, f"{site}/{page}.html", width=375, height=800)
            width = chromium.execute_script("return document.documentElement.scrollWidth")
            wide = chromium.execute_script(
                "return [...document.querySelectorAll('article *')]"
                ".filter(e => e.getBoundingClientRect().right > 376).slice(0, 5).map(e => e.outerHTML.slice(0, 60))"
            )
            return width, wide, screenshots(chromium, page, "phone")

    return visit


@contextmanager
def in_light(chromium):
    prefer(chromium, color_scheme="light")
    try:
        yield
    finally:
        prefer(chromium)


def turn(chromium, scheme: str) -> None:
    prefer(chromium, color_scheme=scheme)
    assert shown_in(chromium, scheme)


def screenshots(chromium, page: str, name: str) -> dict[str, list[Path]]:
    """By color scheme, for the pages of PICTURED: the top of the page, and everything that lives on it."""
    taken: dict[str, list[Path]] = {}
    if page not in PICTURED["light"]:
        return taken
    SCREENS.mkdir(parents=True, exist_ok=True)
    for scheme in (scheme for scheme, pages in PICTURED.items() if page in pages):
        if scheme == "dark":
            turn(chromium, scheme)
            time.sleep(0.3)  # until the colors have changed
        chromium.execute_script("scrollTo(0, 0)")
        shots = {page.replace("/", "-"): chromium}
        for element in chromium.find_elements("css selector", ".ver-lite"):
            shots[f"alive-{element.get_attribute('class').split('ver-lite-')[1]}"] = element
        taken[scheme] = []
        for title, shown in shots.items():
            path = SCREENS / f"{title}-{name}-{scheme}.png"
            path.unlink(missing_ok=True)
            assert (shown.save_screenshot if shown is chromium else shown.screenshot)(str(path))
            taken[scheme].append(path)
    return taken


FACTS = """
const parts = ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind));
const broken = [...document.images].filter(i => i.complete && !i.naturalWidth && i.loading !== 'lazy').map(i => i.src);
const sizes = ['encodedBodySize', 'decodedBodySize'].map(size => parts.reduce((sum, e) => sum + e[size], 0));
return [broken, ...sizes, performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9];
"""


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_alone_and_without_an_error(visited, page):
    assert not visited(page).complaints
    assert not visited(page).elsewhere


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_every_shown_picture_arrived(visited, page):
    assert not visited(page).broken


@pytest.mark.browser
@pytest.mark.parametrize("page", LESSON_PAGES)
def test_a_lesson_is_light_and_paints_at_once(visited, page):
    it = visited(page)
    print(f"{page}: {it.weight / 1e6:.2f} MB ({it.unpacked / 1e6:.2f} unpacked), painted after {it.paint / 1000:.2f} s")
    assert 100_000 < it.weight < MOST_BYTES
    assert it.paint < 1000 * SLOW_MACHINE, "the goal is one second on a quiet machine"


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious_in_light_and_in_dark(visited, page):
    assert visited(page).violations == {"light": [], "dark": []}


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_a_phone(on_a_phone, page):
    width, wide, _ = on_a_phone(page)
    assert width <= 375, f"scrolls sideways ({width} px); reaching out: {wide}"


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
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_for_a_person_to_look_at(visited, on_a_phone, scheme):
    for page in PICTURED[scheme]:
        for shots in (visited(page).shots, on_a_phone(page)[2]):
            assert shots[scheme] and all(path.stat().st_size > 5_000 for path in shots[scheme])
