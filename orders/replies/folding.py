"""A text as the claim check reads it: one alphabet, one kind of digit, nothing hidden; with the way back."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Letters that look like Latin ones, which a model might be talked into.
_LOOKALIKES = dict(zip("аеорсухкмтвніјѕԁԛԝɑαεορτυνικ", "aeopcyxkmtbhijsdqwaaeoptuvik", strict=True)) | {
    "ı": "i",
    "ß": "s",
    "ø": "o",
    "æ": "a",
    "ł": "l",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "–": "-",
    "—": "-",
    "‑": "-",
    "‐": "-",
    "−": "-",
}
#: Letters in boxes and flags, which Unicode does not take apart.
_LOOKALIKES |= {
    chr(first + place): letter
    for first in (0x1F150, 0x1F170, 0x1F1E6)
    for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}


@dataclass(frozen=True)
class Folded:
    """text: lower case, without accents. origin: for each of its letters the place in the original."""

    text: str
    origin: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the folded text stands in the original."""
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text for comparison; its letters are what people see, so nothing invisible is left."""
    letters: list[str] = []
    origin: list[int] = []
    for place, char in enumerate(text):
        for letter in _fold_char(char):
            letters.append(letter)
            origin.append(place)
    return Folded("".join(letters), origin)


def fold_text(text: str) -> str:
    return fold(text).text


def _fold_char(char: str) -> str:
    if char in "\n\t":
        return char
    if unicodedata.category(char) in ("Cf", "Cc", "Mn", "Me"):
        return ""
    if char.isspace():
        return " "
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    if char.isnumeric():
        return char  # Ⅳ, ½, 三: numbers that are no digits stay what they are
    plain = "".join(one for one in unicodedata.normalize("NFKD", char) if not unicodedata.combining(one)).lower()
    return "".join(_LOOKALIKES.get(one, one) for one in plain)


def literal(value: str, separators: str = "") -> re.Pattern[str] | None:
    """Return a pattern for a known value in folded text, whole; None for a value with nothing to find.

    separators: what may stand between its letters and digits, which alone are compared then.
    """
    folded = fold_text(value).strip()
    if separators:
        parts = [re.escape(char) for char in folded if char.isalnum()]
        pattern = f"[{separators}]?".join(parts)
    else:
        parts = [re.escape(part) for part in folded.split()]
        pattern = r"\s+".join(parts)
    return re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])") if parts else None
