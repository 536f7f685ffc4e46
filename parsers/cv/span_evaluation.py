"""How well the local provider finds the labelled spans themselves: the metric of the baselines.

**Metric.** A span found in the text is right when it overlaps a labelled span of its kind by at least half of the
longer of the two; a labelled span is found when a found one overlaps it that way. Every span counts, also the tenth
mention of a company. Precision is right / found spans, recall is labelled spans found / labelled spans, both summed
over all CVs; F1 is their harmonic mean. Spans are what the tagger tagged, and, where it tagged nothing of that kind,
each first place of a value of the profile (before the gate) and the dates of the rules in the sections of experience
and education. E-mail addresses are those of the detector.

**Baselines** are rules and a small CRF on 50 held-out CVs of the same set ("at least 50 % overlap"). That split and
the exact form of its overlap are not known, so the figures stand beside ours as a mark, not as a match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from parsers.privacy import find_personal_data
from parsers.privacy.findings import EMAIL

from .dates import find_periods
from .evaluation import Page, Score, Span, degree_spans, overlap
from .labelled import LabelledCV
from .layout import lines_of
from .local import parse_locally
from .sections import sections_of
from .tagger import tags_of

# label: (rules, small CRF), F1 of the baselines; None where there is none
BASELINES: dict[str, tuple[float | None, float | None]] = {
    "Email Address": (0.990, 0.979),
    "College Name": (0.789, 0.772),
    "Degree": (0.612, 0.752),
    "Years of Experience": (0.614, 0.707),
    "Designation": (0.668, 0.695),
    "Tech Tools": (None, 0.672),
    "Companies worked at": (None, 0.507),
    "Location": (None, 0.683),
    "Name": (0.286, 0.609),
}
KIND_OF = {
    "College Name": "School",
    "Degree": "Degree",
    "Years of Experience": "Years",
    "Designation": "Title",
    "Tech Tools": "Tool",
    "Companies worked at": "Company",
    "Location": "Place",
    "Name": "Name",
}
_VALUES: dict[str, Callable[[dict[str, Any]], list[str | None]]] = {
    "Designation": lambda profile: [job["title"] for job in profile["professional_experiences"]],
    "Companies worked at": lambda profile: [job["company"] for job in profile["professional_experiences"]],
    "College Name": lambda profile: [study["school"] for study in profile["education"]],
}


@dataclass
class SpanEvaluation:
    """The sums over all CVs added."""

    scores: dict[str, Score] = field(default_factory=lambda: {name: Score() for name in BASELINES})

    def add(self, cv: LabelledCV, *, today: date) -> None:
        """Judge the spans of one CV."""
        found = spans_of(cv.text, today=today)
        for name, score in self.scores.items():
            mine = found.get(name, [])
            theirs = [_stripped(cv.text, label.start, label.end) for label in cv.labels if label.kind == name]
            score.predicted += len(mine)
            score.right += sum(any(overlap(one, two) for two in theirs) for one in mine)
            score.labelled += len(theirs)
            score.found += sum(any(overlap(one, two) for two in mine) for one in theirs)


def spans_of(text: str, *, today: date) -> dict[str, list[Span]]:
    """Return {label: spans} of tagger and rules together."""
    tags = tags_of(text, today=today)
    spans = {name: [(tag.start, tag.end) for tag in tags.all if tag.kind == kind] for name, kind in KIND_OF.items()}
    profile, page = parse_locally(text, mode="advanced", today=today, tags=tags), Page(text)
    for name, values in _VALUES.items():
        for value in dict.fromkeys(values(profile)):
            for span in page.places_of(value)[:1] if value else ():
                _add(spans[name], span)
    for study in profile["education"]:
        for span in degree_spans(page, study["degree"], study["field"])[-1:] if study["degree"] else ():
            _add(spans["Degree"], span)
    for span in _dates(text, today):
        _add(spans["Years of Experience"], span)
    spans["Email Address"] = [(one.start, one.end) for one in find_personal_data(text, entities=(EMAIL,))]
    return spans


def _add(spans: list[Span], span: Span) -> None:
    if not any(start < span[1] and end > span[0] for start, end in spans):
        spans.append(span)


def _dates(text: str, today: date) -> Iterator[Span]:
    for section in sections_of(lines_of(text)):
        for line in section.lines if section.kind == "experience" else ():
            for period in find_periods(line.text, today=today, folded=line.folded):
                if period.is_range:
                    yield line.start + period.begin, line.start + period.finish


def _stripped(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def table(evaluation: SpanEvaluation) -> str:
    """Lay the scores out as text, beside the baselines."""
    rows = [
        f"{'span':<22}{'precision':>10}{'recall':>10}{'F1':>8}{'predicted':>11}{'support':>9}{'rules':>8}{'CRF':>8}"
    ]
    for name, score in evaluation.scores.items():
        marks = "".join(f"{f'{mark:.3f}' if mark else '–':>8}" for mark in BASELINES[name])
        rows.append(
            f"{name:<22}{score.precision:>10.3f}{score.recall:>10.3f}{score.f1:>8.3f}{score.predicted:>11}"
            f"{score.labelled:>9}{marks}"
        )
    return "\n".join(rows)
