"""Batches as a client sees them, without a worker: the test plays it."""

from __future__ import annotations

import json

import pytest

from jobs import lifecycle
from jobs.api.serializers import utc
from jobs.models import Job, Receipt
from tests import samples
from tests.classifier.conftest import begin, client_of, fail, finish, send, sum_up, text_file

SEED_STATUS_KEYS = {
    "job_id", "status", "total_files", "completed", "failed", "progress", "created_at", "updated_at", "documents",
    "error",
}  # fmt: skip
SEED_DOCUMENT_KEYS = {"doc_id", "filename", "status", "progress", "error"}


def status(api, job_id):
    return api.get(f"/status/{job_id}").json()


def test_a_batch_is_answered_in_the_seeds_words_before_anything_is_done(api):
    answer = send(api, text_file("a.txt"), text_file("b.txt"))
    body = answer.json()
    assert answer.status_code == 202
    assert body == {
        "job_id": body["job_id"],
        "total_files": 2,
        "status": "pending",
        "message": "Batch upload initiated. Successfully queued 2 documents.",
    }
    seen = status(api, body["job_id"])
    assert set(seen) >= SEED_STATUS_KEYS
    assert all(set(document) >= SEED_DOCUMENT_KEYS for document in seen["documents"])
    assert [document["filename"] for document in seen["documents"]] == ["a.txt", "b.txt"]
    assert (seen["status"], seen["progress"], seen["error"]) == ("pending", 0, None)


def test_progress_is_the_average_of_the_documents_and_only_goes_up(api, batch):
    first, second, third = (document["doc_id"] for document in batch(3)["documents"])
    job_id = status(api, Job.objects.get(pk=first).parent_id)["job_id"]
    shown = []
    running = begin(first)
    for percent, stage in ((10, "started"), (30, "loaded"), (60, "checked"), (90, "classified")):
        running = lifecycle.progress(running, percent, stage)
        shown.append(status(api, job_id)["progress"])
    assert shown == [3.33, 10.0, 20.0, 30.0]
    running = lifecycle.retry_later(running, *_away())
    waiting = status(api, job_id)
    assert (waiting["progress"], waiting["status"]) == (30.0, "processing")
    assert waiting["documents"][0]["error"] is None  # it is tried again
    Job.objects.filter(pk=first).update(state="queued", run_after=None)
    assert lifecycle.progress(begin(first), 10, "started").progress == 90
    assert status(api, job_id)["progress"] == 30.0
    fail(second)
    assert status(api, job_id)["progress"] == 63.33  # an ended document is done, however it ended
    lifecycle.cancel(Job.objects.get(pk=third).pk)
    assert status(api, job_id)["progress"] == 96.67


def _away():
    from datetime import timedelta

    from jobs.errors import Unavailable

    return Unavailable("The provider is away."), timedelta(minutes=1)


def test_a_batch_with_failed_documents_is_completed_and_its_result_sums_up(api, batch):
    documents = [document["doc_id"] for document in batch(4)["documents"]]
    finish(documents[0], final_category="Public")
    finish(documents[1])
    finish(documents[2])
    fail(documents[3])
    parent = Job.objects.get(pk=documents[0]).parent
    before = status(api, parent.pk)
    assert (before["status"], before["progress"]) == ("processing", 100)
    assert sum_up(parent.pk).result == {
        "total": 4,
        "completed": 3,
        "failed": 1,
        "categories": {"Public": 1, "Confidential": 2},
    }
    seen = status(api, parent.pk)
    assert (seen["status"], seen["completed"], seen["failed"], seen["progress"]) == ("completed", 3, 1, 100)
    assert [document["category"] for document in seen["documents"]] == ["Public", "Confidential", "Confidential", None]
    broken = seen["documents"][3]
    assert (broken["status"], broken["error_code"]) == ("failed", "corrupt_file")
    assert broken["error"] == "The file is damaged and cannot be read."
    assert broken["progress"] == 0  # the last it reached


