"""Film reviews cut into words as ERASER's Movies are cut.

Movies is text that Pang and Lee (2004) had lower-cased and cut at punctuation, and that ERASER cut once more. In its
documents "well-made" is three words, "PG-13" and "8/10" are one, "can't", "cannot" and "cant" are two, "..." is three
full stops, and no letter has an accent. Cut again by :func:`film_words`, 99.9 % of its words stay as they are.
"""

from __future__ import annotations

import html
import re
import unicodedata

_TAG = re.compile(r"</?(?:br|p|i|b|em|hr)\s*/?>", re.IGNORECASE)
_PLAIN = {"'": "‘’´\x91\x92", '"': "“”\x93\x94", "-": "–\x96", "--": "—\x97", "...": "…\x85"}  # also as in Windows-1252
_MARKS = str.maketrans({mark: plain for plain, marks in _PLAIN.items() for mark in marks})
_CLITICS = "s|m|d|re|ve|ll"
_VERBS = "ca wo do does did is are was were have has had would could should".split()
# Words that are two without an apostrophe to show it.
_TWO = {
    **{f"{verb}nt": (verb, "nt") for verb in _VERBS},
    **{f"{word}s": (word, "s") for word in ("that", "what", "he", "she")},
    **{"im": ("i", "m"), "ive": ("i", "ve"), "cannot": ("can", "not"), "gonna": ("gon", "na"), "gotta": ("got", "ta")},
}

_WORD = re.compile(
    rf"""
      [a-z]+(?=[\s,.])                             # most words: found here, they need no further look
    | [^\W_]+?(?=n't\b) | n't\b                   # ca | n't
    | '(?:{_CLITICS}|em|cause|nuff|bout)\b        # 's
    | \d+(?:/\d+)+ | \band/or\b                  # 8/10
    | [^\W\d_]+'(?!(?:{_CLITICS})\b)[^\W_]{{2,}} # o'brien
    | [^\W_]+(?:-(?:(?<=\d-)|(?=\d))[^\W_]+)*   # pg-13, 12-year; but well | - | made
    | --+                                        # a dash
    | [^\w\s] | _                                # any other mark, alone
    """,
    re.VERBOSE,
)


def film_words(text: str) -> tuple[str, ...]:
    """The words of a review in the form of IMDb's files: HTML's tags and character references are resolved first."""
    plain = html.unescape(_TAG.sub(" ", text))
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain.translate(_MARKS))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = _WORD.findall(plain.lower())
    if not _TWO.keys().isdisjoint(words):
        words = [part for word in words for part in _TWO.get(word, (word,))]
    return tuple(words)
