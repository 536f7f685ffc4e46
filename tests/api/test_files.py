"""/api/v1/files/: a file is sent before its job, and one job takes it."""

from __future__ import annotations

import errno
import hashlib
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import files, lifecycle, retention
from jobs.errors import StorageAway, Unavailable
from jobs.models import Job, JobFile
from jobs.running import RunningJob
from tests.api.conftest import KIND, claim, client_of, finish, make_job
from tests.harness.threads import run_together

PATH = "/api/v1/files/"


def send(api: APIClient, content: bytes = b"negative", name: str = "film.raw") -> Any:
    return api.post(PATH, {"file": SimpleUploadedFile(name, content)}, format="multipart")


def sent(api: APIClient, *args: Any) -> str:
    return send(api, *args).json()["id"]


def submit(api: APIClient, key: str = "", **data: Any) -> Any:
    more = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return api.post("/api/v1/jobs/", {"kind": KIND, "input": data}, format="json", **more)


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(default_storage, "save", save)


# --- a full disk --------------------------------------------------------------------------------------------------
def test_a_file_that_a_full_disk_does_not_take_is_to_be_sent_again(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full)
        response = send(api)
        assert (response.status_code, response.json()["code"]) == (503, "storage_full")
    assert not JobFile.objects.exists()
    assert send(api).status_code == 201


def test_an_output_that_a_full_disk_does_not_take_is_not_called_our_bug(
    ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(ada)
    running = RunningJob(claim())
    fill_the_disk(monkeypatch)
    with pytest.raises(Unavailable) as raised:  # which is tried again
        running.save_file("print.png", b"positive", "image/png")
    assert raised.value.code == "storage_full"
    assert running.saves == []


def test_an_input_that_this_host_cannot_see_is_tried_again_and_not_called_our_bug(ada: Any) -> None:
    job = make_job(ada)
    stored = files.store(
        ContentFile(b"negative"), name="film.raw", media_type="image/x-raw", role=JobFile.Role.INPUT, job_id=job.pk
    )
    JobFile.objects.filter(pk=stored.pk).update(job=job)
    default_storage.delete(str(stored.file))
    running = RunningJob(claim())
    with pytest.raises(StorageAway):
        running.open(str(stored.pk))
    with pytest.raises(StorageAway), running.local_path(str(stored.pk)):
        pass


# --- send ---------------------------------------------------------------------------------------------------------
def test_a_file_is_kept_for_a_day_and_described(api: APIClient, ada: Any) -> None:
    response = send(api, name="../kötü film.raw")
    assert response.status_code == 201
    answer = response.json()
    assert response["Location"] == answer["links"]["self"]
    assert (answer["name"], answer["size"], answer["job"], answer["role"]) == ("kötü film.raw", 8, None, "input")
    assert answer["sha256"] == hashlib.sha256(b"negative").hexdigest()
    file = JobFile.objects.get()
    assert timedelta(hours=23) < file.expires_at - timezone.now() < timedelta(hours=25)
    assert file.owner == ada
    assert api.get(answer["links"]["self"]).json() == answer
    download: Any = api.get(answer["links"]["content"], HTTP_ACCEPT="image/png")
    assert b"".join(download.streaming_content) == b"negative"
    assert download["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "invalid_input"),
        ({"file": "text"}, 400, "invalid_input"),
        ({"flie": SimpleUploadedFile("a", b"1")}, 400, "invalid_input"),
        ({"file": [SimpleUploadedFile("a", b"1"), SimpleUploadedFile("b", b"1")]}, 400, "too_many_files"),
        ({"file": SimpleUploadedFile("a", b"x" * 11)}, 413, "file_too_large"),
    ],
)
def test_what_is_no_file_or_too_large_is_refused_and_leaves_nothing(
    api: APIClient, settings: Any, form: Any, status: int, code: str
) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    response = api.post(PATH, form, format="multipart")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not JobFile.objects.exists()


