"""Many files in one request: a parent job, a child for each file, and clear words for every way to send too little or
too much."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from jobs import batches, lifecycle
from jobs.api.batches import accept_batch
from jobs.api.submissions import accepted_response
from jobs.api.uploads import BatchView, SpoolHandler
from jobs.errors import InvalidInput
from jobs.kinds import job_kind, registry
from jobs.models import Job, JobFile
from jobs.running import RunningJob
from jobs.states import State
from tests.api.conftest import claim, client_of

pytestmark = pytest.mark.urls(__name__)

ALBUM, PICTURE = "darkroom.bind_album", "darkroom.enlarge_picture"


class AlbumInput(serializers.Serializer):
    title = serializers.CharField(max_length=20, default="untitled")


class PictureInput(serializers.Serializer):
    file = serializers.FileField()
    scale = serializers.IntegerField(min_value=1, default=2)

    def validate(self, attrs: Any) -> Any:
        if attrs["scale"] == 13:
            raise serializers.ValidationError({"scale": "Not that one."})
        return attrs

    def validate_file(self, file: Any) -> Any:
        if file.read(3) == b"BAD":
            raise InvalidInput("This is no picture. Send one.", code="unsupported_type")
        file.media_type = "image/x-picture"
        return file


class Albums(BatchView):
    def post(self, request: Any) -> Response:
        child_data = {"scale": request.data["scale"]} if "scale" in request.data else {}
        timeout = timedelta(minutes=5) if "timeout" in request.data else None
        job = accept_batch(
            request,
            parent_kind=ALBUM,
            parent_data={"title": request.data.get("title", "untitled")},
            child_kind=PICTURE,
            child_data=child_data,
            uploads=self.uploads(request, "files"),
            priority=7,
            user_id=request.data.get("user_id", ""),
            session_id="s1",
            timeout=timeout,
        )
        return accepted_response(job)


urlpatterns = [path("albums", Albums.as_view()), path("", include("config.urls"))]


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    @job_kind(ALBUM, input=AlbumInput, queue="darkroom")
    def bind_album(job: RunningJob, *, title: str) -> dict[str, Any]:
        """Bind an album."""
        return {}

    @job_kind(PICTURE, input=PictureInput, queue="darkroom")
    def enlarge_picture(job: RunningJob, *, file: str, scale: int) -> dict[str, Any]:
        """Enlarge a picture."""
        with job.open(file) as picture:
            return {"bytes": len(picture.read()), "scale": scale}

    yield
    registry.remove(ALBUM)
    registry.remove(PICTURE)


def picture(name: str = "a.png", content: bytes = b"picture") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def send(client: Any, *files: Any, **fields: Any) -> Any:
    headers = {"HTTP_IDEMPOTENCY_KEY": fields.pop("key")} if "key" in fields else {}
    return client.post("/albums", {"files": list(files), **fields}, format="multipart", **headers)


def run(job: Job) -> Any:
    return registry.get(job.kind).run(RunningJob(job), **job.input)


def stored_files() -> list[str]:
    return default_storage.listdir("jobs")[1] if default_storage.exists("jobs") else []


def test_a_batch_has_a_child_for_each_file_in_their_order_and_each_has_its_file(api, ada):
    response = send(api, *(picture(f"{n}.png", b"x" * n) for n in range(1, 31)), user_id="u1", scale=3)
    assert response.status_code == 202
    parent = Job.objects.get(pk=response.json()["id"])
    assert (parent.kind, parent.state, parent.owner, parent.priority, parent.user_id) == (
        ALBUM,
        "pending",
        ada,
        7,
        "u1",
    )
    assert [member.name for member in batches.members(parent.pk)] == [f"{n}.png" for n in range(1, 31)]
    children = list(parent.children.order_by("id"))
    assert {(job.state, job.owner_id, job.priority, job.session_id) for job in children} == {
        ("queued", ada.pk, 7, "s1")
    }
    assert [job.queue_position for job in children] == list(range(1, 31))
    for n, job in enumerate(children, 1):
        file = job.files.get()
        assert job.input == {"file": str(file.pk), "scale": 3}
        assert (file.role, file.size, file.media_type, file.expires_at) == (
            "input",
            n,
            "image/x-picture",
            job.expires_at,
        )
        assert run(job) == {"bytes": n, "scale": 3}


def test_a_file_that_is_refused_is_a_failed_child_with_its_name_and_the_others_go_on(api, settings):
    settings.MAX_UPLOAD_BYTES = 100
    files = [picture("good.png"), picture("bad.png", b"BAD"), picture("empty.png", b""), picture("big.png", b"x" * 101)]
    body = send(api, *files).json()
    parent = Job.objects.get(pk=body["id"])
    assert body["children"] == {"total": 4, "ended": 3, "succeeded": 0, "failed": 3}
    members = batches.members(parent.pk)
    assert [(member.name, member.state, member.error_code) for member in members] == [
        ("good.png", "queued", ""),
        ("bad.png", "failed", "unsupported_type"),
        ("empty.png", "failed", "empty"),
        ("big.png", "failed", "file_too_large"),
    ]
    assert members[1].error_message == "This is no picture. Send one."
    assert len(stored_files()) == 1, "what is refused is not kept"
    assert JobFile.objects.filter(job__parent=parent, role="input").count() == 4
    refused = Job.objects.get(pk=members[1].id)
    assert list(refused.events.order_by("seq").values_list("type", "state")) == [
        ("created", "pending"),
        ("failed", "failed"),
    ]
    lifecycle.succeed(claim(), {})
    parent.refresh_from_db()
    assert parent.state == State.QUEUED


def test_a_batch_of_nothing_but_refused_files_sums_up_at_once(api):
    body = send(api, picture("bad.png", b"BAD")).json()
    assert Job.objects.get(pk=body["id"]).state == State.QUEUED


def test_a_refused_file_is_not_run_again_and_keeps_its_reason(api, ada):
    parent = Job.objects.get(pk=send(api, picture("bad.png", b"BAD"), picture("good.png"), scale=5).json()["id"])
    lifecycle.fail(claim(), InvalidInput("The picture is blank."))
    lifecycle.succeed(claim(), {})
    assert lifecycle.requeue(parent.pk).state == State.PENDING
    refused, good = parent.children.order_by("id")
    assert (refused.state, refused.error_code, good.state) == ("failed", "unsupported_type", "queued")
    answer = api.post(f"/api/v1/jobs/{refused.pk}/retry/")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_retryable")
    lifecycle.succeed(claim(), {})
    lifecycle.succeed(claim(), {})
    assert lifecycle.requeue(parent.pk) is None


def test_a_kind_that_reads_a_refused_file_hears_that_it_must_be_sent_again(api):
    send(api, picture("bad.png", b"BAD"), scale=5)
    child = Job.objects.get(kind=PICTURE)
    assert child.input["scale"] == 5
    with pytest.raises(InvalidInput, match="Send it again") as caught:
        run(child)
    assert caught.value.code == "file_not_kept"
    with pytest.raises(InvalidInput), RunningJob(child).local_path(child.input["file"]):
        pass


def test_the_download_of_a_refused_file_says_why_there_is_nothing(api):
    parent = send(api, picture("bad.png", b"BAD")).json()
    child = Job.objects.get(parent=parent["id"])
    shown = api.get(f"/api/v1/jobs/{child.pk}/").json()["files"][0]
    answer = api.get(f"/api/v1/jobs/{child.pk}/files/{shown['id']}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_kept")
    assert (shown["name"], shown["url"]) == ("bad.png", None)


def test_what_is_wrong_with_the_fields_is_wrong_for_all(api):
    answer = send(api, picture(), scale=0)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "scale")
    answer = send(api, picture("bad.png", b"BAD"), picture(), scale=13)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "scale")
    answer = send(api, picture(), title="x" * 21)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "title")
    assert not Job.objects.exists()
    assert stored_files() == []


def test_two_files_of_the_same_name_are_two_documents(api):
    parent = send(api, picture("a.png", b"one"), picture("a.png", b"three")).json()
    jobs = list(Job.objects.filter(parent=parent["id"]).order_by("id"))
    assert [run(job)["bytes"] for job in jobs] == [3, 5]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\\\Users\\\\ada\\\\a.png", "a.png"),
        ("a\x00b.png", "ab.png"),
        ("gnp.\u202eexe", "gnp.exe"),
        ("..", "file"),
        ("\x01", "file"),
        ("özgeçmiş.png", "özgeçmiş.png"),
    ],
)
def test_names_are_made_safe(api, sent, kept):
    response = post_raw(api, part("files", sent, b"picture"))
    assert response.status_code == 202, response.content
    assert [member.name for member in batches.members(response.json()["id"])] == [kept]


# --- too little, too much ---------------------------------------------------------------------------------------------


def part(field: str, filename: str | None, content: bytes) -> bytes:
    name = "" if filename is None else f'; filename="{filename}"'
    return f'--B\r\nContent-Disposition: form-data; name="{field}"{name}\r\n\r\n'.encode() + content + b"\r\n"


def post_raw(client: Any, *parts: bytes, end: bytes = b"--B--\r\n", content_type: str = "") -> Any:
    return client.generic(
        "POST", "/albums", b"".join(parts) + end, content_type=content_type or "multipart/form-data; boundary=B"
    )


@pytest.mark.parametrize(
    ("parts", "code", "says"),
    [
        ([], "empty_batch", "no file in `files`"),
        ([part("files", "", b"")], "empty_batch", "no file in `files`"),
        ([part("file", "a.png", b"x")], "empty_batch", "came as file, but this address reads `files`"),
        ([part("files", None, b"x")], "not_a_file", "each part needs a filename"),
        ([part("files", "a.png", b"x"), part("files", "", b"x")], "not_a_file", "each part needs a filename"),
    ],
)
def test_an_empty_batch_is_refused_with_what_to_do(api, parts, code, says):
    answer = post_raw(api, *parts)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert says in answer.json()["detail"]


def test_field_names_come_back_without_signs_that_turn_a_sentence_round(api):
    detail = post_raw(api, part("fi\u202ele\x07\u2069", "a.png", b"x")).json()["detail"]
    assert detail == "The files came as file, but this address reads `files`. Rename the field."


def test_files_of_another_field_are_not_left_out_of_a_batch(api):
    answer = post_raw(api, part("files", "a.png", b"x"), part("file", "b.png", b"x"))
    assert (answer.status_code, answer.json()["code"]) == (400, "unexpected_files")
    assert "Some files came as file" in answer.json()["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_that_is_no_form_with_files_hears_what_to_send(api, content_type):
    answer = post_raw(api, b"{}", content_type=content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "multipart/form-data with the files in the field `files`" in answer.json()["detail"]


def test_a_form_with_too_many_fields_hears_that_they_are_too_many(api):
    fields = [part(f"f{n}", None, b"x") for n in range(1_100)]
    answer = post_raw(api, *fields, part("files", "a.png", b"x"))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_fields")
    assert "more than 1,000 fields" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", "application/json"])
def test_a_body_of_another_type_is_no_error_of_ours(api, content_type):
    assert post_raw(api, part("files", "a.png", b"x"), content_type=content_type).status_code in (400, 415)


def test_one_file_too_many_is_told_what_to_do(api, settings):
    settings.MAX_BATCH_FILES = 3
    answer = send(api, *(picture(f"{n}.png") for n in range(4)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_files")
    assert "at most 3 files" in answer.json()["detail"]
    assert not Job.objects.exists()


def test_ten_thousand_and_one_files_get_a_clean_answer_and_hold_one_descriptor(api, monkeypatch):
    before = len(os.listdir("/proc/self/fd"))
    most = 0
    new_file = SpoolHandler.new_file

    def count(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd"))) if self._count % 1000 == 0 else most
        new_file(self, *args, **kwargs)

    monkeypatch.setattr(SpoolHandler, "new_file", count)
    answer = post_raw(api, *[part("files", f"{n}.txt", b"x" * 200) for n in range(10_001)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_files")
    assert "10,000" in answer.json()["detail"]
    assert most <= before + 3
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize("told", [True, False])
def test_more_bytes_than_a_batch_may_have_are_refused(api, settings, monkeypatch, told):
    settings.MAX_BATCH_BYTES = 1000
    monkeypatch.setattr("jobs.api.uploads.ROOM_FOR_HEADERS", 0 if told else 10_000)
    answer = send(api, picture("a.png", b"x" * 600), picture("b.png", b"x" * 600))
    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    assert not Job.objects.exists()


def test_who_is_not_known_is_refused_before_the_body_is_read(client, monkeypatch):
    monkeypatch.setattr(SpoolHandler, "handle_raw_input", lambda *_, **__: pytest.fail("the body was read"))
    assert send_plain(client, picture()).status_code == 401


def send_plain(client: Client, *files: Any, **headers: Any) -> Any:
    return client.post("/albums", {"files": list(files)}, **headers)


def test_a_signed_in_browser_sends_a_batch_with_its_csrf_token_and_none_without(ada):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    assert send_plain(browser, picture()).status_code == 403
    token = browser.cookies["csrftoken"] = "a" * 32
    assert send_plain(browser, picture(), headers={"X-CSRFToken": token}).status_code == 202
    assert JobFile.objects.get().size == len(b"picture")


def test_an_address_for_single_files_still_takes_few(api):
    body = b"".join(part("film", f"{n}.png", b"x") for n in range(101))
    answer = api.generic("POST", "/api/v1/jobs/", body + b"--B--\r\n", content_type="multipart/form-data; boundary=B")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_files")


# --- once, or not at all ----------------------------------------------------------------------------------------------


def test_the_same_key_and_files_are_one_batch_and_other_files_are_refused(api):
    first = send(api, picture("a.png", b"1"), picture("bad.png", b"BAD"), key="k")
    again = send(api, picture("a.png", b"1"), picture("bad.png", b"BAD"), key="k")
    assert again.json()["id"] == first.json()["id"]
    assert again["Idempotent-Replayed"] == "true"
    assert Job.objects.count() == 3
    assert (JobFile.objects.count(), len(stored_files())) == (2, 1)
    assert send(api, picture("a.png", b"2"), picture("bad.png", b"BAD"), key="k").status_code == 422
    assert send(api, picture("a.png", b"1"), picture("bad.png", b"BAD2"), key="k").status_code == 422
    assert send(api, picture("a.png", b"1"), key="k").status_code == 422
    assert (JobFile.objects.count(), len(stored_files())) == (2, 1)


def test_nothing_stays_when_the_storage_fails_midway(api, monkeypatch):
    save = type(default_storage._wrapped).save if hasattr(default_storage, "_wrapped") else type(default_storage).save
    count = 0

    def failing(self: Any, name: str, content: Any, *args: Any, **kwargs: Any) -> str:
        nonlocal count
        count += 1
        if count == 150:
            raise OSError("disk full")
        return save(self, name, content, *args, **kwargs)

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage.save", failing)
    api.raise_request_exception = False
    assert send(api, *(picture(f"{n}.png") for n in range(200))).status_code == 500
    assert stored_files() == []
    assert not JobFile.objects.exists()
    assert not Job.objects.exists()


def test_nothing_stays_when_the_batch_cannot_be_submitted(api, monkeypatch):
    monkeypatch.setattr("jobs.submission._record", lambda jobs: 1 / 0)
    api.raise_request_exception = False
    assert send(api, picture(), picture()).status_code == 500
    assert stored_files() == []
    assert not JobFile.objects.exists()


def test_a_timeout_is_a_deadline_for_the_batch_and_its_children(api):
    parent = Job.objects.get(pk=send(api, picture(), timeout="yes").json()["id"])
    for deadline_at in (parent.deadline_at, *parent.children.values_list("deadline_at", flat=True)):
        assert deadline_at is not None
        assert timedelta(minutes=4) < deadline_at - timezone.now() < timedelta(minutes=6)


def test_a_list_of_jobs_can_be_narrowed_to_one_batch(api, bob):
    parent = send(api, picture(), picture()).json()["id"]
    send(api, picture())
    found = api.get("/api/v1/jobs/", {"parent": parent}).json()["results"]
    assert {job["parent"] for job in found} == {parent}
    assert len(found) == 2
    assert client_of(bob).get("/api/v1/jobs/", {"parent": parent}).json()["results"] == []
    assert api.get("/api/v1/jobs/", {"parent": "x"}).status_code == 400


# --- one slice of the spool -------------------------------------------------------------------------------------------


def test_an_upload_reads_like_a_file_and_knows_nothing_of_its_neighbours(rf):
    request = rf.post(
        "/", {"files": [picture("a", b"first"), picture("b", b""), picture("c", bytes(range(256)) * 900)]}
    )
    request.upload_handlers = [SpoolHandler(request)]
    first, empty, last = request.FILES.getlist("files")
    assert (first.size, empty.size, last.size) == (5, 0, 230_400)
    assert first.read() == b"first"
    assert first.read() == b""
    assert first.seek(-2, io.SEEK_END) == 3
    assert (first.read(9), first.tell()) == (b"st", 5)
    assert empty.read() == b""
    assert b"".join(last.chunks()) == bytes(range(256)) * 900
    first.seek(0)
    assert (last.read(2), first.read(2)) == (b"", b"fi")
    assert io.BufferedReader(first.file).read() == b"rst"
    last.close()
    with pytest.raises(ValueError, match="closed"):
        last.read()
    empty.close()
