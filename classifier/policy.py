"""Which findings make a document how sensitive: the table in policy.toml, read and checked.

A person changes it by copying the file and naming the copy in CLASSIFIER_POLICY. What is wrong with it is said with the
file and the row, before the first document is judged by it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.detectors import NAMES

PUBLIC, CONFIDENTIAL, HIGHLY_SENSITIVE, UNSAFE = "Public", "Confidential", "Highly Sensitive", "Unsafe"
#: From the least to the most serious.
CATEGORIES = (PUBLIC, CONFIDENTIAL, HIGHLY_SENSITIVE, UNSAFE)
DEFAULT = Path(__file__).parent / "policy.toml"

_ROW_KEYS = {
    "detector": str,
    "at_least": int,
    "category": str,
    "hard": bool,
    "confidence": float,
    "reason_en": str,
    "reason_tr": str,
}
_OPTIONAL = frozenset({"at_least", "hard"})
_NOTHING_KEYS = {"confidence": float, "reason_en": str, "reason_tr": str}


class PolicyError(ValueError):
    """The policy cannot be used; the message names the file and the row."""


@dataclass(frozen=True)
class Row:
    """`at_least` findings of `detector` make a document at least `category`.

    hard: no opinion of a language model can lower it. confidence: above 0, at most 1. reason_en, reason_tr: a sentence,
    in which {count} is the number of findings.
    """

    detector: str
    category: str
    confidence: float
    reason_en: str
    reason_tr: str
    at_least: int = 1
    hard: bool = False


@dataclass(frozen=True)
class Nothing:
    """What is said of a document that no row makes more than Public."""

    confidence: float
    reason_en: str
    reason_tr: str


@dataclass(frozen=True)
class Policy:
    """The rows in the order of the file, and what holds when none of them does."""

    rows: tuple[Row, ...]
    nothing: Nothing

    def reached(self, counts: Mapping[str, int]) -> list[Row]:
        """Return the row that each detector reaches with its count, its most serious one, in the order of the rows."""
        best: dict[str, Row] = {}
        for row in self.rows:
            if counts.get(row.detector, 0) >= row.at_least:
                other = best.get(row.detector)
                if other is None or (rank(row.category), row.at_least) > (rank(other.category), other.at_least):
                    best[row.detector] = row
        return [row for row in self.rows if best.get(row.detector) is row]


def rank(category: str) -> int:
    """Return how serious a category is, from 0."""
    return CATEGORIES.index(category)


def load(path: Path | None = None) -> Policy:
    """Read a policy; the one that comes with Sıra when `path` is None. Raises PolicyError."""
    path = path or DEFAULT
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: the policy cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: the policy is not TOML: {error}.") from None
    for key in table:
        _known(key, ("row", "nothing"), "key", str(path))
    rows = table.get("row", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise PolicyError(f"{path}: the policy has no [[row]]. Without one, every document would be Public.")
    nothing = table.get("nothing")
    if not isinstance(nothing, dict):
        raise PolicyError(f"{path}: the policy has no [nothing], which says why a document is Public.")
    where = f"{path}, [nothing]"
    _check(nothing, _NOTHING_KEYS, where)
    parsed = tuple(_row(row, f"{path}, row {number}") for number, row in enumerate(rows, start=1))
    for number, row in enumerate(parsed, start=1):
        if any((row.detector, row.at_least) == (other.detector, other.at_least) for other in parsed[: number - 1]):
            raise PolicyError(
                f"{path}, row {number} ({row.detector}): an earlier row has the same detector and at_least."
            )
    return Policy(rows=parsed, nothing=Nothing(**nothing))


def _row(row: dict[str, Any], where: str) -> Row:
    detector = row.get("detector")
    if isinstance(detector, str):
        _known(detector, NAMES, "detector", where)
        where = f"{where} ({detector})"
    _check(row, _ROW_KEYS, where)
    _known(row["category"], CATEGORIES, "category", where)
    if row.get("at_least", 1) < 1:
        raise PolicyError(f"{where}: at_least must be 1 or more.")
    return Row(**row)


def _check(row: dict[str, Any], keys: Mapping[str, type], where: str) -> None:
    for key in row:
        _known(key, tuple(keys), "key", where)
    for key, wanted in keys.items():
        if key not in row:
            if key in _OPTIONAL:
                continue
            raise PolicyError(f"{where}: {key} is missing.")
        value = row[key]
        fits = isinstance(value, (int, float)) if wanted is float else isinstance(value, wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
            raise PolicyError(f"{where}: {key} must be {words[wanted]}.")
    if not 0 < row["confidence"] <= 1:
        raise PolicyError(f"{where}: confidence must be above 0 and at most 1.")
    for key in ("reason_en", "reason_tr"):
        if not row[key].strip():
            raise PolicyError(f"{where}: {key} is empty.")
        try:
            row[key].format(count=1)
        except (KeyError, IndexError, ValueError, AttributeError):
            raise PolicyError(f"{where}: {key} may hold no other braces than {{count}}.") from None


def _known(name: str, names: tuple[str, ...], what: str, where: str) -> None:
    if name in names:
        return
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[close[0]]!r}?" if close else f"use one of: {', '.join(names)}."
    raise PolicyError(f"{where}: unknown {what} {name!r}; {hint}")
