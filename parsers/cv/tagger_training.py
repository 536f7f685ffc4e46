"""How the tagger's model is made: labelled CVs to features and states, and a trained model to tagger.json.gz.

Nothing personal may stay in the model. A feature is kept when it occurs in at least LEAST_CVS CVs, and one that holds a
word only when no word of it is part of a labelled name or e-mail address of any CV trained on.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from parsers.privacy.folding import fold

from .labelled import LabelledCV
from .tagger_features import WORD_FEATURES, Token

LEAST_CVS = 3
LEAST_WEIGHT = 0.05  # smaller weights decide nothing and take room
DIGITS = 2  # after the point of a weight
KIND_OF_LABEL = {
    "Name": "Name",
    "Location": "Place",
    "Designation": "Title",
    "Companies worked at": "Company",
    "Years of Experience": "Years",
    "Degree": "Degree",
    "College Name": "School",
    "Graduation Year": "Graduation",
    "Tech Tools": "Tool",
    "Job Specific Skills": "Skill",
    "Soft Skills": "Skill",
}
PERSONAL = ("Name", "Email Address")


def states_of(cv: LabelledCV, tokens: list[Token]) -> list[str]:
    """Return "B-<kind>", "I-<kind>" or "O" for each token, as the labels say; a later label wins."""
    states = ["O"] * len(tokens)
    for label in sorted(cv.labels, key=lambda label: label.start):
        kind = KIND_OF_LABEL.get(label.kind)
        inside = [index for index, token in enumerate(tokens) if label.start <= token.start < label.end]
        for index in inside if kind else ():
            states[index] = f"{'B' if index == inside[0] else 'I'}-{kind}"
    return states


def personal_words(cvs: Iterable[LabelledCV]) -> set[str]:
    """Return the folded words of all labelled names and e-mail addresses."""
    return {word for cv in cvs for kind in PERSONAL for value in cv.values(kind) for word in _words(value)}


def _words(value: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(value))


def kept_features(seen: Iterable[list[list[str]]], personal: set[str]) -> set[str]:
    """Return the features that may be remembered. seen: for each CV, for each token, its features."""
    cvs = Counter(feature for tokens in seen for feature in {one for found in tokens for one in found})
    return {feature for feature, count in cvs.items() if count >= LEAST_CVS and not _is_personal(feature, personal)}


def _is_personal(feature: str, personal: set[str]) -> bool:
    return feature.startswith(WORD_FEATURES) and any(word in personal for word in _words(feature.partition("=")[2]))


def as_bytes(
    about: dict[str, Any], moves: dict[tuple[str, str], float], weights: dict[tuple[str, str], float]
) -> bytes:
    """Lay a trained model out as tagger.json.gz. moves: (from, to) states; weights: (feature, state).

    The same model always gives the same bytes.
    """
    states = sorted({state for pair in moves for state in pair} | {state for _, state in weights})
    index = {state: number for number, state in enumerate(states)}
    grouped: dict[str, list[list[float]]] = {}
    for (feature, state), weight in sorted(weights.items()):
        if abs(weight) >= LEAST_WEIGHT:
            grouped.setdefault(feature, []).append([index[state], round(weight, DIGITS)])
    told = {
        "about": about,
        "states": states,
        "moves": [[index[a], index[b], round(weight, DIGITS)] for (a, b), weight in sorted(moves.items())],
        "weights": grouped,
    }
    plain = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return gzip.compress(plain, 9, mtime=0)
