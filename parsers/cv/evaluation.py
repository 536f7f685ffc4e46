"""How well a provider reads labelled CVs, and whether its output leaks who they are about.

**Matching.** The output holds values, the labels mark spans. A value is looked up in the text, wherever it stands
(whole words, folded, any white space between words). It is *right* when one of those places overlaps a labelled span
of its field by at least half of the longer of the two. A labelled value (distinct, folded) is *found* when one of its
spans is overlapped that way by a value of the output. Precision is right / distinct output values, recall is found /
distinct labelled values, both summed over all CVs. So a value counts once a CV, however often it is repeated.

What is compared with what:
- Designation: `profession` and the experiences' `title`.
- Companies worked at: the experiences' `company`; College Name: the `school`s. Universities employ people, and the
  labels call them College Name as often as company: a company named like a school is judged as a company where it
  overlaps a labelled company, else as College Name.
- Degree: `degree`, or the text from `degree` to the end of `field` when the field follows within 40 characters, as
  the labels often span both. Degree and field together are one value: two bachelors are two.
- Years of Experience: `start`, `end`, `is_current` of an experience against the dates a labelled span says: same
  years, and same months where both know one. A labelled figure ("8 years") is found when
  `total_experience_in_years` is within half a year; the total is computed, so it never costs precision.
- Graduation Year: the same for `start` and `end` of education; when one side has only an end, ends are compared.
- Tech Tools: recall over that label; a skill is right when it overlaps Tech Tools or either other skill label,
  because the profile has one list of skills. Skills: all three labels together.

**Leaks** are looked for in the strings of the finished profile. E-mail: a labelled address, or one found in the text.
Phone: a number found in the text by the detector, compared by its last seven digits, however they are grouped.
Name: a labelled whole name, or one part of it with four letters or more, as whole words; not counted are parts that
this CV also writes in small letters, parts of a labelled company, school, place or tool of the same CV, and words
of the lexicons of titles, tools, skills, companies and places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from parsers.privacy import find_personal_data
from parsers.privacy.findings import EMAIL, PHONE
from parsers.privacy.folding import fold
from parsers.privacy.names import words_of

from .dates import Month, find_periods, stated_years
from .labelled import LabelledCV
from .lexicons import lexicon, places

OVERLAP = 0.5
FIELD_WITHIN = 40  # characters between a degree and its field
TAIL_DIGITS = 7
LEAST_NAME_LETTERS = 4
YEARS_WITHIN = 0.5
SKILL_LABELS = ("Tech Tools", "Job Specific Skills", "Soft Skills")
FIELDS = (
    "Designation",
    "Companies worked at",
    "Years of Experience",
    "Degree",
    "College Name",
    "Graduation Year",
    "Tech Tools",
    "Skills",
)

Span = tuple[int, int]


@dataclass
class Score:
    """Counts of one field over all CVs."""

    right: int = 0
    predicted: int = 0
    found: int = 0
    labelled: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.found / self.labelled if self.labelled else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass
class Evaluation:
    """The sums. leaks: how many CVs leak an e-mail, a phone, a name."""

    cvs: int = 0
    scores: dict[str, Score] = field(default_factory=lambda: {name: Score() for name in FIELDS})
    leaks: dict[str, int] = field(default_factory=lambda: {"email": 0, "phone": 0, "name": 0})

    def add(self, cv: LabelledCV, profile: dict[str, Any], *, today: date) -> None:
        """Judge one CV's finished profile."""
        self.cvs += 1
        for name in FIELDS:
            _judge(name, cv, profile, self.scores[name], today)
        for kind in leaks_of(cv, profile):
            self.leaks[kind] += 1


def _judge(name: str, cv: LabelledCV, profile: dict[str, Any], score: Score, today: date) -> None:
    if name in ("Years of Experience", "Graduation Year"):
        _judge_dates(name, cv, profile, score, today)
        return
    page = Page(cv.text)
    labelled = _labelled(cv, SKILL_LABELS if name == "Skills" else (name,))
    accepted = (
        [span for spans in _labelled(cv, SKILL_LABELS).values() for span in spans] if name == "Tech Tools" else []
    )
    accepted = accepted or [span for spans in labelled.values() for span in spans]
    companies = _labelled(cv, ("Companies worked at",))
    predicted = {fold(value): spans for value, spans in _predicted(name, page, profile, companies)}
    score.predicted += len(predicted)
    score.right += sum(any(overlap(one, two) for one in spans for two in accepted) for spans in predicted.values())
    score.labelled += len(labelled)
    located = [span for spans in predicted.values() for span in spans]
    score.found += sum(any(overlap(one, two) for one in spans for two in located) for spans in labelled.values())


