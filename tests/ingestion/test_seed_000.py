"""Seed 000: its four scenarios, and its polling client against a running Sıra whose processes are killed."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from jobs.models import Job
from tests import samples
from tests.harness.waiting import wait_until
from tests.ingestion.conftest import client_of, send, status_of, work_off

#: Enough documents for the kill to come in the middle.
DOCUMENTS = 10
TWO_TEXTS = [("bir.txt", b"Birinci belge."), ("iki.txt", "İkinci belge.".encode())]


class Client:
    """The seed's page as a program: it polls with the session's id and, where the old server said 404, the chunks."""

    def __init__(self, stack: Any) -> None:
        self.stack = stack
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {stack.token('ada')}"

    def send(self, files: list[tuple[str, bytes]], session_id: str) -> str:
        answer = self.session.post(
            f"{self.stack.base_url}/api/documents/process-and-store-batch",
            files=[("files", file) for file in files],
            data={"session_id": session_id},
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    def status(self, job_id: str, session_id: str) -> dict[str, Any]:
        answer = self.session.get(
            f"{self.stack.base_url}/api/documents/process-and-store-batch/status/{job_id}?session_id={session_id}",
            timeout=10,
        )
        assert answer.status_code == 200, answer.text  # never the 404 that the seed complains of
        return answer.json()

    def poll(self, job_id: str, session_id: str, *, progress: float, timeout: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while (body := self.status(job_id, session_id))["status"] == "running":
            assert body["progress"] >= progress, "progress went back"
            progress = body["progress"]
            assert time.monotonic() < deadline, body
            time.sleep(0.1)
        return body

    def search(self, session_id: str, query: str) -> int:
        url = f"{self.stack.base_url}/api/sessions/{session_id}/search"
        return self.session.get(url, params={"q": query}, timeout=10).json()["found"]

    def chunks(self, session_id: str) -> list[dict[str, Any]]:
        url: str | None = f"/api/sessions/{session_id}/chunks?limit=200"
        found = []
        while url:
            body = self.session.get(self.stack.base_url + url, timeout=10).json()
            found += body["results"]
            url = body["next"]
        return found


def documents(count: int) -> list[tuple[str, bytes]]:
    """Return real documents, no two alike."""
    cvs = [("cv-en.pdf", samples.cv_pdf("en")), ("cv-tr.pdf", samples.cv_pdf("tr")), ("cv.docx", samples.cv_docx("en"))]
    texts = [
        (f"belge-{n}.txt", f"Belge {n}. ".encode() + samples.cv_text("tr" if n % 2 else "en")) for n in range(count - 3)
    ]
    return cvs + texts


@pytest.mark.usefixtures("any_database")
def test_scenario_1_a_normal_batch_is_followed_to_its_end() -> None:
    ada = client_of("ada")
    job_id = send(ada, *documents(4), ("bozuk.pdf", samples.corrupt_pdf()), session_id="normal").json()["job_id"]
    seen = [status_of(ada, job_id, "normal")]
    while work_off(limit=1):
        seen.append(status_of(ada, job_id, "normal"))
    assert [body["processed"] for body in seen] == [0, 1, 2, 3, 4, 5, 5]
    assert [body["status"] for body in seen] == ["running"] * 6 + ["completed_with_errors"]
    assert [body["progress"] for body in seen] == sorted(body["progress"] for body in seen)
    done = seen[-1]
    assert (done["found_by"], done["failed"], done["errors"][0]["filename"]) == ("job", 1, "bozuk.pdf")
    assert done["chunks"] == len(ada.get("/api/sessions/normal/chunks").json()["results"]) > 4
    assert ada.get("/api/sessions/normal/search?q=engineering").json()["found"] > 0


def test_scenario_2_a_server_restart_midway_loses_nothing(server_stack: Any) -> None:
    # Its own queue only: the CV parser takes a second to load. A short lease: a killed worker's job comes back soon.
    env = {"WORKER_QUEUES": "documents", "LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.5"}
    stack = server_stack(env=env)
    client = Client(stack)
    job_id = client.send(documents(DOCUMENTS), "restart")
    wait_until(lambda: client.status(job_id, "restart")["processed"] > 1, message="the batch has begun")
    stack.kill_whole("sira")
    stack.kill_whole("web")
    stack.start("web")
    body = client.status(job_id, "restart")
    assert (body["status"], body["found_by"]) == ("running", "job")
    assert 1 < body["processed"] < DOCUMENTS
    stack.start("sira")
    body = client.poll(job_id, "restart", progress=body["progress"])
    assert (body["status"], body["processed"], body["progress"]) == ("completed", DOCUMENTS, 100.0)
    chunks = client.chunks("restart")
    places = [(chunk["document"], chunk["position"]) for chunk in chunks]
    assert len(places) == len(set(places)) == body["chunks"]
    assert len({chunk["document"] for chunk in chunks}) == DOCUMENTS
    assert client.search("restart", "mühendislerin") > 0


@pytest.mark.usefixtures("any_database", "_quick_extraction")
def test_scenario_3_a_lost_job_row_with_chunks_is_likely_completed() -> None:
    ada, turkish = client_of("ada"), client_of("ada", "tr")
    job_id = send(ada, *TWO_TEXTS, session_id="lost").json()["job_id"]
    work_off()
    Job.objects.all().delete()
    body = status_of(ada, job_id, "lost")
    assert (body["status"], body["found_by"], body["chunks"]) == ("likely_completed", "chunks", 2)
    assert {one["kind"] for one in body["evidence"]} == {"session", "job_missing"}
    message = status_of(turkish, job_id, "lost")["message"]
    assert message.startswith("İşlem tamamlandı! Chunk'lar başarıyla oluşturuldu.")
    assert status_of(ada, job_id)["status"] == "unknown"  # without the session's id there is nothing to go by


@pytest.mark.usefixtures("any_database", "_quick_extraction")
def test_scenario_4_a_lost_job_id_is_found_by_its_session() -> None:
    ada = client_of("ada")
    job_id = send(ada, *TWO_TEXTS, session_id="found").json()["job_id"]
    running = status_of(ada, "kaybolan-kimlik", "found")
    assert (running["job_id"], running["status"], running["found_by"]) == (job_id, "running", "session")
    work_off()
    done = status_of(ada, "kaybolan-kimlik", "found")
    assert (done["job_id"], done["status"], done["found_by"]) == (job_id, "completed", "session")