def test_json_is_no_way_to_send_a_file(api: APIClient) -> None:
    assert api.post(PATH, {"file": "x"}, format="json").status_code == 415
    assert send(APIClient()).status_code == 401


def test_files_that_wait_for_a_job_have_a_limit_and_taken_ones_do_not_count(api: APIClient, settings: Any) -> None:
    settings.MAX_BATCH_FILES = 2
    first = sent(api)
    sent(api)
    refused = send(api)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_many_files")
    assert submit(api, film=first).status_code == 202
    assert send(api).status_code == 201
    settings.MAX_BATCH_FILES, settings.MAX_BATCH_BYTES = 10, 20
    assert send(api, b"x" * 5).json()["code"] == "too_many_files"


# --- take ---------------------------------------------------------------------------------------------------------
def test_a_job_takes_files_by_id_and_its_serializer_looks_at_them(api: APIClient, ada: Any) -> None:
    film, rolls = sent(api), [sent(api, b"1", "1.raw"), sent(api, b"2", "2.raw")]
    response = submit(api, film=film, rolls=rolls)
    assert response.status_code == 202, response.json()
    job = Job.objects.get()
    assert (job.input["film"], job.input["rolls"]) == (film, rolls)
    file = job.files.get(pk=film)
    assert (file.media_type, file.expires_at, file.owner) == ("image/x-film", job.expires_at, ada)
    described = api.get(f"{PATH}{film}/").json()
    assert (described["job"], described["links"]["job"]) == (str(job.pk), f"/api/v1/jobs/{job.pk}/")
    wrong = submit(api, film=sent(api, b"MZ", "a.exe"))
    assert (wrong.status_code, wrong.json()["code"]) == (415, "unsupported_type")


def test_a_form_may_name_a_file_that_was_sent_before(api: APIClient) -> None:
    film = sent(api)
    response = api.post("/api/v1/jobs/", {"kind": KIND, "film": film}, format="multipart")
    assert response.status_code == 202, response.json()
    assert Job.objects.get().input["film"] == film


def test_a_file_of_others_or_none_is_not_found(api: APIClient, bob: Any) -> None:
    foreign = sent(client_of(bob))
    for id in (foreign, str(uuid.uuid4())):
        problem = submit(api, film=id).json()
        assert [(error["field"], error["code"]) for error in problem["errors"]] == [("input.film", "file_not_found")]
    assert submit(api, film="not-an-id").json()["errors"][0]["field"] == "input.film"
    late = sent(api)
    JobFile.objects.filter(pk=late).update(expires_at=timezone.now())
    assert submit(api, film=late).json()["errors"][0]["code"] == "file_not_found"
    gone = sent(api)
    default_storage.delete(JobFile.objects.get(pk=gone).file.name)
    reads = {"kind": "parsers.parse_cv", "input": {"file": gone}}
    assert api.post("/api/v1/jobs/", reads, format="json").json()["code"] == "file_not_found"
    assert not Job.objects.exists()


def test_a_file_has_one_job(api: APIClient) -> None:
    film = sent(api)
    assert submit(api, film=film).status_code == 202
    for refused in (submit(api, film=film), submit(api, rolls=[(twice := sent(api)), twice])):
        assert (refused.status_code, refused.json()["code"]) == (409, "file_taken")
    assert Job.objects.count() == 1


def test_of_two_jobs_at_the_same_moment_one_gets_the_file(any_database: str, ada: Any) -> None:
    clients = [client_of(ada) for _ in range(4)]
    film = sent(clients[0])
    answers = run_together([partial(submit, client, film=film) for client in clients])
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert JobFile.objects.get(pk=film).job == Job.objects.get()


def test_the_same_request_again_is_the_same_job_though_its_file_is_taken(api: APIClient) -> None:
    film = sent(api)
    first = submit(api, "k", film=film)
    assert submit(api, "k", film=film).json()["id"] == first.json()["id"]
    assert submit(api, "k", film=sent(api, b"another")).status_code == 422
    assert JobFile.objects.get(pk=film).job_id is not None


