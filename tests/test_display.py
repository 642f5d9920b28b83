"""A text with its rationale: in plain text, in a terminal, in a page."""

import pytest
from bs4 import BeautifulSoup

from small_corpora import keyword_corpus
from ver_lite import show
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.training.training import train
from ver_lite.viz.display import Shown

SHOWN = Shown(
    ("Thick", "white", "head", ",", "it", "'s", "flat", "!"),
    (True, True, False, False, False, False, True, False),
    (False, True, True, False, False, False, False, False),
    label="positive",
    prediction="negative",
    probability=0.75,
)


def test_plain_text_marks_the_selected_and_the_gold():
    text, below = str(SHOWN).split("\n")
    assert text == "[Thick] [_white_] _head_, it's [flat]!"
    assert below == ("(label positive, predicted negative (0.75), 3 of 8 words selected, 1 of 2 gold words among them)")
    assert repr(SHOWN) == str(SHOWN)


def test_a_terminal_gets_colors_and_lines():
    text = SHOWN.ansi()
    assert text.startswith("\x1b[30;43mThick\x1b[0m \x1b[30;43;4mwhite\x1b[0m \x1b[4mhead\x1b[0m, it's ")
    assert text.count("\x1b[0m") == 4


def test_a_page_gets_marks_and_underlines():
    page = BeautifulSoup(SHOWN._repr_html_(), "html.parser")
    assert [mark.text for mark in page.find_all("mark")] == ["Thick", "white", "flat"]
    assert [line.text for line in page.find_all("u")] == ["white", "head"]
    assert page.get_text().startswith("Thick white head, it's flat!")
    assert page.small.text == SHOWN.summary()


def test_hostile_words_are_shown_not_obeyed():
    words = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;", "\x1b[31mred", "a\nb")
    shown = Shown(words, (True, False, True, False, False), None, label="<b>", prediction="</small>")
    page = BeautifulSoup(shown._repr_html_(), "html.parser")
    assert {tag.name for tag in page.find_all(True)} == {"p", "mark", "br", "small"}
    assert words[0] in page.get_text() and words[1] in page.get_text() and words[2] in page.get_text()
    assert "\x1b[31m" not in shown.ansi() and "\x1b" not in str(shown) and str(shown).count("\n") == 1


def test_a_query_stands_before_a_bar_and_is_not_counted():
    shown = Shown(("who", "did", "it", "he", "did"), (False,) * 3 + (True, False), query=3)
    assert str(shown) == "who did it | [he] did\n(1 of 2 words selected)"
    assert BeautifulSoup(shown._repr_html_(), "html.parser").get_text().startswith("who did it | he did")
    assert shown.ansi().startswith("who did it | \x1b[30;43mhe\x1b[0m did")


def test_a_certain_error_shows_its_probability():
    assert "predicted no (0.00)" in Shown(("a",), (False,), prediction="no", probability=0.0).summary()


@pytest.fixture(scope="module")
def run():
    return train(keyword_corpus(40, 20, 20), epochs=1, hidden=8, dimension=8, progress=False)


def test_showing_a_text_of_a_split_and_ones_own(run):
    corpus = keyword_corpus(40, 20, 20)
    shown = show(run, corpus.dev, 3, how="top_k", share=0.5)
    text = corpus.dev.texts[3]
    assert shown.words == text.words and shown.gold == text.rationale
    assert shown.label == corpus.classes[text.label] and shown.prediction in corpus.classes
    assert 0.5 <= shown.probability <= 1 and sum(shown.mask) == (len(text.words) + 1) // 2
    own = show(run, "Never GOOD, <seen>!")
    assert own.words == ("Never", "GOOD", ",", "<", "seen", ">", "!") and own.gold is None and own.label is None
    assert show(run, text, how="top_k", share=0.5) == shown
    queried = show(run, Text(("good",), 1, (True,), query=("is", "it")), how="top_k")
    assert (queried.query, queried.mask, queried.gold) == (2, (False, False, True), (False, False, True))


def test_showing_does_not_change_the_game(run):
    run.game.train()
    assert show(run, "good", how="sample") == show(run, "good", how="sample")
    assert run.game.training


def test_what_cannot_be_shown(run):
    split = Split.encode([Text(("good",), 1)], Vocabulary(run.vocabulary.words[2:]))
    for i in (1, -1):
        with pytest.raises(IndexError, match=f"no text {i}: the split has texts 0 to 0"):
            show(run, split, i)
    with pytest.raises(ValueError, match="no words"):
        show(run, " \n")
