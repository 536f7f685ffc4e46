"""Seed 003's addresses, with and without a slash at their end, and what they make of a form with several files."""

from __future__ import annotations

import uuid

import pytest

from classifier.urls import urlpatterns
from jobs.models import Job
from tests.classifier.conftest import finish, send, text_file


def test_every_address_takes_a_slash_at_its_end(api, batch):
    doc_id = batch(1)["documents"][0]["doc_id"]
    job_id = Job.objects.get(pk=doc_id).parent_id
    finish(doc_id)
    calls = {
        "classify-upload": ("post", "/upload/"),
        "classify": ("post", f"/classify/{doc_id}/"),
        "classify-document": ("get", f"/documents/{doc_id}/"),
        "classify-batch-upload": ("post", "/batch/upload/"),
        "classify-status": ("get", f"/status/{job_id}/"),
        "classify-batches": ("get", "/jobs/"),
        "classify-export": ("get", f"/jobs/{job_id}/export/"),
        "classify-retry": ("post", f"/retry/{job_id}/"),
        "classify-cancel": ("post", f"/cancel/{job_id}/"),
    }
    assert set(calls) == {pattern.name for pattern in urlpatterns}
    for method, address in calls.values():
        send_to = getattr(api, method)
        with_slash, without = (send_to(path).status_code for path in (address, address.rstrip("/")))
        assert with_slash == without, address
        assert with_slash not in (301, 302, 404, 405), address


@pytest.mark.parametrize("address", ["/jobs//", f"/status/{uuid.UUID(int=7)}//", "/upload/x", "/status/"])
def test_more_than_one_slash_or_a_part_too_many_is_not_found(api, address):
    assert api.get(address).status_code == 404


def test_a_page_of_batches_is_followed_at_the_address_that_was_asked(api, batch):
    batch(1)
    batch(1)
    assert api.get("/jobs/", {"limit": 1}).json()["next"].startswith("/jobs/?")
    assert api.get("/jobs", {"limit": 1}).json()["next"].startswith("/jobs?")


def test_two_files_at_the_address_for_one_are_refused(api):
    answer = api.post("/upload", {"file": [text_file("a.txt"), text_file("b.txt")]}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
    assert answer.json()["detail"].endswith("Send one file, or use /batch/upload.")
    assert not Job.objects.exists()


def test_a_file_named_by_an_old_windows_keeps_its_place_in_the_batch(api):
    head = b'--B\r\nContent-Disposition: form-data; name="files"; filename="'
    names = (b"a.txt", "özet-şubat.txt".encode("iso-8859-9"), b"c.txt")
    body = b"".join(head + name + b'"\r\n\r\nThe library opens at nine.\r\n' for name in names) + b"--B--\r\n"
    answer = api.generic("POST", "/batch/upload", body, content_type="multipart/form-data; boundary=B")
    assert (answer.status_code, answer.json()["total_files"]) == (202, 3)
    seen = api.get(f"/status/{answer.json()['job_id']}").json()
    assert [document["filename"] for document in seen["documents"]] == ["a.txt", "özet-şubat.txt", "c.txt"]


def test_a_turkish_client_hears_of_its_mistakes_in_one_language(api):
    answer = send(api, text_file(), priority="x")
    turkish = api.post("/upload", {}, format="multipart", HTTP_ACCEPT_LANGUAGE="tr")
    assert turkish.json()["detail"] == "The request is not valid. file: No file was submitted."
    assert answer.status_code == 400
