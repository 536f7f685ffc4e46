"""`manage.py submit`: the door is the API's, and whoever knocks wrongly is told what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from rest_framework import serializers
from rest_framework.test import APIClient

from jobs.kinds import job_kind, registry
from jobs.models import Job, JobFile

pytestmark = pytest.mark.django_db(transaction=True)

CV = "Ayşe\nYazılım Mühendisi\nDeneyim\n2019 - 2023 Acme, Python\n"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    for number in (1, 2, 3):
        (tmp_path / f"cv{number}.txt").write_text(f"{CV}{number}\n")
    (tmp_path / "picture.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
    (tmp_path / "empty.txt").touch()
    return tmp_path


@pytest.fixture
def bind() -> Iterator[str]:
    """A kind that takes many files at once."""

    class BindInput(serializers.Serializer):
        pages = serializers.ListField(child=serializers.FileField())
        title = serializers.CharField()

    @job_kind("workbench.bind_book", input=BindInput)
    def bind_book(job: Any, *, pages: list[str], title: str) -> dict[str, Any]:
        """Bind pages."""
        return {}

    yield "workbench.bind_book"
    registry.remove("workbench.bind_book")


@pytest.fixture
def compare() -> Iterator[str]:
    """A kind that takes two files, each of its own meaning."""

    class CompareInput(serializers.Serializer):
        old = serializers.FileField()
        new = serializers.FileField()

    @job_kind("workbench.compare_files", input=CompareInput)
    def compare_files(job: Any, *, old: str, new: str) -> dict[str, Any]:
        """Compare."""
        return {}

    yield "workbench.compare_files"
    registry.remove("workbench.compare_files")


def refusal(*arguments: str) -> str:
    """Return what a refused command says; nothing of it may be left."""
    with pytest.raises(CommandError) as refused:
        call_command("submit", *arguments)
    assert refused.value.returncode == 2
    assert not Job.objects.exists()
    assert not JobFile.objects.exists()
    return str(refused.value)


def test_each_file_becomes_a_job_whose_id_is_printed_beside_its_name(folder, capsys):
    call_command("submit", "parsers.parse_cv", str(folder / "cv1.txt"), str(folder / "cv2.txt"))
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert printed == {str(file.job_id): file.name for file in JobFile.objects.all()}
    assert sorted(printed.values()) == ["cv1.txt", "cv2.txt"]


def test_a_kind_that_takes_many_files_gets_all_of_them_in_one_job(folder, bind):
    call_command("submit", bind, *(str(folder / f"cv{n}.txt") for n in (3, 1, 2)), "--input", "title=A book")
    job = Job.objects.get()
    names = {str(file.pk): file.name for file in job.files.all()}
    assert [names[page] for page in job.input["pages"]] == ["cv3.txt", "cv1.txt", "cv2.txt"]
    assert job.input["title"] == "A book"


def test_the_api_and_the_terminal_make_the_same_job(folder, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    client = APIClient()
    client.force_authenticate(ada)
    with (folder / "cv1.txt").open("rb") as file:
        answer = client.post(
            "/api/v1/jobs/",
            {
                "kind": "parsers.parse_cv", "file": file, "parse_mode": "basic", "priority": 7, "user_id": "u7",
                "session_id": "s1",
            },
        )  # fmt: skip
    assert answer.status_code == 202
    call_command(
        "submit", "parsers.parse_cv", str(folder / "cv1.txt"), "--input", "parse_mode=basic", "--user", "ada",
        "--priority", "7", "--user-id", "u7", "--session", "s1",
    )  # fmt: skip

    def essence(job: Job) -> dict[str, Any]:
        file = job.files.get()
        names = ("kind", "queue", "priority", "owner_id", "user_id", "session_id", "state", "max_attempts", "metadata")
        row = {name: getattr(job, name) for name in names}
        content = file.name, file.size, file.media_type, file.sha256
        return row | {"input": {name: content if value == str(file.pk) else value for name, value in job.input.items()}}

    first, second = Job.objects.order_by("pk")
    assert essence(first) == essence(second)
    assert first.input["parse_mode"] == "basic"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("imaging.generate_image", {}),
        ("imaging.generate_image", {"prompt": "sea", "width": "17"}),
        ("imaging.generate_image", {"prompt": "sea", "widht": "64"}),
        ("imaging.generate_image", {"prompt": "sea\0"}),
        ("parsers.parse_cv", {}),
        ("workload.act_out", {"act": "dance", "seconds": "long"}),
    ],
)
def test_what_the_api_refuses_the_terminal_refuses_in_the_same_words(kind, data, django_user_model):
    client = APIClient()
    client.force_authenticate(django_user_model.objects.create_user("ada"))
    problem = client.post("/api/v1/jobs/", {"kind": kind, "input": data}, format="json").json()
    said = refusal(kind, "--json", json.dumps(data))
    for error in problem.get("errors", [{"message": problem["detail"].replace("input.", "")}]):
        assert error["message"] in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["parsers.parse_cvs", "{0}/cv1.txt"], "There is no kind 'parsers.parse_cvs'. Did you mean parsers.parse_cv?"),
        (["parse_cv", "{0}/cv1.txt"], "Did you mean parsers.parse_cv?"),
        (["classifier.classify_batch"], "There is no kind 'classifier.classify_batch'"),  # the engine's own
        (["parsers.parse_cv", "{0}/nobody.pdf"], "There is no file {0}/nobody.pdf (looked in"),
        (["parsers.parse_cv", "{0}"], "{0} is a folder. Name its files: {0}/*"),
        (["parsers.parse_cv", "/dev/zero"], "/dev/zero is no ordinary file."),
        (["parsers.parse_cv", "{0}/empty.txt"], "The file is empty"),
        (["parsers.parse_cv", "{0}/picture.txt"], "{0}/picture.txt: This type of file cannot be read."),
        (["parsers.parse_cv"], "FILE: No file was submitted.\nparsers.parse_cv takes: file, [parse_mode]."),
        (
            ["parsers.parse_cv", "{0}/cv1.txt", "--input", "parse_mode=fast"],
            '--input parse_mode: "fast" is not a valid',
        ),
        (["parsers.parse_cv", "--input", "file=cv1.txt"], "write file=@cv1.txt"),
        (["parsers.parse_cv", "{0}/cv1.txt", "--input", "basic"], "'basic' should read key=value"),
        (["workload.act_out", "{0}/cv1.txt"], "workload.act_out takes no file. It takes: [act]"),
        (["workload.act_out", "--input", "act=ok", "act=bug"], "act is there twice"),
        (["workload.act_out", "--json", "[1]"], "--json: It is JSON, but not an object: it is an array."),
        (["workload.act_out", "--json", "@{0}/no.json"], "no.json cannot be read: No such file"),
        (["workload.act_out", "--user", "ad"], "there is no user 'ad'. Did you mean ada?"),
        (["workload.act_out", "--priority", "11"], "--priority: Ensure this value is less than or equal to 10."),
        (["workload.act_out", "--idempotency-key", "ü"], "1 to 190 visible ASCII characters"),
    ],
)
def test_bad_input_is_told_with_what_to_do_and_nothing_is_submitted(folder, django_user_model, arguments, words):
    django_user_model.objects.create_user("ada")
    assert words.format(folder) in refusal(*(argument.format(folder) for argument in arguments))


def test_a_file_that_is_too_large_is_refused_before_the_others_are_submitted(folder, settings):
    settings.MAX_UPLOAD_BYTES = 1024**2
    (folder / "large.txt").write_text("word " * 300_000)
    said = refusal("parsers.parse_cv", str(folder / "cv1.txt"), str(folder / "large.txt"), str(folder / "empty.txt"))
    assert f"{folder}/large.txt: The file is larger than 1 MB" in said
    assert f"{folder}/empty.txt: The file is empty" in said
    assert "cv1.txt" not in said


def test_any_kind_refuses_what_is_too_large(folder, bind, settings):
    settings.MAX_UPLOAD_BYTES = 1024**2
    (folder / "large.txt").write_text("word " * 300_000)
    small, large = str(folder / "cv1.txt"), str(folder / "large.txt")
    assert "The file is larger than 1 MB" in refusal(bind, small, large, "--input", "title=A book")


def test_two_files_of_different_meaning_are_named_by_their_fields(folder, compare):
    old, new = str(folder / "cv1.txt"), str(folder / "cv2.txt")
    assert f"--input old=@{old}" in refusal(compare, old, new)
    call_command("submit", compare, "--input", f"old=@{old}", f"new=@{new}")
    job = Job.objects.get()
    names = {str(file.pk): file.name for file in job.files.all()}
    assert (names[job.input["old"]], names[job.input["new"]]) == ("cv1.txt", "cv2.txt")


def test_the_same_key_and_file_again_are_the_same_job(folder, capsys):
    for files in (["cv1.txt"], ["cv1.txt", "cv2.txt"], ["cv2.txt", "cv1.txt"]):
        paths = [str(folder / name) for name in files]
        call_command("submit", "parsers.parse_cv", *paths, "--idempotency-key", "nightly", "--format", "json")
    accepted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["file"], one["replayed"]) for one in accepted] == [
        ("cv1.txt", False), ("cv1.txt", True), ("cv2.txt", False), ("cv2.txt", True), ("cv1.txt", True),
    ]  # fmt: skip
    assert Job.objects.count() == JobFile.objects.count() == 2


def test_fields_come_from_a_json_file_and_single_ones_win(folder):
    (folder / "fields.json").write_text('{"act": "sleep", "seconds": 3, "value": 1}')
    call_command("submit", "workload.act_out", "--json", f"@{folder}/fields.json", "--input", "value=2")
    assert Job.objects.get().input == {"act": "sleep", "seconds": 3.0, "until_attempt": 0, "value": 2}


def test_a_name_that_would_move_the_cursor_is_printed_without_its_power(folder, capsys):
    path = folder / "cv\x1b[2J.txt"
    path.write_text(CV)
    call_command("submit", "parsers.parse_cv", str(path))
    assert "\x1b" not in capsys.readouterr().out
