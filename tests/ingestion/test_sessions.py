"""/api/sessions/: what an owner gathered, page by page, and forgotten when asked."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs import lifecycle
from jobs.engine import claiming
from jobs.models import Job, JobFile, Receipt
from parsers.ingestion import views
from parsers.models import Chunk, Document, DocumentSession
from tests.harness.threads import run_together
from tests.harness.waiting import wait_until
from tests.ingestion.conftest import client_of, make_user, send, status_of, work_off
from tests.ingestion.test_batches import BROKEN, EN, TR
from tests.ingestion.test_seed_000 import Client, documents

pytestmark = pytest.mark.usefixtures("_quick_extraction")


def pages(client: Any, url: str) -> list[list[dict]]:
    """Follow `next` to the end."""
    found = []
    while url:
        body = client.get(url).json()
        found.append(body["results"])
        url = body["next"]
    return found


def test_sessions_are_listed_newest_first_with_counts_and_the_latest_batch(db, django_assert_max_num_queries):
    ada = client_of("ada")
    for name in ("one", "two", "three"):
        send(ada, TR, EN, session_id=name)
    send(ada, BROKEN, TR, session_id="one")
    send(client_of("ben"), TR, session_id="ben's")
    work_off()
    with django_assert_max_num_queries(9):
        listed = ada.get("/api/sessions/").json()["results"]
    assert [one["session_id"] for one in listed] == ["three", "two", "one"]
    assert [(one["documents"], one["chunks"]) for one in listed] == [(2, 2)] * 3
    assert [one["latest_job"]["status"] for one in listed] == ["completed", "completed", "completed_with_errors"]
    assert [len(page) for page in pages(ada, "/api/sessions/?limit=2")] == [2, 1]
    assert [one["session_id"] for page in pages(ada, "/api/sessions/?limit=1") for one in page] == [
        "three",
        "two",
        "one",
    ]


def test_a_session_shows_what_it_has_and_how_it_stands(db):
    ada = client_of("ada")
    job_id = send(ada, TR, EN).json()["job_id"]
    running = ada.get("/api/sessions/s1/").json()
    assert (running["status"], running["documents"], running["latest_job"]["job_id"]) == ("running", 0, job_id)
    work_off()
    done = ada.get("/api/sessions/s1/").json()
    assert (done["status"], done["documents"], done["chunks"]) == ("completed", 2, 2)
    assert done["message"]
    assert done["evidence"]
    assert ada.get("/api/sessions/s1").json()["session_id"] == "s1"
    Job.objects.all().delete()
    lost = ada.get("/api/sessions/s1/").json()
    assert (lost["status"], lost["latest_job"]) == ("likely_completed", None)


@pytest.mark.parametrize("label", ["ders notları 2026", "a?b#c", "%2e", "😀", "İş-1", "a&b=c"])
def test_any_label_can_be_addressed(db, label):
    ada = client_of("ada")
    assert send(ada, TR, session_id=label).status_code == 202
    listed = ada.get("/api/sessions/").json()["results"][0]
    assert listed["session_id"] == label
    assert ada.get(listed["url"]).json()["session_id"] == label


def test_documents_and_chunks_come_in_pages_and_in_reading_order(db):
    ada = client_of("ada")
    send(ada, TR, ("long.txt", ("Bu cümle kırk karakterden biraz uzundur. " * 30).encode()), chunk_size=100)
    work_off()
    documents = ada.get("/api/sessions/s1/documents").json()["results"]
    assert [one["name"] for one in documents] == ["long.txt", "rapor.txt"]
    assert set(documents[0]) == {
        "id", "name", "sha256", "media_type", "pages", "language", "characters", "chunks", "chunk_size",
        "chunk_overlap", "job_id", "stored_at",
    }  # fmt: skip
    assert [len(page) for page in pages(ada, "/api/sessions/s1/documents?limit=1")] == [1, 1]
    chunks = [one for page in pages(ada, "/api/sessions/s1/chunks?limit=7") for one in page]
    assert len(chunks) == Chunk.objects.count() == sum(one["chunks"] for one in documents)
    assert [(one["document"], one["position"]) for one in chunks] == sorted(
        (one["document"], one["position"]) for one in chunks
    )
    only = pages(ada, f"/api/sessions/s1/chunks/?document={documents[0]['id']}&limit=3")
    assert {one["document_name"] for page in only for one in page} == {"long.txt"}
    assert set(chunks[0]) == {"id", "document", "document_name", "position", "page", "language", "text"}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=201", "cursor=x", "cursor=1.2.3", "cursor=%00", "document=x"]
)
def test_a_page_that_makes_no_sense_is_refused(db, stored, query):
    stored("metin")
    assert client_of("ada").get(f"/api/sessions/s1/chunks?{query}").status_code == 400


def test_search_answers_with_places_and_snippets(db):
    ada = client_of("ada")
    send(ada, TR, EN)
    work_off()
    body = ada.get("/api/sessions/s1/search", {"q": "KÜTÜPHANELER"}).json()
    assert (body["query"], body["found"]) == ("KÜTÜPHANELER", 1)
    (hit,) = body["results"]
    assert (hit["document_name"], hit["page"], hit["language"]) == ("rapor.txt", 1, "tr")
    assert 0 < hit["score"] <= 1
    assert [part["text"] for part in hit["snippet"]["parts"] if part["hit"]] == ["Kütüphane"]


@pytest.mark.parametrize(
    "query", ["", "q=", "q=%22", "q=%00", "q=a&limit=0", "q=a&limit=999999", "q=a&limit=x", "q=%ED%A0%80"]
)
def test_no_search_is_an_error(db, stored, query):
    stored("a metin")
    assert client_of("ada").get(f"/api/sessions/s1/search?{query}").status_code == 200


UNSEEN = ["a\tb", "a\u202eb", "a\u200bb", "a\u2066b", "lead\u2028", "a\u2029b", "\ufefflead", "a\x85b"]


@pytest.mark.parametrize("sent", [" lead ", "caf\u00e9", "cafe\u0301", "\u00a0lead"])
def test_a_label_is_the_same_however_it_is_written_and_wherever(db, sent):
    ada = client_of("ada")
    kept = {"l": "lead", "c": "caf\u00e9"}[sent.strip()[0]]
    body = send(ada, TR, session_id=sent).json()
    assert body["session_id"] == kept
    work_off()
    for written in (sent, kept, f" {kept}", unicodedata.normalize("NFD", kept)):
        assert ada.get(f"/api/sessions/{quote(written)}/").json()["session_id"] == kept
        assert ada.get(f"/api/sessions/{quote(written)}/documents").json()["results"]
        assert status_of(ada, "lost", written)["session_id"] == kept
        assert send(ada, TR, session_id=written).json()["session_id"] == kept
    assert DocumentSession.objects.count() == 1
    assert ada.delete(f"/api/sessions/{quote(sent)}/").json()["jobs"] == 5
    assert not DocumentSession.objects.exists()


@pytest.mark.parametrize("label", UNSEEN)
def test_a_label_with_characters_that_nobody_sees_is_refused_and_named(db, label):
    ada = client_of("ada")
    answer = send(ada, TR, session_id=label)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_session_id")
    unseen = next(sign for sign in label if not sign.isprintable())
    assert f"U+{ord(unseen):04X}" in answer.json()["detail"]
    assert "control, bidirectional, zero-width or line separator" in answer.json()["detail"]
    assert ada.get(f"/api/sessions/{quote(label)}/").json()["code"] == "session_not_found"


@pytest.mark.parametrize(("label", "said"), [(".", "“.”"), ("a/b", "slash"), ("a\\b", "slash"), ("x" * 201, "200")])
def test_a_refused_label_is_told_what_is_wrong_with_it(db, label, said):
    assert said in send(client_of("ada"), TR, session_id=label).json()["detail"]


def test_a_job_whose_label_is_not_as_sessions_keep_it_fails_and_says_so(db):
    ada = client_of("ada")
    form = {"kind": "parsers.ingest_document", "file": SimpleUploadedFile(*TR), "session_id": "cafe\u0301"}
    job_id = ada.post("/api/v1/jobs/", form, format="multipart").json()["id"]
    work_off()
    job = Job.objects.get(pk=job_id)
    assert (job.error_code, "NFC" in job.error_message) == ("invalid_session_id", True)
    assert not DocumentSession.objects.exists()


def test_refusals_are_turkish_for_who_reads_turkish(db):
    ada = client_of("ada", "tr")
    refused = [
        (ada.get("/api/sessions/yok/"), 404, "session_not_found", "Böyle bir oturum yok"),
        (send(ada, TR, session_id="."), 400, "invalid_session_id", "klasör anlamına gelir"),
        (send(ada, TR, session_id="a\u200bb"), 400, "invalid_session_id", "U+200B"),
        (send(ada, TR, chunk_size=200, chunk_overlap=200), 400, "invalid_input", "küçük olmalıdır"),
        (send(ada), 400, "empty_batch", "En az bir dosya gönderin"),
    ]
    for answer, code, name, said in refused:
        body = answer.json()
        assert (answer.status_code, body["code"]) == (code, name)
        assert said in body["detail"]
    assert refused[3][0].json()["errors"][0]["code"] == "overlap_too_large"
    assert "There is no file" in send(client_of("ada"), session_id="s1").json()["detail"]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "STOP_SECONDS", 0.05)


@pytest.mark.usefixtures("any_database", "_impatient")
def test_a_session_that_does_not_stop_at_once_is_kept_whole_and_deleted_when_asked_again():
    ada = client_of("ada", "tr")
    send(ada, TR)
    work_off()
    send(ada, EN, BROKEN)
    running = claiming.claim("worker-1")
    for _ in range(2):
        answer = ada.delete("/api/sessions/s1/")
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "still_stopping", "1")
        assert "yeniden silin" in answer.json()["detail"]
        assert (Document.objects.count(), JobFile.objects.count()) == (1, 3)
    assert ada.get("/api/sessions/s1/").json()["status"] == "running"
    lifecycle.acknowledge_cancel(running)
    assert ada.delete("/api/sessions/s1/").json() == {"session_id": "s1", "documents": 1, "chunks": 1, "jobs": 2}
    assert not any(model.objects.exists() for model in (Job, JobFile, Document, DocumentSession))
    assert ada.delete("/api/sessions/s1/").status_code == 404


@pytest.mark.usefixtures("any_database")
def test_deleting_a_session_waits_for_what_stops_meanwhile():
    ada = client_of("ada")
    send(ada, TR, EN)
    running = claiming.claim("worker-1")

    def stop() -> None:
        wait_until(lambda: Job.objects.get(pk=running.pk).cancel_requested_at)
        lifecycle.acknowledge_cancel(running)

    answer, _ = run_together([lambda: ada.delete("/api/sessions/s1/"), stop])
    assert (answer.status_code, answer.json()["jobs"]) == (200, 1)
    assert not any(model.objects.exists() for model in (Job, JobFile, DocumentSession))


def test_deleting_a_session_whose_documents_workers_are_reading_leaves_nothing_of_it(server_stack, any_database_url):
    stack = server_stack(database_url=any_database_url, env={"WORKER_QUEUES": "documents"})
    client = Client(stack)
    job_id = client.send(documents(60), "secret")
    kept = client.send(documents(4), "kept")

    def is_read() -> bool:
        children = client.status(job_id, "secret")["evidence"][0]
        return bool(children["succeeded"] and children["processing"])

    wait_until(is_read, timeout=60, message="workers read it")
    answer = client.session.delete(f"{stack.base_url}/api/sessions/secret/", timeout=30)
    assert (answer.status_code, answer.json()["jobs"]) == (200, 1), answer.text
    assert client.session.delete(f"{stack.base_url}/api/sessions/secret/", timeout=30).status_code == 404
    assert client.status(job_id, "secret")["status"] == "unknown"
    assert client.poll(kept, "kept", progress=0)["status"] == "completed"
    with stack.database():
        assert set(Job.objects.values_list("session_id", flat=True)) == {"kept"}
        assert list(DocumentSession.objects.values_list("session_id", flat=True)) == ["kept"]
        names = set(JobFile.objects.values_list("file", flat=True))
        assert Receipt.objects.count() == 61
    assert len(names) == 4
    folder = stack.data_dir / "files"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == names


@pytest.mark.usefixtures("any_database")
def test_batches_that_are_left_of_a_session_are_deleted_with_their_files():
    ada = client_of("ada")
    send(ada, TR)
    work_off()
    DocumentSession.objects.all().delete()
    assert client_of("ben").delete("/api/sessions/s1/").status_code == 404
    assert ada.delete("/api/sessions/s1/").json()["jobs"] == 1
    assert not JobFile.objects.exists()


@pytest.mark.usefixtures("any_database")
def test_deleting_a_session_forgets_its_documents_chunks_batches_and_files():
    ada = client_of("ada")
    send(ada, TR, EN)
    send(ada, TR, session_id="other")
    work_off()
    send(ada, BROKEN)  # still waits: it is cancelled first
    answer = ada.delete("/api/sessions/s1/")
    assert (answer.status_code, answer.json()) == (200, {"session_id": "s1", "documents": 2, "chunks": 2, "jobs": 2})
    assert DocumentSession.objects.get().session_id == "other"
    assert (Document.objects.count(), Chunk.objects.count()) == (1, 1)
    assert set(Job.objects.values_list("session_id", flat=True)) == {"other"}
    assert JobFile.objects.count() == 1
    assert Receipt.objects.filter(kind="parsers.ingest_batch").count() == 2
    assert ada.get("/api/sessions/s1/").status_code == 404
    assert ada.delete("/api/sessions/s1/").status_code == 404
    send(ada, TR)
    work_off()
    assert ada.get("/api/sessions/s1/").json()["documents"] == 1


def test_one_document_can_be_deleted_and_sent_again(db):
    ada = client_of("ada")
    send(ada, TR, EN)
    work_off()
    first = ada.get("/api/sessions/s1/documents").json()["results"][0]
    url = f"/api/sessions/s1/documents/{first['id']}/"
    assert client_of("ben").delete(url).status_code == 404
    assert ada.delete(url).status_code == 204
    assert ada.delete(url).status_code == 404
    assert ada.delete(f"/api/sessions/s1/documents/{'9' * 18}/").status_code == 404
    assert Chunk.objects.count() == 1
    send(ada, TR, EN)
    work_off()
    assert Chunk.objects.count() == 2


def test_the_desk_shows_sessions_and_changes_nothing(db, client):
    send(client_of("ada"), TR)
    work_off()
    boss = make_user("boss")
    boss.is_staff = boss.is_superuser = True
    boss.save()
    client.force_login(boss)
    for model, row in (("documentsession", DocumentSession), ("document", Document), ("chunk", Chunk)):
        assert client.get(f"/admin/parsers/{model}/").status_code == 200
        assert client.get(f"/admin/parsers/{model}/{row.objects.get().pk}/change/").status_code == 200
        assert client.get(f"/admin/parsers/{model}/add/").status_code == 403
        assert client.post(f"/admin/parsers/{model}/{row.objects.get().pk}/delete/", {"post": "yes"}).status_code == 403
