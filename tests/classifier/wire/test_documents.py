"""One document at a time: /upload, /classify, /documents."""

from __future__ import annotations

import threading

import pytest

from classifier import views
from jobs import lifecycle
from jobs.models import Job, Receipt
from tests.classifier.conftest import CLASSIFICATION, begin, fail, finish, text_file


@pytest.fixture
def doc_id(api):
    answer = api.post("/upload", {"file": text_file()}, format="multipart")
    assert answer.status_code == 202
    return answer.json()["doc_id"]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(views, "LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(views, "STOP_SECONDS", 0.05)


def test_an_upload_goes_ahead_of_every_batch(api, batch):
    batch(2, priority=9)
    body = api.post("/upload", {"file": text_file("a.txt")}, format="multipart").json()
    assert (body["filename"], body["status"]) == ("a.txt", "pending")
    job = Job.objects.get(pk=body["doc_id"])
    assert (job.priority, job.queue_position, job.parent_id) == (10, 1, None)


@pytest.mark.parametrize(
    ("content", "code", "status"), [(b"", "empty_file", 400), (b"MZ\x90\x00" + bytes(99), "unsupported_type", 415)]
)
def test_a_bad_upload_is_refused_at_the_door(api, content, code, status):
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = api.post("/upload", {"file": SimpleUploadedFile("a.bin", content)}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert api.post("/upload", {}, format="multipart").json()["errors"][0]["field"] == "file"
    assert not Job.objects.exists()


def test_a_classified_document_answers_with_its_classification(api, doc_id):
    finish(doc_id)
    body = api.post(f"/classify/{doc_id}").json()
    assert {key: body[key] for key in CLASSIFICATION} == CLASSIFICATION
    assert (body["doc_id"], body["filename"], body["status"]) == (doc_id, "note.txt", "completed")
    assert api.get(f"/documents/{doc_id}").json()["classification"] == CLASSIFICATION


def test_a_document_that_takes_long_answers_504_with_its_id_and_goes_on(api, doc_id, impatient):
    answer = api.post(f"/classify/{doc_id}")
    assert (answer.status_code, answer.json()["code"], answer.json()["doc_id"]) == (504, "still_processing", doc_id)
    seen = api.get(f"/documents/{doc_id}")
    assert (seen.json()["status"], seen.json()["classification"], seen["Retry-After"]) == ("pending", None, "1")


def test_a_document_that_cannot_be_read_answers_422_and_is_read_again_when_asked_again(api, doc_id, impatient):
    fail(doc_id)
    first = api.get(f"/documents/{doc_id}").json()
    assert (first["status"], first["error_code"]) == ("failed", "corrupt_file")
    assert api.post(f"/classify/{doc_id}").status_code == 504  # it runs again, and nobody works here
    assert Job.objects.get(pk=doc_id).state == "queued"
    finish(doc_id)
    assert api.post(f"/classify/{doc_id}").json()["final_category"] == "Confidential"


def test_a_document_that_fails_while_somebody_waits_answers_422(api, doc_id, any_failure):
    answer = api.post(f"/classify/{doc_id}")
    assert (answer.status_code, answer.json()["code"]) == (422, "corrupt_file")
    assert answer.json()["detail"] == "The file is damaged and cannot be read."


@pytest.fixture
def any_failure(monkeypatch):
    """While the request waits, the document fails."""

    def wait(job, seconds):
        fail(job.pk)
        job.refresh_from_db()
        return job

    monkeypatch.setattr(views, "wait_for_end", wait)


def test_a_cancelled_document_is_classified_when_somebody_asks(api, doc_id, impatient):
    lifecycle.cancel(Job.objects.get(pk=doc_id).pk)
    seen = api.get(f"/documents/{doc_id}").json()
    assert (seen["status"], seen["error"], seen["error_code"]) == ("failed", "cancelled", "cancelled")
    assert api.post(f"/classify/{doc_id}").status_code == 504
    assert Job.objects.get(pk=doc_id).state == "queued"


def test_asking_for_a_failed_document_of_a_batch_wakes_the_batch(api, batch, impatient):
    from tests.classifier.conftest import sum_up

    (document,) = batch(1)["documents"]
    fail(document["doc_id"], "internal_error")
    parent = Job.objects.get(pk=document["doc_id"]).parent
    sum_up(parent.pk)
    assert api.post(f"/classify/{document['doc_id']}").status_code == 504
    assert api.get(f"/status/{parent.pk}").json()["status"] == "processing"
    finish(document["doc_id"])
    assert sum_up(parent.pk).result["failed"] == 0


def test_a_running_document_is_stopped_and_then_deleted(api, doc_id, monkeypatch):
    running = begin(doc_id)

    def stop(job, seconds):
        assert Job.objects.get(pk=doc_id).cancel_requested_at is not None
        return lifecycle.acknowledge_cancel(running)

    monkeypatch.setattr(views, "wait_for_end", stop)
    assert api.delete(f"/documents/{doc_id}").status_code == 200
    assert Receipt.objects.filter(pk=doc_id).exists()
    assert not Job.objects.exists()


def test_a_document_that_does_not_stop_at_once_is_not_deleted_under_its_worker(api, doc_id, impatient):
    begin(doc_id)
    answer = api.delete(f"/documents/{doc_id}")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "still_stopping", "1")
    assert Job.objects.filter(pk=doc_id).exists()


def test_two_who_ask_for_one_failed_document_make_it_run_once(api, any_database, doc_id, impatient):
    fail(doc_id)
    barrier = threading.Barrier(2)

    def ask():
        from django.db import connection

        try:
            barrier.wait()
            assert api.post(f"/classify/{doc_id}").status_code == 504
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job = Job.objects.get(pk=doc_id)
    assert list(job.events.values_list("type", flat=True)).count("requeued") == 1


def test_a_document_whose_file_has_expired_fails_with_what_to_do(api, doc_id):
    from jobs import files
    from jobs.errors import InvalidInput
    from jobs.kinds import registry
    from jobs.running import RunningJob

    files.discard(Job.objects.get(pk=doc_id).files.all())
    running = begin(doc_id)
    with pytest.raises(InvalidInput, match="expired") as caught:
        registry.get(running.kind).run(RunningJob(running), **running.input)
    assert caught.value.code == "file_expired"
    assert api.get(f"/documents/{doc_id}").json()["filename"] is None
