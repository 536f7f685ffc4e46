"""Seed 003's own clients against a running Sıra, unchanged but for the Authorization header, the port and the pauses.

One stack serves all tests of this module: each has a user of its own.
"""

# ruff: noqa: SIM115  the seed opens its files so

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from classifier.policy import CATEGORIES
from jobs.tokens.recognising import recognise
from tests import samples
from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.requirements import require_tool

PAUSE_SECONDS = 0.05
LETTER = "Confidential. Please pay 1,250.00 EUR to IBAN DE89 3704 0044 0532 0130 00. Write to deniz@example.com."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any, _sqlite_template: Path, django_db_blocker: Any) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("seed-003")
    (data_dir / "scans").mkdir()
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    env = {"CLASSIFIER_FOLDERS": str(data_dir / "scans")}
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, env=env) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest, stack: ServerStack) -> Iterator[None]:
    yield
    if has_failed(request):
        print(stack.log_tail())  # noqa: T201  pytest shows it with the failure


class Client:
    """`requests` with a header, and the address of the stack in front of every path."""

    def __init__(self, stack: ServerStack, username: str) -> None:
        self.base_url = stack.base_url
        self.headers = {"Authorization": f"Token {stack.token(username)}"}

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(f"{self.base_url}{path}", headers=self.headers, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(f"{self.base_url}{path}", headers=self.headers, timeout=70, **options)

    def status(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/status/{job_id}").json()


@pytest.fixture
def client(request: pytest.FixtureRequest, stack: ServerStack) -> Client:
    return Client(stack, f"user-{abs(hash(request.node.name))}")


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_python_client_sees_every_document_through_and_progress_never_goes_back(client, tmp_path):
    write(tmp_path, "doc1.pdf", samples.text_pdf([LETTER]))
    write(tmp_path, "doc2.docx", samples.docx_with_body(f"<w:p><w:r><w:t>{LETTER}</w:t></w:r></w:p>"))
    write(tmp_path, "doc3.txt", "Belediye kütüphanesi hafta sonu saat dokuzda açılır. Giriş herkese ücretsizdir.")
    write(tmp_path, "doc4.png", samples.cv_image("en"))
    write(tmp_path, "doc5.pdf", samples.corrupt_pdf())
    seen: list[dict[str, Any]] = []

    # 1. Batch upload
    files = [
        ("files", open(tmp_path / "doc1.pdf", "rb")),
        ("files", open(tmp_path / "doc2.docx", "rb")),
        ("files", open(tmp_path / "doc3.txt", "rb")),
        ("files", open(tmp_path / "doc4.png", "rb")),
        ("files", open(tmp_path / "doc5.pdf", "rb")),
    ]
    response = client.post("/batch/upload", files=files)
    job_id = response.json()["job_id"]

    # 2. Poll for status
    while True:
        status = client.get(f"/status/{job_id}").json()
        assert f"Progress: {status['progress']:.1f}% ({status['completed']}/{status['total_files']})"
        seen.append(status)
        if status["status"] in ["completed", "failed"]:
            break
        time.sleep(PAUSE_SECONDS)

    # 3. Get individual results
    results = {}
    for doc in status["documents"]:
        if doc["status"] == "completed":
            result = client.get(f"/documents/{doc['doc_id']}").json()
            results[doc["filename"]] = result["classification"]

    for _, file in files:
        file.close()
    assert response.json()["total_files"] == 5
    assert (status["status"], status["completed"], status["failed"], status["progress"]) == ("completed", 4, 1, 100)
    assert {name: result["final_category"] for name, result in results.items()} == {
        "doc1.pdf": results["doc2.docx"]["final_category"],
        "doc2.docx": results["doc2.docx"]["final_category"],
        "doc3.txt": "Public",
        "doc4.png": results["doc4.png"]["final_category"],
    }
    assert results["doc1.pdf"]["final_category"] in CATEGORIES[1:]
    broken = status["documents"][4]
    assert (broken["filename"], broken["status"], broken["error_code"]) == ("doc5.pdf", "failed", "corrupt_file")
    shown = [status["progress"] for status in seen]
    assert shown == sorted(shown)
    for number in range(5):
        of_document = [status["documents"][number]["progress"] for status in seen]
        assert of_document == sorted(of_document)
    exported = client.get(f"/jobs/{job_id}/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(exported.content.decode(), newline="")))
    good = [results[name]["final_category"] for name in ("doc1.pdf", "doc2.docx", "doc3.txt")]
    assert [row["category"] for row in rows[:3]] == good
    everything = client.get(f"/jobs/{job_id}/export?format=json").json()
    assert everything["documents"][0]["classification"] == results["doc1.pdf"]
    result = client.get(f"/api/v1/jobs/{job_id}/result/").json()["result"]
    assert (result["total"], result["completed"], result["failed"]) == (5, 4, 1)
    assert sum(result["categories"].values()) == 4


def test_the_curl_lines_work(client, tmp_path):
    curl = require_tool("curl")
    for number in (1, 2, 3):
        write(tmp_path, f"document{number}.pdf", samples.text_pdf([f"Notice number {number}. All are welcome."]))

    def run(*arguments: str) -> dict[str, Any]:
        header = f"Authorization: {client.headers['Authorization']}"
        done = subprocess.run(
            [curl, "-s", "-H", header, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20
        )
        return json.loads(done.stdout)

    uploaded = run(
        "-X", "POST", f"{client.base_url}/batch/upload", "-F", "files=@document1.pdf", "-F", "files=@document2.pdf",
        "-F", "files=@document3.pdf",
    )  # fmt: skip
    assert (uploaded["total_files"], uploaded["status"]) == (3, "pending")
    assert uploaded["message"] == "Batch upload initiated. Successfully queued 3 documents."
    job_id = uploaded["job_id"]
    wait_until(lambda: run(f"{client.base_url}/status/{job_id}")["status"] == "completed", timeout=20)
    listed = run(f"{client.base_url}/jobs")
    assert (listed["total"], listed["jobs"][0]["job_id"], listed["jobs"][0]["completed"]) == (1, job_id, 3)


def test_one_document_is_uploaded_and_classified_while_the_client_waits(client, tmp_path):
    uploaded = client.post("/upload", files={"file": ("letter.txt", LETTER.encode())}).json()
    classified = client.post(f"/classify/{uploaded['doc_id']}")
    body = classified.json()
    assert (classified.status_code, body["filename"], body["readable"], body["provider"]) == (
        200,
        "letter.txt",
        True,
        "rules",
    )
    assert body["final_category"] in CATEGORIES[1:]
    assert 0 < body["confidence"] <= 1
    assert body["reasons"]
    assert "deniz@example.com" not in classified.text  # excerpts are masked
    broken = client.post("/upload", files={"file": ("a.pdf", samples.corrupt_pdf())}).json()
    refused = client.post(f"/classify/{broken['doc_id']}")
    assert (refused.status_code, refused.json()["code"]) == (422, "corrupt_file")


def test_a_batch_cancelled_midway_keeps_what_is_done_and_a_retry_does_the_rest(client):
    files = [("files", (f"{number}.txt", f"Notice {number}. {LETTER}".encode())) for number in range(24)]
    job_id = client.post("/batch/upload", files=files).json()["job_id"]
    wait_until(lambda: client.status(job_id)["completed"] >= 2, timeout=20)
    # Still `processing` while those of its documents stop that a worker has.
    assert client.post(f"/cancel/{job_id}").json()["status"] in ("cancelled", "processing")

    def settled() -> dict[str, Any] | None:
        status = client.status(job_id)
        ended = status["completed"] + status["failed"] == 24
        return status if ended else None

    cancelled = wait_until(settled, timeout=10)
    done = [document for document in cancelled["documents"] if document["status"] == "completed"]
    assert (cancelled["status"], 2 <= len(done) < 24) == ("cancelled", True)
    assert {document["error"] for document in cancelled["documents"] if document["status"] == "failed"} == {"cancelled"}
    assert client.post(f"/cancel/{job_id}").status_code == 200
    assert client.get(f"/documents/{done[0]['doc_id']}").json()["classification"]["final_category"]

    assert client.post(f"/retry/{job_id}").status_code == 202
    finished = wait_until(lambda: (s := client.status(job_id))["status"] == "completed" and s, timeout=30)
    assert (finished["completed"], finished["failed"]) == (24, 0)
    assert [document for document in finished["documents"] if document["doc_id"] in {d["doc_id"] for d in done}] == done


def test_a_batch_that_is_out_of_time_fails_with_its_documents_and_says_why(client, stack):
    from jobs import lifecycle

    with stack.database():
        lifecycle.pause_queue("documents", by="test")
    try:
        job_id = client.post(
            "/batch/upload", files=[("files", ("a.txt", b"One.")), ("files", ("b.txt", b"Two."))],
            data={"timeout_seconds": "1"},
        ).json()["job_id"]  # fmt: skip
        late = wait_until(lambda: (s := client.status(job_id))["status"] == "failed" and s, timeout=15)
    finally:
        with stack.database():
            lifecycle.resume_queue("documents")
    assert "deadline" in late["error"]
    wait_until(lambda: client.status(job_id)["failed"] == 2, timeout=10)
    assert client.post(f"/retry/{job_id}").status_code == 202
    wait_until(lambda: client.status(job_id)["completed"] == 2, timeout=20)


def test_a_recurring_batch_sends_what_is_new_in_its_folder(client, stack):

    from classifier.models import RecurringBatch
    from jobs import lifecycle

    scans = stack.data_dir / "scans"
    for name in ("a.txt", "b.txt"):
        os.utime(write(scans, name, f"Notice {name}. {LETTER}"), (1, 1))
    half = write(scans, "half.txt", "Half of it")
    with stack.database():
        owner = recognise(client.headers["Authorization"].split()[1]).owner
        row = RecurringBatch.objects.create(name="scans", owner=owner, location=str(scans), every=1)
        run = lifecycle.submit("classifier.collect_recurring")

    def find_batch() -> Any:
        os.utime(half)  # still being written, however long the worker takes
        return (jobs := client.get("/jobs").json()["jobs"]) and jobs[0]

    batch = wait_until(find_batch, timeout=20)
    done = wait_until(lambda: (s := client.status(batch["job_id"]))["status"] == "completed" and s, timeout=20)
    assert [document["filename"] for document in done["documents"]] == ["a.txt", "b.txt"]
    with stack.database():
        run.refresh_from_db()
        row.refresh_from_db()
        assert run.result == {"batches": 1, "documents": 2}
        assert (str(row.last_job_id), row.last_problem) == (batch["job_id"], "")