def test_many_jobs_take_their_files_and_none_does_when_one_is_taken(api: APIClient) -> None:
    ids = [sent(api, str(n).encode()) for n in range(3)]

    def bulk(*ids: str) -> Any:
        body = {"jobs": [{"kind": KIND, "input": {"film": id}} for id in ids]}
        return api.post("/api/v1/jobs/bulk/", body, format="json")

    twice = bulk(ids[0], ids[0])
    assert (twice.status_code, twice.json()["code"]) == (409, "file_taken")
    missing = bulk(ids[0], str(uuid.uuid4()))
    assert missing.json()["errors"][0]["field"] == "jobs.1.input.film"
    assert not JobFile.objects.filter(job__isnull=False).exists()
    assert bulk(*ids).status_code == 202
    assert set(Job.objects.values_list("input__film", flat=True)) == set(ids)


# --- look and delete ----------------------------------------------------------------------------------------------
def test_people_find_their_own_files_page_by_page(api: APIClient, ada: Any, bob: Any) -> None:
    sent(client_of(bob))
    ids = [sent(api, str(n).encode()) for n in range(3)]
    first = api.get(PATH, {"limit": 2}).json()
    assert [row["id"] for row in first["results"]] == ids[:0:-1]
    assert [row["id"] for row in api.get(first["next"]).json()["results"]] == ids[:1]
    submit(api, film=ids[1])
    assert [row["id"] for row in api.get(PATH, {"taken": "true"}).json()["results"]] == [ids[1]]
    job = Job.objects.get()
    assert [row["id"] for row in api.get(PATH, {"job": str(job.pk), "role": "input"}).json()["results"]] == [ids[1]]
    assert api.get(PATH, {"role": "output"}).json()["results"] == []
    assert client_of(bob).get(PATH, {"job": str(job.pk)}).status_code == 404
    assert api.get(PATH, {"role": "both"}).status_code == 400


def test_what_a_job_makes_belongs_to_its_owner(api: APIClient, ada: Any) -> None:
    make_job(ada)
    job = claim()
    made = files.store(
        SimpleUploadedFile("a.png", b"1"), name="a.png", media_type="image/png", role="output", job_id=job.pk
    )
    lifecycle.succeed(job, {}, [lambda: files.attach([made], job_id=job.pk, fence=job.fence)])
    assert [row["id"] for row in api.get(PATH, {"role": "output"}).json()["results"]] == [str(made.pk)]


def test_a_foreign_file_is_not_there_and_staff_see_those_of_jobs(api: APIClient, bob: Any, staff: Any) -> None:
    film = sent(api)
    other, desk = client_of(bob), client_of(staff)
    for tail in ("", "content/"):
        assert other.get(f"{PATH}{film}/{tail}").json()["code"] == "file_not_found"
        assert desk.get(f"{PATH}{film}/{tail}").status_code == 404
    assert other.delete(f"{PATH}{film}/").status_code == 404
    submit(api, film=film)
    assert desk.get(f"{PATH}{film}/").status_code == 200
    assert desk.delete(f"{PATH}{film}/").json()["code"] == "forbidden"


def test_a_file_is_deleted_until_a_job_has_it(api: APIClient) -> None:
    film = sent(api)
    path = JobFile.objects.get(pk=film).file.name
    assert api.delete(f"{PATH}{film}/").status_code == 204
    assert not default_storage.exists(path)
    assert api.get(f"{PATH}{film}/").status_code == 404
    taken = sent(api)
    submit(api, film=taken)
    refused = api.delete(f"{PATH}{taken}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "file_taken")


def test_a_file_that_no_job_took_is_deleted_after_a_day(api: APIClient, ada: Any) -> None:
    late, early = sent(api), sent(api)
    JobFile.objects.filter(pk=late).update(expires_at=timezone.now())
    finish(ada)
    assert retention.prune()["files"] == 1
    assert [str(pk) for pk in JobFile.objects.values_list("pk", flat=True)] == [early]