def test_one_bad_file_among_good_ones_fails_alone_and_keeps_its_name(api):
    answer = send(api, text_file("a.txt"), _bad("b.pdf"), text_file("c.txt"), text_file("empty.txt", ""))
    assert answer.status_code == 202
    assert answer.json()["message"].startswith(
        "Batch upload initiated. Successfully queued 2 documents. 2 could not be accepted: see /status/"
    )
    documents = status(api, answer.json()["job_id"])["documents"]
    assert [(document["filename"], document["status"], document["error_code"]) for document in documents] == [
        ("a.txt", "pending", None),
        ("b.pdf", "failed", "type_mismatch"),
        ("c.txt", "pending", None),
        ("empty.txt", "failed", "empty_file"),
    ]


def _bad(name):
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, samples.binary_garbage(2000))


def test_two_files_of_one_name_are_two_documents(api):
    documents = status(api, send(api, text_file("same.txt"), text_file("same.txt", "Another text."))
                       .json()["job_id"])["documents"]  # fmt: skip
    assert [document["filename"] for document in documents] == ["same.txt", "same.txt"]
    assert documents[0]["doc_id"] != documents[1]["doc_id"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\secret\\plan.txt", "plan.txt"),
        ("a\u202etxt.exe.txt", "atxt.exe.txt"),
        ("nul\x01l.txt", "null.txt"),
        ("=cmd|' /C calc'!A0.txt", None),
        ("x" * 400 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_hostile_names_are_made_safe(api, name, kept):
    body = send(api, text_file(name)).json()
    (document,) = status(api, body["job_id"])["documents"]
    assert document["status"] == "pending"
    assert not set(document["filename"]) & set("/\\=|\u202e\x01")
    assert kept is None or document["filename"] == kept


def test_a_batch_without_files_is_refused_and_says_which_field_is_read(api):
    empty = api.post("/batch/upload", {}, format="multipart")
    other = api.post("/batch/upload", {"file": text_file()}, format="multipart")
    assert [answer.status_code for answer in (empty, other)] == [400, 400]
    assert [answer.json()["code"] for answer in (empty, other)] == ["empty_batch", "empty_batch"]
    assert "`files`" in other.json()["detail"]
    assert not Job.objects.exists()


def test_more_files_than_a_batch_may_have_are_refused_and_nothing_is_kept(api):
    part = "--b\r\nContent-Disposition: form-data; name=files; filename={}.txt\r\n\r\nA text.\r\n"
    body = "".join(part.format(number) for number in range(10_001)) + "--b--\r\n"
    answer = api.generic("POST", "/batch/upload", body.encode(), content_type="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_files")
    assert "10,000" in answer.json()["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"priority": "11"}, "priority"),
        ({"priority": "-1"}, "priority"),
        ({"priority": "soon"}, "priority"),
        ({"timeout_seconds": "0.5"}, "timeout_seconds"),
        ({"timeout_seconds": str(7 * 86400 + 1)}, "timeout_seconds"),
        ({"timeout_seconds": "nan"}, "timeout_seconds"),
        ({"timeout_seconds": "inf"}, "timeout_seconds"),
        ({"session_id": "x" * 201}, "session_id"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_submitted(api, fields, field):
    answer = send(api, text_file(), **fields)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Job.objects.exists()


def test_priority_labels_and_time_out_go_to_the_batch_and_to_its_documents(api, batch):
    seen = batch(2, priority="9", timeout_seconds="90", user_id="u1", session_id="s1")
    jobs = Job.objects.order_by("pk")
    assert [job.priority for job in jobs] == [9, 9, 9]
    assert {(job.user_id, job.session_id) for job in jobs} == {("u1", "s1")}
    assert {round((job.deadline_at - job.created_at).total_seconds()) for job in jobs} == {90}
    assert (seen["priority"], seen["user_id"], seen["session_id"]) == (9, "u1", "s1")


def test_one_idempotency_key_is_one_batch(api):
    def post(text):
        return api.post(
            "/batch/upload", {"files": [text_file("a.txt", text)]}, format="multipart", HTTP_IDEMPOTENCY_KEY="k1"
        )

    first, again, other = post("The same."), post("The same."), post("Another one.")
    assert first.json()["job_id"] == again.json()["job_id"]
    assert again["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Job.objects.filter(parent__isnull=True).count() == 1


def test_cancelling_midway_keeps_what_is_done_and_says_so_when_asked_again(api, batch):
    documents = [document["doc_id"] for document in batch(3)["documents"]]
    job_id = str(Job.objects.get(pk=documents[0]).parent_id)
    finish(documents[0])
    running = begin(documents[1])
    answer = api.post(f"/cancel/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "processing")  # one of its documents still runs
    lifecycle.acknowledge_cancel(running)
    seen = status(api, job_id)
    assert (seen["status"], seen["completed"], seen["failed"]) == ("cancelled", 1, 2)
    assert [document["status"] for document in seen["documents"]] == ["completed", "failed", "failed"]
    assert [document["error"] for document in seen["documents"]] == [None, "cancelled", "cancelled"]
    assert seen["documents"][0]["category"] == "Confidential"

    again = api.post(f"/cancel/{job_id}")
    assert (again.status_code, again.json()["message"]) == (200, "The batch was cancelled before.")
    assert status(api, job_id) == seen


def test_a_batch_that_has_ended_cannot_be_cancelled(api, batch):
    (document,) = batch(1)["documents"]
    finish(document["doc_id"])
    parent = Job.objects.get(pk=document["doc_id"]).parent
    sum_up(parent.pk)
    answer = api.post(f"/cancel/{parent.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")


def test_a_retry_runs_the_failed_documents_again_and_sums_up_once_more(api, batch):
    good, bad = (document["doc_id"] for document in batch(2)["documents"])
    finish(good)
    fail(bad, "internal_error")
    parent = Job.objects.get(pk=good).parent
    assert sum_up(parent.pk).result["failed"] == 1
    answer = api.post(f"/retry/{parent.pk}")
    assert answer.status_code == 202, answer.content
    seen = status(api, parent.pk)
    assert (seen["status"], seen["completed"], seen["failed"]) == ("processing", 1, 0)
    assert [document["status"] for document in seen["documents"]] == ["completed", "pending"]
    finish(bad)
    assert sum_up(parent.pk).result == {"total": 2, "completed": 2, "failed": 0, "categories": {"Confidential": 2}}
    assert status(api, parent.pk)["status"] == "completed"


def test_there_is_nothing_to_retry_in_a_batch_without_failures(api, batch):
    (document,) = batch(1)["documents"]
    parent = Job.objects.get(pk=document["doc_id"]).parent
    unfinished = api.post(f"/retry/{parent.pk}")
    finish(document["doc_id"])
    sum_up(parent.pk)
    done = api.post(f"/retry/{parent.pk}")
    assert [answer.status_code for answer in (unfinished, done)] == [409, 409]
    assert done.json()["code"] == "nothing_to_retry"


def test_a_file_that_was_refused_keeps_its_reason_when_somebody_asks_for_another_try(api):
    job_id = send(api, text_file("a.txt"), text_file("empty.txt", "")).json()["job_id"]
    good, refused = (document["doc_id"] for document in status(api, job_id)["documents"])
    finish(good)
    sum_up(job_id)
    answer = api.post(f"/retry/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_retry")
    assert "Send them as a new batch" in answer.json()["detail"]
    answer = api.post(f"/classify/{refused}")
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")
    assert status(api, job_id)["documents"][1]["error_code"] == "empty_file"


def test_a_document_that_is_deleted_while_it_waits_leaves_the_batch_to_go_on(api, batch):
    first, second = (document["doc_id"] for document in batch(2)["documents"])
    parent = Job.objects.get(pk=first).parent
    answer = api.delete(f"/documents/{first}")
    assert (answer.status_code, answer.json()["doc_id"]) == (200, first)
    assert Receipt.objects.get(pk=first).deleted_by == "ada"
    assert api.get(f"/documents/{first}").status_code == 404
    seen = status(api, parent.pk)
    assert (seen["total_files"], [document["doc_id"] for document in seen["documents"]]) == (1, [second])
    finish(second)
    assert sum_up(parent.pk).result["total"] == 1


def test_a_batch_all_of_whose_documents_were_deleted_ends(api, batch):
    (document,) = batch(1)["documents"]
    parent = Job.objects.get(pk=document["doc_id"]).parent
    assert api.delete(f"/documents/{document['doc_id']}").status_code == 200
    assert sum_up(parent.pk).result == {"total": 0, "completed": 0, "failed": 0, "categories": {}}
    assert status(api, parent.pk)["status"] == "completed"


def test_others_get_404_for_everything_and_staff_may_look(api, batch, bob, staff):
    job_id = batch(1)["job_id"]
    doc_id = status(api, job_id)["documents"][0]["doc_id"]
    calls = [
        ("get", f"/status/{job_id}"), ("get", f"/jobs/{job_id}/export"), ("post", f"/cancel/{job_id}"),
        ("post", f"/retry/{job_id}"), ("get", f"/documents/{doc_id}"), ("delete", f"/documents/{doc_id}"),
        ("post", f"/classify/{doc_id}"),
    ]  # fmt: skip
    stranger, watcher = client_of(bob), client_of(staff)
    for method, path in calls:
        answer = getattr(stranger, method)(path)
        assert answer.status_code == 404, path
        missing = getattr(stranger, method)(path.replace(job_id, "0" * 32).replace(doc_id, "0" * 32))
        assert answer.json()["detail"] == missing.json()["detail"]
    assert stranger.get("/jobs").json() == {"total": 0, "jobs": [], "next": None}
    assert watcher.get(f"/status/{job_id}").status_code == 200
    assert watcher.get("/jobs").json()["total"] == 1
    assert watcher.post(f"/cancel/{job_id}").status_code == 403  # to look is not to operate
    assert status(api, job_id)["status"] == "pending"


@pytest.mark.parametrize("job_id", ["nonsense", "0", "0190-", "%00"])
def test_an_id_that_is_none_answers_404(api, job_id):
    for path in (f"/status/{job_id}", f"/documents/{job_id}"):
        answer = api.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_document_is_no_batch_and_a_batch_no_document(api, batch):
    seen = batch(1)
    assert api.get(f"/documents/{seen['job_id']}").status_code == 404
    assert api.get(f"/status/{seen['documents'][0]['doc_id']}").status_code == 404


def test_nobody_gets_in_without_a_token(client, db):
    for path in ("/jobs", "/status/x", "/documents/x"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert client.post("/batch/upload").status_code == 401


def test_the_list_has_the_newest_batch_first_in_pages(api, batch):
    ids = [batch(count)["job_id"] for count in (1, 2, 3)]
    first = api.get("/jobs?limit=2").json()
    second = api.get(first["next"]).json()
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert [job["total_files"] for job in first["jobs"]] == [3, 2]
    assert (first["total"], second["total"], second["next"]) == (3, 3, None)
    newest = Job.objects.get(pk=ids[2])
    assert first["jobs"][0] == {
        "job_id": ids[2], "status": "pending", "total_files": 3, "completed": 0, "failed": 0, "progress": 0.0,
        "created_at": utc(newest.created_at), "updated_at": utc(newest.updated_at),
    }  # fmt: skip
    assert api.get("/jobs?limit=0").status_code == 400
    assert api.get("/jobs?cursor=x").status_code == 400


def test_the_status_is_sent_once_until_something_changes(api, batch):
    seen = batch(2)
    first = api.get(f"/status/{seen['job_id']}")
    again = api.get(f"/status/{seen['job_id']}", HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content, again["Retry-After"]) == (304, b"", "1")
    lifecycle.progress(begin(seen["documents"][1]["doc_id"]), 10, "started")
    changed = api.get(f"/status/{seen['job_id']}", HTTP_IF_NONE_MATCH=first["ETag"])
    assert (changed.status_code, changed.json()["documents"][1]["stage"]) == (200, "started")


def test_nobody_submits_the_summing_up_by_itself(api):
    answer = api.post("/api/v1/jobs/", {"kind": "classifier.classify_batch", "input": {}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_kind")
    kinds = json.dumps(api.get("/api/v1/kinds/").json())
    assert "classifier.classify_document" in kinds
    assert "classifier.collect_recurring" not in kinds
