"""The tagger: a linear-chain model over tokens, trained elsewhere, read from tagger.json.gz, decoded in plain Python.

tagger.json.gz holds {"about": where it comes from, "states": ["O", "B-Title", …], "moves": [[from, to, weight], …],
"weights": {feature: [[state, weight], …]}}; states by their index. `manage.py train_cv_tagger` makes it (see
tagger_training.py). It was trained on English CVs and says nothing of others.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from parsers.language import detect_language

from .tagger_features import Seen, Token, see
from .tags import Tag, Tags

MODEL = Path(__file__).parent / "tagger.json.gz"
LANGUAGE = "en"
OUTSIDE = "O"
# A state this far behind the best has no way back: moves weigh from -2 to +7, so at 7 nothing is lost (measured).
BEAM = 7.0


@dataclass(frozen=True)
class Model:
    """weights: feature to ((state, weight), …). moves[i][j]: the weight of state j after state i."""

    states: list[str]
    weights: Mapping[str, list[tuple[int, float]]]
    moves: list[list[float]]

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Model:
        """Read what as_bytes() of tagger_training.py laid out. A move that training never saw weighs nothing."""
        moves = [[0.0] * len(told["states"]) for _ in told["states"]]
        for before, after, weight in told["moves"]:
            moves[before][after] = weight
        return cls(
            told["states"], {name: [tuple(one) for one in all_] for name, all_ in told["weights"].items()}, moves
        )

    def decode(self, seen: Seen) -> list[str]:
        """Return the best state of each token (Viterbi with a beam); at most tokens x states x states steps."""
        shared = [self._scores(found, [0.0] * len(self.states)) for found in seen.of_lines]
        came: list[list[int]] = []
        reached: list[tuple[int, float]] = []
        for found, number in zip(seen.own, seen.lines, strict=True):
            scores = self._scores(found, shared[number].copy())
            best, sources = self._arrive(reached)
            scores = [one + two for one, two in zip(scores, best, strict=True)]
            came.append(sources)
            floor = max(scores) - BEAM
            reached = [(state, score) for state, score in enumerate(scores) if score >= floor]
        if not reached:
            return []
        path = [max(reached, key=lambda one: one[1])[0]]
        for sources in reversed(came[1:]):
            path.append(sources[path[-1]])
        return [self.states[state] for state in reversed(path)]

    def _scores(self, features: list[str], scores: list[float]) -> list[float]:
        """Add the features' weights to the states' scores, in place."""
        weights = self.weights
        for feature in features:
            if feature in weights:
                for state, weight in weights[feature]:
                    scores[state] += weight
        return scores

    def _arrive(self, reached: list[tuple[int, float]]) -> tuple[list[float], list[int]]:
        """Return for each state the best score on the way to it, and the state before it."""
        count = len(self.states)
        if not reached:
            return [0.0] * count, [0] * count
        source, total = reached[0]
        best, sources = [total + weight for weight in self.moves[source]], [source] * count
        for source, total in reached[1:]:
            for state, weight in enumerate(self.moves[source]):
                if total + weight > best[state]:
                    best[state], sources[state] = total + weight, source
        return best, sources


@cache
def model() -> Model:
    """Read the model that comes with this package, once."""
    return Model.from_json(json.loads(gzip.decompress(MODEL.read_bytes())))


def tags_of(text: str, *, today: date) -> Tags:
    """Tag an English text; a text in another language, or in none, has no tags."""
    if detect_language(text) != LANGUAGE:
        return Tags()
    seen = see(text, today=today)
    return Tags(joined(text, seen.tokens, model().decode(seen)))


def joined(text: str, tokens: list[Token], states: list[str]) -> list[Tag]:
    """Join the tokens of each stretch: "B-Title I-Title" is one tag; an "I-" that follows another kind opens one."""
    found: list[Tag] = []
    start = end = 0
    kind = ""
    for token, state in [*zip(tokens, states, strict=True), (Token(0, 0), OUTSIDE)]:
        if kind and state != f"I-{kind}":
            found.append(Tag(kind, start, end, " ".join(text[start:end].split())))
            kind = ""
        if state != OUTSIDE:
            if not kind:
                kind, start = state[2:], token.start
            end = token.end
    return found
