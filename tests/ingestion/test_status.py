"""The status tells the truth, in two languages, from whatever evidence is left."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import JobError
from jobs.models import Job, Worker
from parsers.ingestion import messages, status
from tests.ingestion.conftest import BATCH, client_of, make_user, send, status_of, work_off
from tests.ingestion.test_batches import BROKEN, EN, TR

pytestmark = pytest.mark.usefixtures("_quick_extraction")

KEYS = {
    "job_id", "session_id", "status", "message", "total_files", "processed", "failed", "progress", "chunks",
    "documents", "errors", "evidence", "found_by", "as_of",
}  # fmt: skip
DOCUMENT_KEYS = {
    "job_id", "filename", "status", "progress", "stage", "seq", "error", "chunks", "already_stored",
}  # fmt: skip


def kinds(body: dict) -> list[str]:
    return [one["kind"] for one in body["evidence"]]


def evidence(body: dict, kind: str) -> dict:
    return next(one for one in body["evidence"] if one["kind"] == kind)


def test_every_status_has_the_same_shape(db, stored):
    ada = client_of("ada")
    stored("metin", session_id="old")
    job_id = send(ada, TR, BROKEN).json()["job_id"]
    bodies = [status_of(ada, job_id), status_of(ada, "x", "s1"), status_of(ada, "x", "old"), status_of(ada, "x")]
    work_off()
    bodies.append(status_of(ada, job_id))
    assert [body["status"] for body in bodies] == [
        "running", "running", "likely_completed", "unknown", "completed_with_errors",
    ]  # fmt: skip
    for body in bodies:
        assert set(body) == KEYS
        assert body["message"]
        assert all(one["kind"] and one["detail"] for one in body["evidence"])
        assert all(set(one) == DOCUMENT_KEYS for one in body["documents"])
        assert body["as_of"]


def test_a_running_batch_shows_who_works_and_what_it_waits_for(db):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    body = status_of(ada, job_id)
    assert evidence(body, "workers")["alive"] == 0
    assert evidence(body, "waiting")["code"] == "no_worker"
    assert "no worker is running" in body["message"]

    Worker.objects.create(name="w1", cluster="sira")
    body = status_of(ada, job_id)
    assert evidence(body, "workers")["alive"] == 1
    assert evidence(body, "workers")["last_heartbeat_at"]
    assert evidence(body, "children") | {"detail": ""} == {
        "kind": "children", "detail": "", "succeeded": 0, "failed": 0, "waiting": 2, "processing": 0,
    }  # fmt: skip

    work_off(limit=1)
    body = status_of(ada, job_id)
    assert (body["processed"], body["progress"]) == (1, 50.0)
    assert evidence(body, "chunks")["present"] == evidence(body, "chunks")["expected"] == 1


def test_a_document_that_needed_more_attempts_is_evidence(db):
    ada = client_of("ada")
    job_id = send(ada, TR).json()["job_id"]
    Job.objects.filter(parent=job_id).update(attempt=1)
    work_off()
    assert evidence(status_of(ada, job_id), "attempts") | {"detail": ""} == {
        "kind": "attempts", "detail": "", "retried": 1, "most": 2,
    }  # fmt: skip


@pytest.mark.parametrize("lost", ["not-a-uuid", "0", "%00", "%F0%9F%98%80", "0" * 32, "x" * 3000])
def test_a_job_id_that_is_lost_or_malformed_is_answered_from_the_session(db, stored, lost):
    stored("bir metin", "iki metin")
    body = client_of("ada").get(f"{BATCH}/status/{lost}?session_id=s1").json()
    assert (body["status"], body["found_by"], body["chunks"]) == ("likely_completed", "chunks", 2)
    assert evidence(body, "session") | {"documents": 2, "chunks": 2} == evidence(body, "session")
    assert evidence(body, "session")["last_stored_at"]


@pytest.mark.parametrize("session_id", ["", "nobody's", "a/b", "%00", "x" * 300, "😀"])
def test_what_nobody_knows_is_unknown_and_not_an_error(db, session_id):
    answer = client_of("ada").get(f"{BATCH}/status/{uuid.uuid4()}?session_id={session_id}")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["found_by"], body["evidence"], body["documents"]) == ("unknown", "nothing", [], [])


def test_what_is_somebody_elses_looks_exactly_like_what_never_was(db):
    job_id = send(client_of("ada"), TR).json()["job_id"]
    work_off()
    ben = client_of("ben")
    never = str(uuid.uuid4())

    def seen(job_id: str, session_id: str) -> dict:
        body = status_of(ben, job_id, session_id)
        return {name: value for name, value in body.items() if name not in ("job_id", "session_id", "as_of")}

    assert seen(job_id, "s1") == seen(never, "s1") == seen(never, "never")
    assert seen(job_id, "s1")["status"] == "unknown"
    for path in ("", "documents", "chunks", "search?q=rapor"):
        foreign, missing = ben.get(f"/api/sessions/s1/{path}"), ben.get(f"/api/sessions/never/{path}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["detail"] == missing.json()["detail"]
    assert ben.delete("/api/sessions/s1/").status_code == 404
    assert status_of(client_of("ada"), job_id)["chunks"] == 1


def test_a_document_id_leads_to_its_batch_and_another_kinds_job_to_nothing(db):
    ada = client_of("ada")
    job_id = send(ada, TR).json()["job_id"]
    child = Job.objects.get(parent=job_id)
    assert status_of(ada, str(child.pk))["job_id"] == job_id
    other = lifecycle.submit("workload.act_out", {"act": "ok"}, owner=make_user("ada"))
    assert status_of(ada, str(other.pk))["status"] == "unknown"


def test_the_latest_batch_of_a_session_answers_for_a_lost_id_and_says_so(db):
    ada = client_of("ada")
    send(ada, BROKEN)
    latest = send(ada, TR).json()["job_id"]
    send(client_of("ben"), EN)
    work_off()
    body = status_of(ada, str(uuid.uuid4()), "s1")
    assert (body["job_id"], body["status"], body["found_by"]) == (latest, "completed", "session")
    assert "job_id_not_found" in kinds(body)
    assert "latest one of the session" in body["message"]


def test_a_completed_batch_whose_chunks_were_deleted_since_says_so(db):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    work_off()
    document = ada.get("/api/sessions/s1/documents").json()["results"][0]["id"]
    assert ada.delete(f"/api/sessions/s1/documents/{document}").status_code == 204
    body = status_of(ada, job_id)
    assert (body["status"], evidence(body, "chunks")["present"], evidence(body, "chunks")["expected"]) == (
        "completed",
        1,
        2,
    )
    assert "were deleted or replaced since: 1 of 2" in body["message"]


def test_a_cancelled_batch_asked_again_is_failed_as_cancelled_and_keeps_what_was_stored(db):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    work_off(limit=1)
    assert ada.post(f"/api/v1/jobs/{job_id}/cancel/").status_code == 200
    for _ in range(2):
        body = status_of(ada, job_id)
        assert body["status"] == "failed"
        assert "was cancelled. Documents stored before: 1 of 2" in body["message"]
        assert [one["code"] for one in body["errors"]] == ["cancelled"]
    assert ada.post(f"/api/v1/jobs/{job_id}/cancel/").status_code == 409


@pytest.mark.parametrize("ended_by", ["cancel", "deadline"])
def test_a_batch_has_not_ended_before_the_last_of_its_documents_has_stopped(db, ended_by):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    running = claiming.claim("worker-1")
    if ended_by == "cancel":
        assert ada.post(f"/api/v1/jobs/{job_id}/cancel/").status_code == 200
    else:
        Job.objects.filter(pk=job_id).update(deadline_at=timezone.now() - timedelta(seconds=1))
        assert lifecycle.fail_past_deadline() == 1
    assert Job.objects.get(pk=job_id).is_finished
    answer = ada.get(f"{BATCH}/status/{job_id}")
    assert (answer.json()["status"], answer["Retry-After"]) == ("running", "1")
    assert "is being stopped: 1 of 2 done" in answer.json()["message"]
    assert ada.get("/api/sessions/s1/").json()["status"] == "running"
    assert ada.get("/api/sessions/").json()["results"][0]["latest_job"]["status"] == "running"
    assert "durduruluyor" in status_of(client_of("ada", "tr"), job_id)["message"]
    lifecycle.acknowledge_cancel(running)
    assert status_of(ada, job_id)["status"] == "failed"
    assert ada.get("/api/sessions/").json()["results"][0]["latest_job"]["status"] == "failed"


def test_a_document_sent_alone_that_was_told_to_stop_says_so(db):
    child = Job.objects.filter(parent=send(client_of("ada"), TR).json()["job_id"])
    child.update(parent=None)
    running = claiming.claim("worker-1")
    lifecycle.cancel(running.pk)
    body = status_of(client_of("ada"), str(running.pk))
    assert (body["status"], "is being stopped" in body["message"]) == ("running", True)


def test_a_batch_that_failed_although_documents_were_stored_says_how_many(db):
    ada = client_of("ada")
    job_id = send(ada, TR).json()["job_id"]
    work_off(limit=1)
    lifecycle.fail(claiming.claim("w"), JobError("An error of ours.", code="internal_error"))
    body = status_of(ada, job_id)
    assert body["status"] == "failed"
    assert "Documents stored before: 1 of 1" in body["message"]


def test_messages_and_errors_are_turkish_for_who_reads_turkish(db, stored):
    ada = client_of("ada", "tr-TR,tr;q=0.9,en;q=0.5")
    job_id = send(ada, TR, BROKEN).json()["job_id"]
    assert "İşlem alındı" in send(ada, EN, session_id="s2").json()["message"]
    assert "çalışan bir işçi yok" in status_of(ada, job_id)["message"]
    work_off()
    body = status_of(ada, job_id)
    assert "2 belgeden 1 tanesi işlenemedi" in body["message"]
    assert body["errors"][0]["message"] == messages.TURKISH_ERRORS["corrupt_file"]
    stored("metin", session_id="eski")
    assert "İşlem takibi kaybolmuş olabilir ama sonuçlar mevcut" in status_of(ada, "x", "eski")["message"]
    english = client_of("ada", "de,en;q=0.5")
    assert "1 of 2 failed" in status_of(english, job_id)["message"]


def test_both_languages_of_a_message_have_the_same_numbers():
    for english, turkish in messages.MESSAGES.values():
        assert set(re.findall(r"\{(\w+)\}", turkish)) == set(re.findall(r"\{(\w+)\}", english))
    assert [code for code, _ in settings.LANGUAGES] == ["en", "tr"]


def test_asking_for_the_status_of_a_batch_takes_the_same_queries_for_two_documents_as_for_twenty(
    db, django_assert_max_num_queries
):
    ada = make_user("ada")
    few = send(client_of("ada"), TR, EN).json()["job_id"]
    many = send(client_of("ada"), *[(f"{n}.txt", f"Belge {n}".encode()) for n in range(20)]).json()["job_id"]
    work_off(limit=5)
    for job_id in (few, many):
        with django_assert_max_num_queries(24):
            status.find_status(ada, job_id=job_id)