class Page:
    """A text in which values are looked up."""

    def __init__(self, text: str) -> None:
        self.folded = fold(text)

    def places_of(self, value: str) -> list[Span]:
        words = fold(value).split()
        if not words:
            return []
        pattern = r"(?<![^\W_])" + r"\s+".join(map(re.escape, words)) + r"(?![^\W_])"
        return [match.span() for match in re.finditer(pattern, self.folded)]


def _labelled(cv: LabelledCV, kinds: Iterable[str]) -> dict[str, list[Span]]:
    values: dict[str, list[Span]] = {}
    for label in cv.labels:
        if label.kind in kinds:
            text = cv.text[label.start : label.end]
            start = label.start + len(text) - len(text.lstrip())
            end = label.end - len(text) + len(text.rstrip())
            if start < end:
                values.setdefault(" ".join(fold(cv.text[start:end]).split()), []).append((start, end))
    return values


def overlap(one: Span, two: Span) -> bool:
    shared = min(one[1], two[1]) - max(one[0], two[0])
    return shared > 0 and shared >= OVERLAP * max(one[1] - one[0], two[1] - two[0])


def _predicted(
    name: str, page: Page, profile: dict[str, Any], labelled_companies: dict[str, list[Span]]
) -> Iterator[tuple[str, list[Span]]]:
    jobs, studies, basics = profile["professional_experiences"], profile["education"], profile["basics"]
    companies = [job["company"] for job in jobs if job["company"]]
    employers = [span for spans in labelled_companies.values() for span in spans]

    def is_school(company: str) -> bool:
        return _is_school(company) and not any(overlap(a, b) for a in page.places_of(company) for b in employers)

    values: dict[str, Callable[[], list[str | None]]] = {
        "Designation": lambda: [basics["profession"], *(job["title"] for job in jobs)],
        "Companies worked at": lambda: [company for company in companies if not is_school(company)],
        "College Name": lambda: [
            *(study["school"] for study in studies),
            *(one for one in companies if is_school(one)),
        ],
        "Tech Tools": lambda: basics["skills"],
        "Skills": lambda: basics["skills"],
    }
    if name == "Degree":
        for study in studies:
            if study["degree"]:
                yield (
                    f"{study['degree']} {study['field'] or ''}".strip(),
                    degree_spans(page, study["degree"], study["field"]),
                )
        return
    for value in values[name]():
        if value:
            yield value, page.places_of(value)


def _is_school(company: str) -> bool:
    return any(True for _ in lexicon("schools").hits(fold(company)))


def degree_spans(page: Page, degree: str, field_: str | None) -> list[Span]:
    """Return where a degree stands, first alone, then with its field when that follows."""
    spans = page.places_of(degree)
    fields = page.places_of(field_) if field_ else []
    return spans + [(start, stop) for start, end in spans for begin, stop in fields if 0 <= begin - end <= FIELD_WITHIN]


def _judge_dates(name: str, cv: LabelledCV, profile: dict[str, Any], score: Score, today: date) -> None:
    entries = profile["professional_experiences" if name == "Years of Experience" else "education"]
    predicted = {
        (entry["start"], entry["end"], bool(entry.get("is_current")))
        for entry in entries
        if entry["start"] or entry["end"]
    }
    total = profile["basics"]["total_experience_in_years"]
    labelled: set[tuple[Any, ...]] = set()
    for value in cv.values(name):
        text = " ".join(value.split())
        periods = find_periods(text, today=today)
        if periods:
            labelled.update(
                _as_strings(period.first or period.last, period.last, period.is_current) for period in periods
            )
        else:
            labelled.add(("figure", stated_years(f"{text} experience"), fold(text)))
    dates = [one for one in labelled if one[0] != "figure"]
    is_study = name == "Graduation Year"
    score.predicted += len(predicted)
    score.right += sum(any(_same(mine, theirs, is_study) for theirs in dates) for mine in predicted)
    score.labelled += len(labelled)
    for one in labelled:
        if one[0] == "figure":
            score.found += one[1] is not None and total is not None and abs(one[1] - total) <= YEARS_WITHIN
        else:
            score.found += any(_same(mine, one, is_study) for mine in predicted)


