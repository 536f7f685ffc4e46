"""`manage.py evaluate_detectors`, on a set of a few texts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from classifier.evaluation import BIRTH, Evaluation


def labelled(text: str, *labels: tuple[str, str]) -> dict[str, Any]:
    spans = []
    for kind, value in labels:
        start = text.index(value)
        spans.append({"entity_type": kind, "start_position": start, "end_position": start + len(value)})
    return {"full_text": text, "spans": spans}


TEXTS = [
    labelled("Write to ada@example.com.", ("EMAIL_ADDRESS", "ada@example.com")),
    labelled("Her address at the office: nowhere.", ("EMAIL_ADDRESS", "nowhere")),
    labelled("Call 0555 000 12 34 today", ("PHONE_NUMBER", "0555 000 12 34")),
    labelled("The number 0555 000 56 78 is not labelled"),
    labelled("She was born on 5/7/1971.", ("DATE_TIME", "5/7/1971")),
    labelled("Sent on 1993-01-04 14:56:41", ("DATE_TIME", "1993-01-04 14:56:41")),
    labelled("Acme is not looked for", ("ORGANIZATION", "Acme")),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(TEXTS), encoding="utf-8")
    return path


def run(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("evaluate_detectors", str(path), *options, stdout=out)
    return out.getvalue()


def row(table: str, name: str) -> list[str]:
    return next(line for line in table.splitlines() if line.startswith(name))[len(name) :].split()


def test_the_table_has_recall_and_precision_of_each_kind_that_occurs(path: Path) -> None:
    table = run(path)
    assert row(table, "EMAIL_ADDRESS") == ["2", "0.500", "1", "1.000"]
    assert row(table, "PHONE_NUMBER") == ["1", "1.000", "2", "0.500"]
    assert row(table, "DATE_TIME") == ["2", "1.000", "2", "1.000"]
    assert row(table, BIRTH) == ["1", "1.000", "1", "1.000"]
    assert "ORGANIZATION" not in table
    assert "7 texts" in table


def test_the_mistakes_of_one_kind_can_be_shown(path: Path) -> None:
    assert "missed: 'nowhere'" in run(path, "--show", "EMAIL_ADDRESS")
    assert "wrong:  '0555 000 56 78'" in run(path, "--show", "PHONE_NUMBER")


def test_half_of_the_longer_one_must_overlap() -> None:
    for end, found in ((24, 1), (17, 1), (16, 0), (11, 0)):
        evaluation = Evaluation()
        evaluation.add("Write to ada@example.com", [("EMAIL_ADDRESS", 9, end)])
        assert evaluation.scores["EMAIL_ADDRESS"].found == found, end


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("{}", "is not a list"),
        ('[{"full_text": "x"}]', "text 1: not the form"),
        ('[{"full_text": "x", "spans": []}, 5]', "text 2: not the form"),
    ],
)
def test_a_file_of_another_form_is_said_to_be_one(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=sentence):
        run(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "nowhere.json")
