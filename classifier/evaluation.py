"""How well the detectors find what a labelled set of texts says is there.

**The set** is a JSON list of {"full_text", "spans": [{"entity_type", "start_position", "end_position"}]}, as
presidio-research writes it.

**The metric.** A finding and a label match when they overlap by at least half of the longer of the two. Recall is the
share of labels that a finding of their kind matches; precision is the share of findings that a label of their kind
matches. Nobody is asked whether a finding without a label is really wrong: a label may be missing.

Two rows need a word. DATE_TIME is compared with the detector of all dates and weekdays. "Date of birth" takes, of the
DATE_TIME labels, those that the words before or behind them say are a birth, and the detector of birth dates; its
precision counts every DATE_TIME label, for the set does not tell the two apart.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classifier.detectors import DETECTORS, PageText, Span
from parsers.privacy.folding import fold

OVERLAP = 0.5
#: Label: the detectors that look for it. Labels that are not here (organisations, titles, …) nobody looks for.
ENTITIES = {
    "EMAIL_ADDRESS": ("email", "office_email"),
    "PHONE_NUMBER": ("phone", "office_phone"),
    "CREDIT_CARD": ("card",),
    "IBAN_CODE": ("iban",),
    "US_SSN": ("ssn",),
    "IP_ADDRESS": ("ip",),
    "DOMAIN_NAME": ("domain", "url", "internal_host"),
    "DATE_TIME": ("date",),
    "US_DRIVER_LICENSE": ("identity_document",),
    "ADDRESS": ("address",),
    "PERSON": ("name",),
}
BIRTH = "Date of birth"
_SAYS_BIRTH = re.compile(r"\b(?:born|birth|dob|dogum|dogdu)\w*")
_BIRTH_WITHIN = 40


@dataclass
class Score:
    """labelled, found: labels, and those that a finding matches. predicted, right: findings, and those that match."""

    labelled: int = 0
    found: int = 0
    predicted: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.labelled if self.labelled else 0.0

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    def add(self, labels: Sequence[Span], findings: Sequence[Span], also_right: Sequence[Span] = ()) -> None:
        """Count one text. also_right: labels that a finding may match without being asked for."""
        self.labelled += len(labels)
        self.found += sum(_matches(label, findings) for label in labels)
        self.predicted += len(findings)
        self.right += sum(_matches(finding, sorted({*labels, *also_right})) for finding in findings)


@dataclass
class Evaluation:
    """The sums over all texts added. keep: the entity whose mistakes are kept to be shown, in `kept`."""

    keep: str | None = None
    scores: dict[str, Score] = field(default_factory=lambda: {name: Score() for name in (*ENTITIES, BIRTH)})
    texts: int = 0
    kept: list[str] = field(default_factory=list)

    def add(self, text: str, labels: Sequence[tuple[str, int, int]]) -> None:
        """Judge one text. labels: (entity type, start, end)."""
        page = PageText(1, text)
        found = {detector.name: list(detector.find(page)) for detector in DETECTORS}
        self.texts += 1
        for entity, detectors in ENTITIES.items():
            asked = sorted((start, end) for kind, start, end in labels if kind == entity)
            findings = sorted(span for name in detectors for span in found[name])
            self.scores[entity].add(asked, findings)
            if entity == self.keep:
                self.kept += [f"missed: {text[slice(*span)]!r}" for span in asked if not _matches(span, findings)]
                self.kept += [f"wrong:  {text[slice(*span)]!r}" for span in findings if not _matches(span, asked)]
        dates = sorted((start, end) for kind, start, end in labels if kind == "DATE_TIME")
        births = [span for span in dates if _is_birth(text, span)]
        self.scores[BIRTH].add(births, sorted(found["birth_date"]), also_right=dates)


def read_labelled(path: Path) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """Yield each text of the set with its labels. Raises ValueError with a sentence when the file is no such set."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError:
        raise ValueError(f"{path} is not JSON.") from None
    if not isinstance(entries, list):
        raise ValueError(f"{path} is not a list of texts with spans.")
    for number, entry in enumerate(entries, start=1):
        try:
            yield entry["full_text"], [_label(span) for span in entry["spans"]]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path}, text {number}: not the form of presidio-research.") from None


def _label(span: dict[str, Any]) -> tuple[str, int, int]:
    return str(span["entity_type"]), int(span["start_position"]), int(span["end_position"])


def table(evaluation: Evaluation) -> str:
    """Return the scores for people: one line an entity, in the order of ENTITIES."""
    lines = [f"{'':18} {'labels':>7} {'recall':>7} {'found':>7} {'precision':>10}"]
    for name, score in evaluation.scores.items():
        if score.labelled or score.predicted:
            lines.append(
                f"{name:18} {score.labelled:>7} {score.recall:>7.3f} {score.predicted:>7} {score.precision:>10.3f}"
            )
    return "\n".join(lines)


def _matches(span: Span, others: Sequence[Span]) -> bool:
    """Say whether one of `others` (in order) overlaps `span` by half of the longer of the two."""
    at = bisect_left(others, (span[1], span[1]))
    for other in reversed(others[:at]):
        shared = min(span[1], other[1]) - max(span[0], other[0])
        if shared >= OVERLAP * max(span[1] - span[0], other[1] - other[0]) and shared > 0:
            return True
    return False


def _is_birth(text: str, span: Span) -> bool:
    line = fold(text[max(0, span[0] - _BIRTH_WITHIN) : span[1] + _BIRTH_WITHIN // 2])
    return bool(_SAYS_BIRTH.search(line))
