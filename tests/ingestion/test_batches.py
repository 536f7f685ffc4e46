"""Batches through the API, with a worker in the test's own process."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import JobError
from jobs.kinds import registry
from jobs.models import Job, JobFile
from jobs.running import RunningJob
from jobs.states import State
from parsers.ingestion import store
from parsers.models import Chunk, Document, DocumentSession
from tests import samples
from tests.harness.threads import run_together
from tests.ingestion.conftest import BATCH, client_of, make_user, send, status_of, work_off

TR = ("rapor.txt", "Yıllık rapor. Kütüphane hafta sonu saat dokuzda açılır, giriş ücretsizdir.".encode())
EN = ("notice.txt", b"The reading room of the town library opens at nine on Saturdays. All are welcome.")
BROKEN = ("broken.pdf", samples.corrupt_pdf())
EMPTY = ("empty.txt", b"")

quick = pytest.mark.usefixtures("_quick_extraction")


@pytest.mark.usefixtures("any_database")
def test_a_batch_becomes_chunks_of_its_session_and_its_status_says_so():
    ada = client_of("ada")
    answer = send(ada, TR, EN, ("cv.pdf", samples.cv_pdf("en")))
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == {"job_id", "session_id", "total_files", "status", "message"}
    assert (body["session_id"], body["total_files"], body["status"]) == ("s1", 3, "running")
    assert answer["Location"] == f"/api/v1/jobs/{body['job_id']}/"

    waiting = status_of(ada, body["job_id"])
    assert (waiting["status"], waiting["processed"], waiting["found_by"]) == ("running", 0, "job")
    assert [one["filename"] for one in waiting["documents"]] == ["rapor.txt", "notice.txt", "cv.pdf"]

    work_off()
    done = status_of(ada, body["job_id"])
    assert (done["status"], done["processed"], done["failed"], done["progress"]) == ("completed", 3, 0, 100.0)
    assert done["chunks"] == Chunk.objects.count() >= 3
    assert [one["stage"] for one in done["documents"]] == ["stored"] * 3
    parent = Job.objects.get(pk=body["job_id"])
    assert parent.result["stored"] == 3
    assert parent.result["chunks"] == done["chunks"]
    cv = Document.objects.get(name="cv.pdf")
    assert (cv.pages, cv.language, cv.media_type) == (2, "en", "application/pdf")
    assert sorted(set(cv.chunks.values_list("page", flat=True))) == [1, 2]
    assert Document.objects.get(name="rapor.txt").language == "tr"


def test_the_stages_of_a_document_are_shown_in_order(db):
    send(client_of("ada"), TR)
    work_off()
    child = Job.objects.get(kind="parsers.ingest_document")
    stages = [event.stage for event in child.events.order_by("seq") if event.stage]
    assert list(dict.fromkeys(stages)) == list(registry.get(child.kind).stages)
    percents = [event.progress for event in child.events.order_by("seq")]
    assert percents == sorted(percents)


def test_bad_files_fail_with_their_reason_and_the_others_are_stored(db):
    ada = client_of("ada")
    job_id = send(ada, TR, BROKEN, EMPTY, EN).json()["job_id"]
    work_off()
    body = status_of(ada, job_id)
    assert (body["status"], body["processed"], body["failed"]) == ("completed_with_errors", 4, 2)
    assert [(one["filename"], one["code"]) for one in body["errors"]] == [
        ("broken.pdf", "corrupt_file"),
        ("empty.txt", "empty_file"),
    ]
    assert all(len(one["message"]) > 20 for one in body["errors"])
    assert [one["status"] for one in body["documents"]] == ["completed", "failed", "failed", "completed"]
    assert Document.objects.count() == 2
    assert Job.objects.get(pk=job_id).result["errors"] == {"corrupt_file": 1, "empty_file": 1}


def test_a_batch_of_which_nothing_could_be_stored_has_failed(db):
    ada = client_of("ada")
    job_id = send(ada, BROKEN, EMPTY).json()["job_id"]
    work_off()
    body = status_of(ada, job_id)
    assert (body["status"], body["failed"], body["chunks"]) == ("failed", 2, 0)
    assert Job.objects.get(pk=job_id).error_code == "no_document_stored"


@quick
def test_sending_a_batch_again_never_doubles_its_chunks(db):
    ada = client_of("ada")
    first = send(ada, TR, EN).json()["job_id"]
    work_off()
    chunks = set(Chunk.objects.values_list("pk", flat=True))
    again = send(ada, EN, TR, ("renamed.txt", TR[1])).json()["job_id"]
    work_off()
    assert set(Chunk.objects.values_list("pk", flat=True)) == chunks
    body = status_of(ada, again)
    assert (body["status"], body["chunks"]) == ("completed", status_of(ada, first)["chunks"])
    assert all(one["already_stored"] for one in body["documents"])
    assert Job.objects.get(pk=again).result["already_stored"] == 3


@quick
def test_another_chunk_size_replaces_the_chunks_of_a_document(db):
    ada = client_of("ada")
    text = ("uzun.txt", ("Bu cümle kırk karakterden biraz uzundur. " * 50).encode())
    send(ada, text)
    work_off()
    before = Chunk.objects.count()
    job_id = send(ada, text, chunk_size=200, chunk_overlap=50).json()["job_id"]
    work_off()
    assert Document.objects.get().chunk_size == 200
    assert Chunk.objects.count() > 3 * before
    assert list(Chunk.objects.values_list("position", flat=True)) == list(range(Chunk.objects.count()))
    assert status_of(ada, job_id)["evidence"][1] == {
        "kind": "chunks",
        "detail": status_of(ada, job_id)["evidence"][1]["detail"],
        "present": Chunk.objects.count(),
        "expected": Chunk.objects.count(),
    }


@quick
def test_the_same_document_of_two_owners_is_two_documents(db):
    for name in ("ada", "ben"):
        send(client_of(name), TR)
    work_off()
    assert Document.objects.count() == 2
    assert DocumentSession.objects.filter(session_id="s1").count() == 2


@pytest.mark.usefixtures("any_database", "_quick_extraction")
def test_the_same_document_stored_at_the_same_moment_is_stored_once():
    send(client_of("ada"), *[(f"{n}.txt", TR[1] * 40) for n in range(4)], chunk_size=100)
    running = []
    for _ in range(4):
        job = RunningJob(claiming.claim("worker-1"))
        running.append((job, registry.get(job.job.kind).run(job, **job.job.input)))
    run_together(
        [lambda job=job, result=result: lifecycle.succeed(job.job, result, job.saves) for job, result in running]
    )
    document = Document.objects.get()
    assert document.chunks.count() == running[0][1]["chunks"] > 10
    work_off()
    parent = Job.objects.get(kind="parsers.ingest_batch")
    assert (parent.state, parent.result["chunks"]) == (State.SUCCEEDED, document.chunks.count())


@quick
def test_an_attempt_that_lost_its_job_stores_nothing(db):
    send(client_of("ada"), TR)
    job = RunningJob(claiming.claim("worker-1"))
    result = registry.get(job.job.kind).run(job, **job.job.input)
    Job.objects.filter(pk=job.job.pk).update(fence=99)
    with pytest.raises(BaseException, match="attempt 1"):
        lifecycle.succeed(job.job, result, job.saves)
    assert Document.objects.count() == 0


@quick
def test_a_document_of_a_session_that_is_deleted_meanwhile_does_not_bring_it_back(db):
    ada = client_of("ada")
    send(ada, TR)
    job = RunningJob(claiming.claim("worker-1"))
    result = registry.get(job.job.kind).run(job, **job.job.input)
    store.delete_session(DocumentSession.objects.get())
    lifecycle.succeed(job.job, result, job.saves)
    assert not DocumentSession.objects.exists()
    assert not Document.objects.exists()


@quick
def test_an_idempotency_key_answers_with_the_first_batch_and_refuses_another_request(db):
    ada = client_of("ada")
    first = send(ada, TR, EN, key="k1")
    again = send(ada, TR, EN, key="k1")
    assert again.json()["job_id"] == first.json()["job_id"]
    assert again["Idempotent-Replayed"] == "true"
    other = send(ada, TR, key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Job.objects.filter(kind="parsers.ingest_batch").count() == 1
    work_off()
    finished = send(ada, TR, EN, key="k1")
    assert (finished.status_code, finished.json()["status"]) == (200, "completed")


BAD_FORMS = [
    ({"session_id": ""}, "blank"),
    ({"session_id": "a/b"}, "invalid_session_id"),
    ({"session_id": ".."}, "invalid_session_id"),
    ({"session_id": "a\nb"}, "invalid_session_id"),
    ({"session_id": "x" * 201}, "invalid_session_id"),
    ({"session_id": "  "}, "session_required"),
    ({"chunk_size": 99}, "min_value"),
    ({"chunk_size": 10_001}, "max_value"),
    ({"chunk_size": "many"}, "invalid"),
    ({"chunk_size": 200, "chunk_overlap": 200}, "overlap_too_large"),
    ({"chunk_overlap": -1}, "min_value"),
]


@pytest.mark.parametrize(("form", "code"), BAD_FORMS)
def test_a_form_that_makes_no_sense_is_refused_and_leaves_nothing_behind(db, form, code):
    answer = send(client_of("ada"), TR, **form)
    body = answer.json()
    assert answer.status_code == 400, body
    assert code in [body["code"], *(error["code"] for error in body.get("errors", []))]
    assert answer["Content-Type"] == "application/problem+json"
    assert not Job.objects.exists()
    assert not JobFile.objects.exists()
    assert not DocumentSession.objects.exists()


def test_an_empty_batch_is_refused_and_so_is_one_with_too_many_files(db, settings):
    ada = client_of("ada")
    empty = send(ada)
    assert (empty.status_code, empty.json()["code"]) == (400, "empty_batch")
    settings.MAX_BATCH_FILES = 3
    crowd = send(ada, *[(f"{n}.txt", b"text") for n in range(4)])
    assert (crowd.status_code, crowd.json()["code"]) == (413, "too_many_files")
    assert not Job.objects.exists()
    assert not DocumentSession.objects.exists()


@quick
def test_names_are_made_safe_and_two_files_may_share_one(db):
    ada = client_of("ada")
    names = ["../../etc/passwd.txt", "same.txt", "same.txt", "a\tb\u202egnp.txt", "x" * 200 + ".txt"]
    job_id = send(ada, *[(name, f"Belge {n} metni.".encode()) for n, name in enumerate(names)]).json()["job_id"]
    work_off()
    body = status_of(ada, job_id)
    assert body["status"] == "completed"
    shown = [one["filename"] for one in body["documents"]]
    assert shown[:3] == ["passwd.txt", "same.txt", "same.txt"]
    assert all("/" not in name and name.isprintable() and len(name) <= 120 for name in shown)
    assert Document.objects.count() == 5


def test_nobody_is_let_in_without_a_token(db):
    stranger = APIClient()
    for path in (BATCH, "/api/sessions/", "/api/sessions/s1/", f"{BATCH}/status/{uuid.uuid4()}?session_id=s1"):
        answer = stranger.post(path) if path == BATCH else stranger.get(path)
        assert answer.status_code == 401


@quick
def test_a_document_can_be_sent_alone_as_any_job_and_needs_a_session(db):
    ada = client_of("ada")

    def submit(**label: str) -> str:
        form = {"kind": "parsers.ingest_document", "file": SimpleUploadedFile(*TR), **label}
        return ada.post("/api/v1/jobs/", form, format="multipart").json()["id"]

    with_session, without = submit(session_id="alone"), submit()
    work_off()
    body = status_of(ada, with_session)
    assert (body["status"], body["total_files"], body["chunks"]) == ("completed", 1, 1)
    assert status_of(ada, "lost", "alone")["job_id"] == with_session
    assert status_of(ada, without)["errors"][0]["code"] == "session_required"


@quick
def test_a_document_that_nobody_owns_has_no_session_to_go_to(db):
    child = Job.objects.filter(parent=send(client_of("ada"), TR).json()["job_id"])
    child.update(owner=None)
    work_off(limit=1)
    assert child.get().error_code == "owner_required"


@quick
def test_a_failed_document_that_is_run_again_takes_the_batch_back_and_completes_it(db):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    first = claiming.claim("worker-1")
    lifecycle.fail(first, JobError("The disk was full.", code="internal_error"))
    work_off()
    assert status_of(ada, job_id)["status"] == "completed_with_errors"
    assert lifecycle.requeue(first.pk, by=make_user("ada").username) is not None
    assert status_of(ada, job_id)["status"] == "running"
    work_off()
    assert status_of(ada, job_id)["status"] == "completed"
    assert Document.objects.count() == 2
