"""Finding a session's chunks by words: the index proposes, this ranks, and shows where the words stand."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from typing import Any

from parsers.ingestion.index import find_candidates
from parsers.ingestion.words import Word, beginnings, query_words, similarity, words_of
from parsers.models import Chunk, DocumentSession

#: How many chunks are ranked; the index chooses them when more match.
CANDIDATES = 300
LIMIT, LARGEST_LIMIT = 20, 100
#: How long a snippet is, in characters, give or take a word.
SNIPPET = 240
#: How much of a score are: having a word at all, having it often, having the words next to each other.
HAVING, OFTEN, TOGETHER = 0.75, 0.1, 0.15
#: A word that stands so often in a chunk says no more by standing there again.
OFTEN_ENOUGH = 4


@dataclass(frozen=True)
class Hit:
    """A chunk that answers a query. score: 0–1. matches: where its words stand, as (start, end) in the chunk's text."""

    chunk: Chunk
    score: float
    matches: list[tuple[int, int]]


def search(session: DocumentSession, query: str, *, limit: int = LIMIT) -> tuple[int, list[Hit]]:
    """Return how many chunks answer the query (at most 300 are looked at) and the best of them, best first.

    Any text is a query. A chunk answers when it has one of the words or a form of it; more words, rarer words and the
    very same words count more.
    """
    asked = query_words(query)
    ids = find_candidates(session.pk, sorted({start for word in asked for start in beginnings(word)}), CANDIDATES)
    chunks = Chunk.objects.filter(pk__in=ids, document__session=session).select_related("document")
    answers = _Answers(asked)
    read = [(chunk, _Reading(answers, words_of(chunk.text))) for chunk in chunks]
    read = [(chunk, reading) for chunk, reading in read if reading.matches]
    weights = [
        log(1 + len(read) / (0.5 + sum(word in reading.best for _, reading in read))) for word in range(len(asked))
    ]
    hits = [Hit(chunk, reading.score(weights), reading.matches) for chunk, reading in read]
    hits.sort(key=lambda hit: (-hit.score, hit.chunk.document_id, hit.chunk.position))
    return len(hits), hits[:limit]


class _Answers(dict[str, tuple[float, int]]):
    """By word of a text: how well it answers, and the number of the word asked for that it answers best.

    Worked out once for all chunks: they share most of their words.
    """

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    def __missing__(self, found: str) -> tuple[float, int]:
        answers = ((similarity(one, found), number) for number, one in enumerate(self._asked) if one[0] == found[0])
        self[found] = max(answers, key=lambda answer: answer[0], default=(0.0, 0))
        return self[found]


class _Reading:
    """What one chunk has of a query's words.

    best: by number of the word asked for, how well the best word here answers it. matches: where answers stand.
    """

    def __init__(self, answers: _Answers, words: Iterable[Word]) -> None:
        self.best: dict[int, float] = {}
        self.count: Counter[int] = Counter()
        self.pairs: set[int] = set()
        self.matches: list[tuple[int, int]] = []
        before: int | None = None
        for folded, start, end in words:
            similar, number = answers[folded]
            if not similar:
                before = None
                continue
            self.best[number] = max(self.best.get(number, 0.0), similar)
            self.count[number] += 1
            if not self.matches or start >= self.matches[-1][1]:  # the parts of a number stand within it
                self.matches.append((start, end))
            if before == number - 1:
                self.pairs.add(number)
            before = number

    def score(self, weights: list[float]) -> float:
        total = sum(weights) or 1.0
        having = sum(weights[word] * best for word, best in self.best.items()) / total
        often = sum(weights[word] * min(count, OFTEN_ENOUGH) for word, count in self.count.items())
        often /= total * OFTEN_ENOUGH
        together = len(self.pairs) / (len(weights) - 1) if len(weights) > 1 else having
        return round(HAVING * having + OFTEN * often + TOGETHER * together, 4)


def snippet(hit: Hit) -> dict[str, Any]:
    """Return the part of a chunk around its matches, as plain text.

    {"text", "start": where it begins in the chunk, "highlights": [[start, end]] in the snippet, "parts": the same as
    [{"text", "hit"}]}. Positions count characters (code points).
    """
    text, matches = hit.chunk.text, hit.matches
    start = max((_count(matches, at), -at) for at, _ in matches)[1] * -1
    start = _word_start(text, max(0, min(start - SNIPPET // 6, len(text) - SNIPPET)))
    end = _word_end(text, min(len(text), start + SNIPPET))
    inside = [[at - start, to - start] for at, to in matches if start <= at and to <= end]
    shown = text[start:end]
    parts, done = [], 0
    for at, to in inside:
        parts += [{"text": shown[done:at], "hit": False}, {"text": shown[at:to], "hit": True}]
        done = to
    parts.append({"text": shown[done:], "hit": False})
    return {"text": shown, "start": start, "highlights": inside, "parts": [part for part in parts if part["text"]]}


def _count(matches: list[tuple[int, int]], start: int) -> int:
    """Return how many matches a snippet from `start` would show."""
    reach = start + SNIPPET - SNIPPET // 6
    return bisect_left(matches, (reach, 0)) - bisect_left(matches, (start, 0))


def _word_start(text: str, at: int) -> int:
    blank = text.rfind(" ", max(0, at - 30), at + 1)
    return at if at == 0 or blank < 0 else blank + 1


def _word_end(text: str, at: int) -> int:
    blank = text.find(" ", at, at + 30)
    return at if at >= len(text) or blank < 0 else blank
