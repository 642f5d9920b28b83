"""The built book, as files and in a real browser with the network closed."""

import functools
import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from browser import complaints, requested, show
from bs4 import BeautifulSoup

from ver_lite.course.shape import is_sentence

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
LESSON_PAGES = [page for page in PAGES if page.startswith("notebooks/")]
SCREENS = ROOT / "book" / "_build" / "screens"

pytestmark = pytest.mark.slow


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


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_alone_and_without_an_error(chromium, site, page):
    chromium.get_log("browser"), chromium.get_log("performance")
    show(chromium, f"{site}/{page}.html")
    time.sleep(0.2)
    elsewhere = [url for url in requested(chromium) if not url.startswith((site, "data:", "blob:", "chrome"))]
    assert not complaints(chromium)
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
