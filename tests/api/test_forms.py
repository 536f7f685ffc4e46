"""A form arrives whole or not at all: no part is lost, whatever wrote it and wherever it broke off."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.test import Client

from jobs import batches
from jobs.api import forms
from jobs.api.uploads import FewFiles
from jobs.files import safe_name
from jobs.models import Job, JobFile
from tests.api.conftest import KIND

# The address and the kinds of a batch.
from tests.api.test_batches import kinds, part, post_raw, stored_files, urlpatterns  # noqa: F401

pytestmark = pytest.mark.urls("tests.api.test_batches")

JOBS = "/api/v1/jobs/"


def named(filename: bytes, content: bytes = b"picture", field: bytes = b"files") -> bytes:
    """A part whose file name is of these bytes."""
    return b'--B\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n' % (field, filename, content)


def post_job(client: Any, *parts: bytes, end: bytes = b"--B--\r\n") -> Any:
    body = part("kind", None, KIND.encode()) + b"".join(parts) + end
    return client.generic("POST", JOBS, body, content_type="multipart/form-data; boundary=B")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("özet-şubat.txt".encode(), "özet-şubat.txt"),
        ("özet-şubat.txt".encode("iso-8859-9"), "özet-şubat.txt"),
        ("İĞÜŞ “ek”.txt".replace("“ek”", "‘ek’").encode("cp1254"), "İĞÜŞ _ek_.txt"),
        (b"a\x8d\x81\xe9.txt", "aé.txt"),
        ("報告.txt".encode("shift-jis"), None),
        (b"\xff\xfe", None),
    ],
)
def test_a_file_whose_name_is_not_utf8_is_kept_under_a_name_that_can_be_read(api, sent, kept):
    answer = post_raw(api, named(b"first.txt"), named(sent), named(b"last.txt"))
    assert answer.status_code == 202, answer.content
    names = [member.name for member in batches.members(answer.json()["id"])]
    assert (names[0], names[2]) == ("first.txt", "last.txt")
    assert names[1] == kept if kept else names[1]
    assert len(stored_files()) == 3


def test_an_address_for_one_file_keeps_it_as_well(api):
    answer = post_job(api, named("şubat.txt".encode("iso-8859-9"), field=b"film"))
    assert answer.status_code == 202, answer.content
    assert JobFile.objects.get().name == "şubat.txt"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b'Content-Disposition: form-data; filename="a.txt"',
        b'Content-Disposition: form-data; name=" "; filename="a.txt"',
        b"Content-Disposition: form-data; name=\"files\"; filename*=klingon''a.txt",
        b'Content-Disposition: form-data; name="files"; filename="--B.txt"',
        b'Content-Disposition: form-data; name="files"; filename="%s.txt"' % (b"x" * 1100),
        b'Content-Disposition: form-data; name="files"; filename="%s.txt"' % (b"\xfe" * 600),
    ],
)
def test_a_part_that_cannot_be_kept_is_named_and_nothing_of_the_request_stays(api, headers):
    answer = post_raw(api, named(b"first.txt"), b"--B\r\n" + headers + b"\r\n\r\npicture\r\n", named(b"last.txt"))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_part")
    assert answer.json()["detail"].startswith("Part 2 of the form cannot be read: ")
    assert not Job.objects.exists()
    assert stored_files() == []


@pytest.mark.parametrize("post", [post_raw, post_job])
def test_a_body_that_breaks_off_anywhere_is_refused_and_nothing_of_it_stays(api, post):
    field = b"files" if post is post_raw else b"film"
    whole = named(b"first.txt") if post is post_raw else b""
    last = named(b"last.txt", field=field) + b"--B--"
    for length in range(len(last)):
        answer = post(api, whole, last[:length], end=b"")
        assert (answer.status_code, answer.json()["code"]) == (400, "truncated_body"), last[:length]
    assert not Job.objects.exists()
    assert not JobFile.objects.exists()
    assert post(api, whole, last, end=b"").status_code == 202


def test_a_page_says_400_to_a_form_that_breaks_off(ada):
    browser = Client(raise_request_exception=False)
    answer = browser.generic("POST", "/login/", named(b"a"), content_type="multipart/form-data; boundary=B")
    assert answer.status_code == 400


def test_what_stands_around_a_form_is_not_part_of_it(api):
    answer = post_raw(api, b"A preamble\r\n", named(b"a.txt"), end=b"--B--\r\nAn epilogue -- of two\r\n\r\nlines")
    assert answer.status_code == 202
    assert [member.name for member in batches.members(answer.json()["id"])] == ["a.txt"]


@pytest.mark.parametrize("field", ["film", "rolls"])
def test_two_files_for_one_are_refused_and_many_for_many_are_kept(api, field):
    answer = post_job(api, *[named(name, field=field.encode()) for name in (b"a.png", b"b.png")])
    if field == "rolls":
        assert answer.status_code == 202
        assert JobFile.objects.count() == 2
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
        assert answer.json()["detail"] == "There are 2 files in `film`, which takes one. Send one file."
        assert not JobFile.objects.exists()


def test_a_long_extension_does_not_cost_a_file_its_name(api):
    answer = post_raw(api, named(b"x" * 120 + b"." + b"e" * 300))
    assert [member.name for member in batches.members(answer.json()["id"])] == ["x" * 120]


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("😀.txt", "file.txt"),
        ("😀 🎉.pdf", "file.pdf"),
        ("_.txt", "file.txt"),
        ("😀", "file"),
        ("a 😀.txt", "a _.txt"),
        ("._özet.txt", "özet.txt"),
        (".profile", "profile"),
        ("x" * 120 + "." + "e" * 300, "x" * 120),
        ("gnp.\u202eexe\n", "gnp.exe"),
        ("a.txt. _", "a.txt"),
        ("...", "file"),
    ],
)
def test_a_name_keeps_its_extension_or_else_its_stem(sent, safe):
    assert safe_name(sent) == safe


# --- the bytes --------------------------------------------------------------------------------------------------------


class Dribble(io.BytesIO):
    """A network that brings a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most)


@pytest.mark.parametrize("most", [1, 2, 7, 1023, 1024, 65536])
@pytest.mark.parametrize("handler", [MemoryFileUploadHandler, TemporaryFileUploadHandler])
def test_every_byte_arrives_however_the_network_cuts_them(most, handler, rf):
    contents = [b"", b"\r\n", b"--", b"\r\n--", b"-B-", b"\r\n\r\n--\r\nB", bytes(range(256)) * 12, b"x" * 3000]
    body = b"".join(named(b"%d" % n, content) for n, content in enumerate(contents)) + b"--B--\r\n"
    request = rf.generic("POST", "/", body, content_type="multipart/form-data; boundary=B")
    request.upload_handlers = [FewFiles(request), handler(request)]
    _, files = forms.read_form(Dribble(body, most), request.META, b"B", [handler(request)], None)
    for received in (files, request.FILES):
        assert [file.read() for file in received.getlist("files")] == contents
        for file in received.getlist("files"):
            file.close()
