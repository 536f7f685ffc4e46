"""Folding: one character in, one plain character out, so that offsets in folded text are offsets in the text.

OCR mistakes in Turkish are mostly ı/İ/ğ, and people write their own names with and without diacritics. Everything
that is compared (headings, context words, lexicons, names) is compared folded: lower case, no diacritics, one kind
of space, one kind of dash and apostrophe.
"""

from __future__ import annotations

import unicodedata

_SPECIAL = {
    "ı": "i",
    "İ": "i",
    "ß": "s",
    "ø": "o",
    "đ": "d",
    "ł": "l",
    "æ": "a",
    "œ": "o",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
}


class _FoldTable(dict[int, str]):
    """Work out each code point once, and remember it."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _SPECIAL.get(char) or _SPECIAL.get(char.lower()) or _plain(char)
        self[code] = folded
        return folded


def _plain(char: str) -> str:
    if char.isspace() and char not in "\n\r":
        return " "
    if char.isdecimal():  # Arabic-Indic and other scripts' digits
        return str(unicodedata.decimal(char))
    lowered = unicodedata.normalize("NFKD", char)[0].lower()
    return lowered if len(lowered) == 1 else char


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """Return `text` in lower case and without diacritics, of exactly the same length."""
    return text.translate(_TABLE)


class _PlainSigns(dict[int, str]):
    """Work out each code point once, and remember it."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        plain = char
        if char.isdecimal():
            plain = str(unicodedata.decimal(char))
        elif 0xFF01 <= code <= 0xFF5E or char in "﹫﹒﹣":  # full-width and small forms of ASCII
            plain = unicodedata.normalize("NFKC", char)
        elif char in "‐‑‒−":
            plain = "-"
        elif unicodedata.category(char) == "Zs":
            plain = " "
        self[code] = plain
        return plain


_PLAIN_SIGNS = _PlainSigns()


def plain_signs(text: str) -> str:
    """Return `text`, of the same length, with ASCII's digits, spaces, hyphens and signs for those that look like them.

    Letters stay as they are: "１２３" and "١٢٣" become "123", "＠" becomes "@", "é" stays.
    """
    return text if text.isascii() else text.translate(_PLAIN_SIGNS)


# Letters that OCR confuses, once folded: they read alike in a heading.
_ALIKE = str.maketrans(
    {"l": "i", "1": "i", "|": "i", "!": "i", "j": "i", "0": "o", "5": "s", "$": "s", "q": "g", "9": "g"}
)


def skeleton(text: str) -> str:
    """Return what is left of `text` when case, diacritics, spaces, punctuation and OCR's usual confusions are gone.

    "İŞ DENEYİMİ", "lş Deneyimi" and "I5 D E N E Y I M I" have one skeleton.
    """
    return "".join(char for char in fold(text).translate(_ALIKE) if char.isalnum())
