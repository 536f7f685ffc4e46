"""A document's pages through all detectors: complete counts, and a few places of each to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from classifier.detectors import DETECTORS, PageText, Span
from classifier.detectors.secret_like import secret_like
from classifier.excerpts import Values, blanked, excerpt, masked, merged, places_of
from parsers.privacy import name_candidates

#: Places of one detector that evidence shows; counts are complete all the same.
MOST_SHOWN = 5
#: Different values that are masked wherever they stand; a document with more is a list, whose values stand once.
MOST_VALUES = 2_000
#: Characters in which likely names are looked for, when an excerpt is to be shown.
NAMES_WITHIN = 100_000
#: The detector whose findings are masked as a whole, and those that make excerpts short.
_SECRET = "credential"  # nosec B105 # a name
_GUARDED = frozenset({_SECRET, "card"})
_VALUES = frozenset(detector.name for detector in DETECTORS if detector.is_value)


@dataclass(frozen=True)
class Survey:
    """pages: as they were read. found: spans by detector and index of the page, in text order."""

    pages: Sequence[PageText]
    found: dict[str, list[tuple[int, Span]]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many findings each detector has, those without any left out."""
        return {name: len(places) for name, places in self.found.items()}

    @cached_property
    def _hidden(self) -> list[list[Span]]:
        """The spans to mask on each page. Personal data is masked whichever detectors the policy asks for."""
        hidden: list[list[Span]] = [[(one.start, one.end) for one in page.personal] for page in self.pages]
        for name, places in self.found.items():
            if name in _VALUES:
                for page, span in places:
                    hidden[page].append(span)
        return [merged(spans) for spans in hidden]

    @cached_property
    def _secret(self) -> list[list[Span]]:
        """The spans of passwords and keys on each page."""
        spans: list[list[Span]] = [[] for _ in self.pages]
        for page, span in self.found.get(_SECRET, ()):
            spans[page].append(span)
        return spans

    @cached_property
    def _values(self) -> Values:
        sure: dict[str, None] = {}
        for page in self.pages:
            sure.update(dict.fromkeys(one.text for one in page.personal))
        for name in _VALUES & self.found.keys():
            sure.update(dict.fromkeys(self.pages[page].text[start:end] for page, (start, end) in self.found[name]))
        # Names are found by their context alone; elsewhere the same name stands without it.
        names = name_candidates("\n".join(page.text for page in self.pages)[:NAMES_WITHIN])
        likely = names | {part for name in names for part in name.split()}
        secret = dict.fromkeys(self.pages[page].text[start:end] for page, (start, end) in self.found.get(_SECRET, ()))
        return Values(
            sure=list(islice(sure, MOST_VALUES)),
            likely=sorted(likely),
            secret=list(islice(secret, MOST_VALUES)),
            guarded=not _GUARDED.isdisjoint(self.found),
        )

    def evidence(self) -> list[dict[str, Any]]:
        """Return [{"detector", "page", "span": [start, end], "excerpt"}], at most MOST_SHOWN of each detector."""
        return [
            {
                "detector": name,
                "page": self.pages[page].number,
                "span": list(span),
                "excerpt": excerpt(
                    self.pages[page].text,
                    span,
                    self._hidden[page],
                    self._values,
                    is_value=name in _VALUES,
                    secret=self._secret[page],
                ),
            }
            for name, places in self.found.items()
            for page, span in places[:MOST_SHOWN]
        ]

    def masked_text(self) -> str:
        """Return the document's text with every value in it masked, and what may be a name or a secret."""
        return "\n\n".join(
            blanked(
                masked(page.text, [*hidden, *places_of(self._values.likely, page.text)]),
                [*secret, *secret_like(page.text)],
            )
            for page, hidden, secret in zip(self.pages, self._hidden, self._secret, strict=True)
        )


def survey(pages: Sequence[PageText]) -> Survey:
    """Let every detector read every page."""
    found: dict[str, list[tuple[int, Span]]] = {}
    for detector in DETECTORS:
        # "annual salary" and the "salary" in it are one finding.
        places = [(index, span) for index, page in enumerate(pages) for span in merged(detector.find(page))]
        if places:
            found[detector.name] = places
    return Survey(pages, found)
