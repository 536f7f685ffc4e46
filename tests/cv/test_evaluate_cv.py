"""`manage.py evaluate_cv`: exact numbers on an invented file, and clear refusals."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from parsers.cv.evaluation import Evaluation, leaks_of
from parsers.cv.labelled import parse_labelled

from .invented import TODAY

LABELLED = """<?xml version="1.0" encoding="UTF-8"?>
<cv>
<label type="Name">Marlow Quince</label>
<label type="Email Address">marlow.quince@example.com</label>

WORK EXPERIENCE

<label type="Designation">Software Engineer</label>
<label type="Companies worked at">Copperleaf LLC</label>, <label type="Location">Austin, TX</label>
<label type="Years of Experience">January 2014 - May 2018</label>
Built services with <label type="Tech Tools">Java</label> and <label type="Tech Tools">Quuxware</label>.

EDUCATION
<label type="Degree">Bachelor of Science in Physics</label>
<label type="College Name">Kenmore University</label>
<label type="Graduation Year">2010 - 2014</label>
</cv>
"""


def evaluated(path: Path, **options: object) -> str:
    out = io.StringIO()
    call_command("evaluate_cv", str(path), stdout=out, **options)
    return out.getvalue()


def row(output: str, name: str) -> list[str]:
    line = next(line for line in output.splitlines() if line.startswith(name))
    return line[22:].split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.xml").write_text(LABELLED, encoding="utf-8")
    return tmp_path


def test_the_table_holds_exactly_these_numbers(folder: Path) -> None:
    output = evaluated(folder)
    for name in (
        "Designation",
        "Companies worked at",
        "Years of Experience",
        "Degree",
        "College Name",
        "Graduation Year",
    ):
        assert row(output, name) == ["1.000", "1.000", "1.000", "1", "1"]
    assert row(output, "Tech Tools") == ["1.000", "0.500", "0.667", "1", "2"]
    assert "CVs: 1" in output
    assert "email 0 (0.0%), phone 0 (0.0%), name 0 (0.0%)" in output


def test_the_spans_stand_in_a_second_table_beside_the_baselines(folder: Path) -> None:
    first, second = evaluated(folder).split("Spans of the tagger", 1)
    assert row(second, "Designation")[3:] == ["1", "1", "0.668", "0.695"]
    assert row(second, "Companies worked at")[:3] == ["1.000", "1.000", "1.000"]
    assert row(second, "Email Address")[:3] == ["1.000", "1.000", "1.000"]
    assert "0.695" not in first


def test_a_zip_is_read_like_a_folder(folder: Path) -> None:
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/one.xml", LABELLED)
        archive.writestr("__MACOSX/train/._one.xml", "no xml")
    assert row(evaluated(path), "Designation") == row(evaluated(folder), "Designation")


def test_the_held_out_fifth_is_fixed_by_the_file_names(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.xml").write_text("<cv>text</cv>", encoding="utf-8")
    first, second = evaluated(tmp_path, held_out=True), evaluated(tmp_path, held_out=True)
    count = int(first.split("CVs: ")[1].split()[0])
    assert 1 <= count < 20
    assert f"CVs: {count}" in second
    assert "CVs: 3\n" in evaluated(tmp_path, limit=3)


@pytest.mark.parametrize("make", ["missing", "not a zip", "empty", "bad xml", "entity"])
def test_a_bad_path_exits_with_2_and_says_why(tmp_path: Path, make: str) -> None:
    path = tmp_path / "set"
    if make == "not a zip":
        path.write_bytes(b"no zip")
    elif make != "missing":
        path.mkdir()
    if make == "bad xml":
        (path / "one.xml").write_text("<cv><label></cv>")
    if make == "entity":
        (path / "one.xml").write_text('<!DOCTYPE cv [<!ENTITY a SYSTEM "file:///etc/passwd">]><cv>&b;</cv>')
    with pytest.raises(CommandError) as caught:
        evaluated(path)
    assert caught.value.returncode == 2
    assert str(caught.value).endswith(".")


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    cv = parse_labelled("x.xml", f'<!DOCTYPE cv [<!ENTITY a SYSTEM "file://{secret}">]><cv>a &a; b</cv>'.encode())
    assert "s3cret" not in cv.text


def test_offsets_are_those_of_the_text_after_unescaping() -> None:
    cv = parse_labelled(
        "x.xml", b'<cv>\\xe2\\x80\\xa2 R&amp;amp;D <label type="Designation">Caf\\xc3\\xa9 owner</label></cv>'
    )
    assert cv.text == "• R&D Café owner"
    assert cv.values("Designation") == ["Café owner"]


def test_leaks_are_seen_when_there_are_some() -> None:
    cv = parse_labelled("x.xml", LABELLED.replace("EDUCATION", "Tel: (555) 010-2030\nEDUCATION").encode())
    profile = {"basics": {"summary": "Ask QUINCE at marlow.quince@example.com or 555 010 2030"}}
    assert leaks_of(cv, profile) == {"name", "email", "phone"}
    assert leaks_of(cv, {"basics": {"summary": "Built services"}}) == set()


def test_a_value_that_is_not_in_the_text_costs_precision() -> None:
    cv = parse_labelled("x.xml", LABELLED.encode())
    evaluation = Evaluation()
    empty = {
        "profession": "Astronaut",
        "total_experience_in_years": None,
        "summary": None,
        "has_driving_license": None,
        "skills": [],
    }
    evaluation.add(cv, {"basics": empty, "professional_experiences": [], "education": []}, today=TODAY)
    score = evaluation.scores["Designation"]
    assert (score.right, score.predicted, score.found, score.labelled) == (0, 1, 0, 1)
    assert score.f1 == 0
