"""The real thing on a bucket: daphne and a cluster in processes of their own, and a bucket that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.models import Job, JobFile
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.samples import cv_pdf
from tests.standins.s3_server import KEY_ID, REGION, SECRET, S3Server
from tests.storage.conftest import BUCKET, PREFIX, empty

ENDED = ("succeeded", "failed", "cancelled")
PICTURE = {"prompt": "a quiet sea", "width": 64, "height": 64, "steps": 2, "seed": 7}


@dataclass
class Client:
    """Whoever asks the stack over HTTP. headers: of all requests."""

    stack: ServerStack
    headers: dict[str, str]

    def ask(self, method: str, path: str, *, status: int = 200, **options: Any) -> requests.Response:
        headers = self.headers | options.pop("headers", {})
        url = path if path.startswith("http") else self.stack.base_url + path
        answer = requests.request(method, url, headers=headers, timeout=60, **options)
        assert answer.status_code == status, answer.text
        return answer

    def send_cv(self, status: int = 202) -> requests.Response:
        form = {"user_id": "u-1", "session_id": "s-1"}
        file = {"file": ("cv.pdf", cv_pdf("en"))}
        return self.ask("POST", "/api/v1/parser/parse-file-async", status=status, data=form, files=file)

    def job(self, id: str) -> dict[str, Any]:
        return self.ask("GET", f"/api/v1/jobs/{id}/").json()

    def wait_for(self, id: str, found: Callable[[dict[str, Any]], bool] = lambda job: job["state"] in ENDED) -> Any:
        return wait_until(
            lambda: job if found(job := self.job(id)) else None, timeout=90, message=lambda: str(self.job(id))
        )


@pytest.fixture
def stack(server: S3Server, shared_stack: Any) -> Iterator[ServerStack]:
    yield shared_stack(
        workers=1,
        env={
            "FILES_S3_BUCKET": BUCKET,
            "FILES_S3_ENDPOINT_URL": server.url,
            "FILES_S3_REGION": REGION,
            "FILES_S3_PREFIX": PREFIX,
            "FILES_S3_KEY_ID": KEY_ID,
            "FILES_S3_SECRET": SECRET,
            "FILES_S3_ADDRESSING": "path",
            "FILES_S3_TIMEOUT_SECONDS": "3",
            "LOG_LEVEL": "DEBUG",
        },
    )
    if not server.is_there:
        server.start()
    empty(server)


@pytest.fixture
def client(stack: ServerStack) -> Client:
    return Client(stack, {"Authorization": f"Token {stack.token()}"})


def test_files_come_from_the_bucket_and_go_with_their_jobs(
    server: S3Server, stack: ServerStack, client: Client
) -> None:
    cv = client.send_cv().json()["job_id"]
    picture = client.ask("POST", "/api/v1/jobs/", status=202, json={"kind": "imaging.generate_image", "input": PICTURE})
    picture_id = picture.json()["id"]
    assert client.wait_for(cv)["state"] == "succeeded"
    result = client.ask("GET", f"/api/v1/parser/result/{cv}").json()
    assert "profile" in str(result)

    assert client.wait_for(picture_id)["state"] == "succeeded"
    made = client.ask("GET", f"/api/v1/files/?job={picture_id}").json()["results"][0]
    assert len(server.keys(BUCKET)) == 2
    assert all(key.startswith(f"{PREFIX}/") for key in server.keys(BUCKET))
    assert not list((stack.data_dir / "files").glob("**/*"))

    download = client.ask("GET", made["links"]["content"])
    assert download.content.startswith(b"\x89PNG")
    assert int(download.headers["Content-Length"]) == len(download.content) == made["size"]
    assert download.headers["ETag"] == f'"{made["sha256"]}"'
    assert "attachment" in download.headers["Content-Disposition"]

    client.ask("DELETE", f"/api/v1/jobs/{picture_id}/")
    assert len(server.keys(BUCKET)) == 1
    with stack.database():
        Job.objects.filter(pk=cv).update(expires_at=Now() - timedelta(hours=1))
        JobFile.objects.update(expires_at=Now() - timedelta(hours=1))
        pruning = str(lifecycle.submit("jobs.prune_expired").pk)
        wait_until(lambda: Job.objects.get(pk=pruning).is_finished, timeout=60)
        assert Job.objects.get(pk=pruning).result["files"] == 1
    assert server.keys(BUCKET) == []
    said = stack.log_tail(lines=100_000)
    assert SECRET not in said
    assert "AWS4-HMAC" not in said
    assert "Signature" not in said


def test_a_bucket_that_is_away_refuses_uploads_and_has_jobs_tried_again(
    server: S3Server, stack: ServerStack, client: Client
) -> None:
    staff = Client(stack, {"Authorization": f"Token {stack.token('root', staff=True)}"})
    staff.ask("POST", "/api/v1/queues/documents/pause/", json={"reason": "test"})
    sent = client.ask("POST", "/api/v1/files/", status=201, files={"file": ("cv.pdf", cv_pdf("en"))}).json()
    waiting = client.ask(
        "POST", "/api/v1/jobs/", status=202, json={"kind": "parsers.parse_cv", "input": {"file": sent["id"]}}
    ).json()["id"]

    server.stop()
    refused = client.send_cv(status=503)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "storage_unavailable"
    assert "The storage of files did not answer. Nothing was changed" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    batch = client.ask("POST", "/batch/upload", status=503, files=[("files", ("a.txt", b"text"))] * 3)
    assert batch.json()["code"] == "storage_unavailable"
    client.ask("GET", sent["links"]["content"], status=503)
    with stack.database():
        assert [str(job.pk) for job in Job.objects.exclude(kind__startswith="jobs.")] == [waiting]
        assert JobFile.objects.count() == 1

    staff.ask("POST", "/api/v1/queues/documents/resume/", json={"reason": "test"})
    client.wait_for(waiting, lambda job: job["state"] == "pending" and job["attempt"] == 1)
    with stack.database():
        assert Job.objects.get(pk=waiting).error_code == "storage_unavailable"
        Job.objects.filter(pk=waiting).update(run_after=Now())
    server.start()
    done = client.wait_for(waiting)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