def _as_strings(first: Month | None, last: Month | None, is_current: bool) -> tuple[str | None, str | None, bool]:
    return (str(first) if first else None, str(last) if last and not is_current else None, is_current)


def _same(mine: tuple[Any, ...], theirs: tuple[Any, ...], is_study: bool) -> bool:
    if is_study and (mine[0] is None or theirs[0] == theirs[1]):
        return _same_date(mine[1] or mine[0], theirs[1] or theirs[0])
    ends = (mine[2] and theirs[2]) or _same_date(mine[1] or (None if mine[2] else mine[0]), theirs[1])
    return _same_date(mine[0], theirs[0]) and ends


def _same_date(mine: str | None, theirs: str | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return mine[:4] == theirs[:4] and (len(mine) < 7 or len(theirs) < 7 or mine == theirs)


def leaks_of(cv: LabelledCV, profile: dict[str, Any]) -> set[str]:
    """Return which of "email", "phone" and "name" the profile gives away."""
    output = "\n".join(_strings(profile))
    folded = fold(output)
    kinds: set[str] = set()
    found = find_personal_data(cv.text, entities=(EMAIL, PHONE))
    addresses = {fold(one.text) for one in found if one.entity == EMAIL} | {
        fold(value).strip() for value in cv.values("Email Address")
    }
    if any(address in folded for address in addresses if address):
        kinds.add("email")
    runs = [re.sub(r"\D", "", run) for run in re.findall(r"\d(?:[ ()./\-–]{0,3}\d){6,}", output)]
    tails = {
        digits[-TAIL_DIGITS:]
        for one in found
        if one.entity == PHONE and len(digits := re.sub(r"\D", "", one.text)) >= TAIL_DIGITS
    }
    if any(tail in run for tail in tails for run in runs):
        kinds.add("phone")
    if leaked_names(cv, folded):
        kinds.add("name")
    return kinds


def leaked_names(cv: LabelledCV, folded_output: str) -> set[str]:
    """Return the labelled names, and parts of them, that stand in the output (see the module's text)."""
    excused = _known_words() | set(re.findall(r"\b[a-zçğıöşü]{4,}\b", cv.text))
    for kind in ("Companies worked at", "College Name", "Location", "Tech Tools"):
        excused |= {word for value in cv.values(kind) for word in re.findall(r"\w+", fold(value))}
    leaked: set[str] = set()
    for name in cv.values("Name"):
        words = re.findall(r"[\w'-]+", fold(name))
        whole = r"\W{1,3}".join(map(re.escape, words))
        if len(words) > 1 and re.search(rf"(?<!\w){whole}(?!\w)", folded_output):
            leaked.add(" ".join(words))
        for word in words:
            if (
                len(word) >= LEAST_NAME_LETTERS
                and word not in excused
                and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", folded_output)
            ):
                leaked.add(word)
    return leaked


@cache
def _known_words() -> frozenset[str]:
    lexicons = [lexicon("titles"), lexicon("tools"), lexicon("skills"), places()]
    lexicons += [lexicon("companies", part) for part in ("suffix", "kind", "known")]
    return frozenset(word for one in lexicons for phrase in one.phrases for word in phrase) | words_of("not_names")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def table(evaluation: Evaluation) -> str:
    """Lay the scores and leaks out as text."""
    rows = [f"{'field':<22}{'precision':>10}{'recall':>10}{'F1':>8}{'predicted':>11}{'support':>9}"]
    for name, score in evaluation.scores.items():
        rows.append(
            f"{name:<22}{score.precision:>10.3f}{score.recall:>10.3f}{score.f1:>8.3f}{score.predicted:>11}{score.labelled:>9}"
        )
    share = [f"{kind} {count} ({count / max(evaluation.cvs, 1):.1%})" for kind, count in evaluation.leaks.items()]
    return "\n".join([*rows, "", f"CVs: {evaluation.cvs}", f"CVs whose output leaks: {', '.join(share)}"])
