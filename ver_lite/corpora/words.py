"""A string cut into words, with the place of each: what a rationale in characters is turned into flags with.

Plain text is cut by one regular expression. In other text a letter keeps its combining marks (an accent, a vowel sign),
an emoji its skin tone, its flag or its family: Python's ``\\w`` knows none of these, so the text is first written with
one character a grapheme cluster (Unicode Standard Annex 29), cut, and the places are translated back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(
    r"""
      https?://\S+                                  # an address
    | [:;=]['-]?[()\[\]DPp/\\|3*]+(?!\w)            # :-)  ;D  =(
    | \w+(?=n['’]t\b)                               # did | n't
    | n['’]t\b | ['’](?:s|m|d|re|ve|ll)\b           # n't  's  'm  'd  're  've  'll
    | \w+(?:[.,-](?=\w)\w+)*?(?=n['’]t\b)           # well-did | n't
    | \w+(?:[.,-]\w+)*                              # word, 3.5, 1,000, well-made
    | ([^\w\s])\1*                                  # ! !!! ... ||
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What is neither a letter, white space, nor common punctuation: it may belong to the character before it.
_UNUSUAL = re.compile(r"[^\w\s!-~\u00a1-\u00ac\u00ae-\u00bf×÷\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u3001-\u3011]")
# Never seen on a page: soft hyphen, writing directions, word joiner, byte order mark, variation selectors.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]")
_ZERO_WIDTH_SPACE, _NON_JOINER, _JOINER = "\u200b\u200c\u200d"
_STAND_IN = 0xF0000  # the first character for private use of plane 15


def words_with_offsets(text: str) -> list[tuple[str, int, int]]:
    """``text`` cut at white space and punctuation: (word, start, end).

    A run of one punctuation mark is one word ("!!!"), so are an address and a plain smiley; "didn't" is "did"
    and "n't", "it's" is "it" and "'s", as in GloVe and in ERASER's documents. A word is ``text[start:end]``, composed
    (Unicode's NFC: "é" is one character however it was typed) and without invisible characters. A zero-width space is
    white space; what no cluster can be cut in (an accent, a vowel sign, an emoji of several characters) is not cut.
    """
    if _is_plain(text):
        return [(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)]
    letters, starts, ends = _clusters(text)
    places = [(starts[m.start()], ends[m.end() - 1]) for m in _WORD.finditer(letters)]
    return [(_composed(text[start:end]), start, end) for start, end in places]


def words_of(text: str) -> tuple[str, ...]:
    """The words of :func:`words_with_offsets` alone."""
    return tuple(word for word, _, _ in words_with_offsets(text))


def flags_from_spans(offsets: Sequence[tuple[str, int, int]], spans: Iterable[Sequence[int]]) -> tuple[bool, ...]:
    """One flag a word: True where the word overlaps one of the character ``spans`` [start, end)."""
    spans = list(spans)
    return tuple(any(start < b and a < end for a, b in spans) for _, start, end in offsets)


def lone_surrogate(text: str) -> int | None:
    """Where ``text`` holds half of a character, which JSON can write and no file can hold; None if it does not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _is_plain(text: str) -> bool:
    return text.isascii() or _UNUSUAL.search(text) is None and unicodedata.is_normalized("NFC", text)


def _composed(word: str) -> str:
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", word))


def _clusters(text: str) -> tuple[str, list[int], list[int]]:
    """The text with one character a grapheme cluster, and the start and end of each cluster in ``text``. White space
    stands for a zero-width space, nothing for what is invisible."""
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    before = ""  # the character before, "" where there is nothing to belong to
    for i, c in enumerate(text):
        if _INVISIBLE.match(c):
            if before and "\ufe0e" <= c <= "\ufe0f":
                ends[-1] = i + 1
            continue
        if before and _belongs(c, before, letters[-1]):
            ends[-1] = i + 1
            before = "flag" if _is_flag(c) else c  # whole with its second half
        elif c in (_JOINER, _NON_JOINER):
            before = ""
        else:
            letters.append(" " if c == _ZERO_WIDTH_SPACE else c)
            starts.append(i)
            ends.append(i + 1)
            before = "" if letters[-1].isspace() else c
    _stand_in(letters, [_composed(text[start:end]) for start, end in zip(starts, ends, strict=True)])
    return "".join(letters), starts, ends


def _belongs(c: str, before: str, base: str) -> bool:
    """Whether ``c`` belongs to the cluster that begins with ``base`` and so far ends with ``before``."""
    if before == _JOINER and unicodedata.category(c).startswith("S"):
        return unicodedata.category(base).startswith("S")  # of an emoji: a family, a profession
    if _is_flag(c):
        return _is_flag(before)
    mark = unicodedata.category(c).startswith("M") or c in (_JOINER, _NON_JOINER)
    return mark or "\U0001f3fb" <= c <= "\U0001f3ff" or "\U000e0020" <= c <= "\U000e007f"  # skin tones, regions' flags


def _is_flag(c: str) -> bool:
    """Whether a character is half of a country's flag."""
    return len(c) == 1 and "\U0001f1e6" <= c <= "\U0001f1ff"


def _stand_in(letters: list[str], clusters: list[str]) -> None:
    """Put another character in place of each sign of several characters, the same for the same sign: a run of one sign
    is one word."""
    numbers: dict[str, int] = {}
    for i, cluster in enumerate(clusters):
        if len(cluster) > 1 and not (letters[i].isalnum() or letters[i] == "_"):
            letters[i] = chr(_STAND_IN + numbers.setdefault(cluster, len(numbers)))
