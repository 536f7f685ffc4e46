"""JSON as a type of the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from sira_client import WrongShape
from sira_client._typed import read_as


class Colour(Enum):
    RED = "red"


class Place(TypedDict):
    city: str
    zip: NotRequired[int | None]


@dataclass
class Page:
    number: int
    text: str | None = None


@dataclass(frozen=True)
class Report:
    title: str
    score: float
    pages: list[Page]
    when: datetime
    day: date | None = None
    tags: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    place: Place | None = None
    colour: Colour = Colour.RED
    mode: Literal["basic", "advanced"] = "basic"
    either: int | str | list[int] = 0
    anything: Any = None


WHOLE = {
    "title": "T", "score": 1, "pages": [{"number": 1, "unknown": "left out"}, {"number": 2, "text": "x"}],
    "when": "2026-11-27T10:00:00Z", "day": "2026-11-27", "tags": ["a", "b"], "size": [3, 4], "counts": {"a": 1},
    "place": {"city": "İzmir", "zip": None}, "colour": "red", "mode": "advanced", "either": [1], "anything": {"x": [1]},
    "of_a_newer_kind": True,
}  # fmt: skip


def test_a_result_becomes_what_was_asked_for():
    report = read_as(Report, WHOLE)
    assert report.pages == [Page(1), Page(2, "x")]
    assert isinstance(report.score, float)
    assert report.when.utcoffset() is not None
    assert (report.day, report.tags, report.size) == (date(2026, 11, 27), ("a", "b"), (3, 4))
    assert (report.place, report.colour, report.either) == ({"city": "İzmir", "zip": None}, Colour.RED, [1])
    assert read_as(list[Page], [{"number": 3}]) == [Page(3)]
    assert read_as(Place, {"city": "Van", "more": 1}) == {"city": "Van"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": None}, "result.title: expected str, got null"),
        ({"title": 3}, "result.title: expected str, got int '3'"),
        ({"score": "1"}, "result.score: expected float"),
        ({"score": True}, "result.score: expected float, got bool"),
        ({"pages": {}}, "result.pages: expected a list"),
        ({"pages": [{"number": 1}, {"text": "x"}]}, "result.pages[1] has no 'number', which Page asks for"),
        ({"pages": [{"number": 1.5}]}, "result.pages[0].number: expected int, got float"),
        ({"when": "soon"}, "result.when: 'soon' is no datetime"),
        ({"size": [1]}, "result.size: expected 2 values, got 1"),
        ({"counts": {"a": "x"}}, "result.counts.a: expected int"),
        ({"place": {}}, "result.place has no 'city', which Place asks for"),
        ({"colour": "blue"}, "result.colour: 'blue' is no Colour"),
        ({"mode": "fast"}, "result.mode: expected one of 'basic', 'advanced', got 'fast'"),
        ({"either": 1.5}, "result.either: none of 3 types fits"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], says: str):
    with pytest.raises(WrongShape) as caught:
        read_as(Report, WHOLE | change)
    assert str(caught.value).startswith(says)


def test_what_is_missing_is_named_and_what_is_no_type_is_the_callers_fault():
    with pytest.raises(WrongShape, match="result has no 'title', which Report asks for"):
        read_as(Report, {})
    with pytest.raises(WrongShape, match="expected an object for Report, got list"):
        read_as(Report, [])
    with pytest.raises(TypeError, match="cannot be read as"):
        read_as("Report", {})


def test_a_pydantic_model_reads_itself():
    pydantic = pytest.importorskip("pydantic")
    Model: Any = pydantic.create_model("Model", number=(int, ...))
    assert read_as(list[Model], [{"number": 1}])[0].number == 1
