"""A string cut into words: accents, vowel signs, emoji of several characters, and what nobody sees."""

import gzip
import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ver_lite.corpora.eraser import open_release, records
from ver_lite.corpora.places import locate
from ver_lite.corpora.words import _WORD, flags_from_spans, words_of, words_with_offsets

FAMILY = "👨\u200d👩\u200d👧"
INVISIBLE = "\u00ad\u061c\u180e\u200e\u200f\u202a\u202e\u2060\u2066\ufe0e\ufe0f\ufeff"


def test_words_keep_their_offsets_and_what_carries_feeling():
    text = "I didn't LIKE it!!! :) see http://a.b/c?d=1, 3.5 well-made || it's... (ok)"
    words = words_with_offsets(text)
    assert [w for w, _, _ in words] == (
        "I did n't LIKE it !!! :) see http://a.b/c?d=1, 3.5 well-made || it 's ... ( ok )".split()
    )
    assert all(text[start:end] == word for word, start, end in words)


@given(st.text(max_size=60))
def test_words_cover_all_but_white_space_and_what_is_invisible(text):
    words = words_with_offsets(text)
    for word, a, b in words:
        assert word == unicodedata.normalize("NFC", re.sub(f"[{INVISIBLE}\u202a-\u202e\u2060-\u206f]", "", text[a:b]))
        assert word and word.strip() == word
    assert all(first[2] <= second[1] for first, second in zip(words, words[1:], strict=False))
    outside = "".join(
        text[a:b] for a, b in zip([0, *(w[2] for w in words)], [*(w[1] for w in words), None], strict=True)
    )
    assert not re.sub(f"[\\s{INVISIBLE}\u200b-\u200d\u202a-\u202e\u2060-\u206f]", "", outside)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("el nume\u0301ro, uno", ["el", "numéro", ",", "uno"]),
        ("numéro", ["numéro"]),
        ("मुझे हिंदी पसंद है।", ["मुझे", "हिंदी", "पसंद", "है", "।"]),
        ("ভালো বই", ["ভালো", "বই"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        (f"our {FAMILY}, {FAMILY}{FAMILY}", ["our", FAMILY, ",", FAMILY + FAMILY]),
        ("👍🏽👍🏿 🇩🇪🇫🇷", ["👍🏽", "👍🏿", "🇩🇪", "🇫🇷"]),
        ("❤\ufe0f❤\ufe0f 1\ufe0f\u20e3 😂😂", ["❤❤", "1\u20e3", "😂😂"]),
        ("\ufeffgood\u200bfilm \u200b \ufeff \u200d so\u00adft\u200e!", ["good", "film", "soft", "!"]),
        ("the cafe\u0301's did\u00adn't", ["the", "café", "'s", "did", "n't"]),
    ],
)
def test_what_belongs_to_a_character_is_not_cut_off(text, words):
    assert words_of(text) == tuple(words)


def test_a_span_in_characters_marks_the_word_that_its_characters_belong_to():
    text = f"{FAMILY} el nume\u0301ro \ufeffbueno"
    offsets = words_with_offsets(text)
    assert [text[a:b] for _, a, b in offsets] == [FAMILY, "el", "nume\u0301ro", "bueno"]
    assert flags_from_spans(offsets, [(text.index("\u0301"), text.index("\u0301") + 1)]) == (False, False, True, False)


STRANGE = [
    *"abé ",
    "e\u0301",
    "हि",
    "न्",
    "\u0301",
    *INVISIBLE,
    *"\u200b\u200c\u200d😂❤👍👨👩🏽🇩🇪🇫!'.",
    FAMILY,
    "\u20e3",
    "n't",
]


@given(st.lists(st.sampled_from(STRANGE), max_size=12).map("".join))
def test_no_word_begins_or_ends_inside_a_grapheme_cluster(text):
    """The clusters are those of another implementation, the package regex. It gives a mark to the white space or the
    invisible character before it; to us it then stands alone."""
    inside = set()
    for cluster in regex.finditer(r"\X", text):
        visible = cluster.group().rstrip(INVISIBLE + "\u200b\u200c\u200d")
        if visible and not re.match(f"[\\s\u200b-\u200d{INVISIBLE}]", visible):
            inside |= set(range(cluster.start() + 1, cluster.start() + len(visible)))
    assert not inside & {place for _, *places in words_with_offsets(text) for place in places}


@given(st.text(st.characters(max_codepoint=0x24F, exclude_characters="\u00ad"), max_size=60))
def test_plain_text_is_cut_as_it_always_was(text):
    assert words_with_offsets(text) == before(text)


def before(text):
    """The words as they were cut when only the expression for plain text was used."""
    return [(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)]


@pytest.mark.slow
def test_in_the_real_corpora_words_change_only_where_such_characters_stand(real_data):
    """Of 27,481 tweets none; of the questions and claims of ERASER four of MultiRC's, which hold soft hyphens."""
    tweets = gzip.decompress((real_data / "tweet_sentiment_extraction" / "train.csv.gz").read_bytes()).decode()
    assert words_with_offsets(tweets) == before(tweets)
    changed = []
    for task in ("multirc", "fever"):
        release = open_release(locate(task, real_data))
        queries = [record["query"] for split in release.splits for _, record, _ in records(release, split)]
        changed += [query for query in queries if words_with_offsets(query) != before(query)]
    assert len(changed) == 4 and all("\u00ad" in query for query in changed)
