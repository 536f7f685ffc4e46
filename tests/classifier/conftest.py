"""People, their clients, and documents in the states that matter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.errors import InvalidInput
from jobs.models import Job
from tests.harness.tokens import token_of

#: What a classification looks like.
CLASSIFICATION: dict[str, Any] = {
    "final_category": "Confidential",
    "confidence": 0.9,
    "reasons": ["It has e-mail addresses of persons.", "It says that it is confidential."],
    "reasons_tr": ["Kişilere ait e-posta adresleri var.", "Gizli olduğunu söylüyor."],
    "evidence": [{"detector": "email", "page": 1, "span": [10, 24], "excerpt": "write to a●●●@●●●"}],
    "detectors": [{"name": "email", "count": 2, "shown": 1, "category": "Confidential", "hard": False}],
    "readable": True,
    "language": "en",
    "provider": "rules",
    "pages": 1,
    "ocr_used": False,
    "embedded_images": 0,
    "warnings": [],
    "seconds": 0.1,
}


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    return client


@pytest.fixture
def _own_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password="ada")


@pytest.fixture
def bob(db: None) -> Any:
    return get_user_model().objects.create_user("bob")


@pytest.fixture
def staff(db: None) -> Any:
    return get_user_model().objects.create_user("staff", is_staff=True)


@pytest.fixture
def api(ada: Any, _own_storage: None) -> APIClient:
    """Ada's client."""
    return client_of(ada)


def text_file(name: str = "note.txt", text: str = "The library opens at nine.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def send(client: APIClient, *files: Any, **fields: Any) -> Any:
    """POST /batch/upload."""
    return client.post("/batch/upload", {"files": list(files), **fields}, format="multipart")


@pytest.fixture
def batch(api: APIClient) -> Callable[..., dict[str, Any]]:
    """A function that sends so many good files as Ada's batch and returns its status."""

    def send_batch(count: int = 3, **fields: Any) -> dict[str, Any]:
        answer = send(api, *(text_file(f"{number}.txt") for number in range(count)), **fields)
        assert answer.status_code == 202, answer.content
        return api.get(f"/status/{answer.json()['job_id']}").json()

    return send_batch


def begin(job_id: Any) -> Job:
    """A worker claims this job."""
    running = lifecycle.start(
        Job.objects.filter(pk=job_id),
        worker="w1",
        resource="",
        slot=None,
        lease=timedelta(seconds=30),
        require=lambda _: True,
    )
    assert running is not None
    return running


def finish(job_id: Any, **changes: Any) -> Job:
    return lifecycle.succeed(begin(job_id), CLASSIFICATION | changes)


def fail(job_id: Any, code: str = "corrupt_file") -> Job:
    return lifecycle.fail(begin(job_id), InvalidInput("The file is damaged and cannot be read.", code=code))


def sum_up(job_id: Any) -> Job:
    """Run a batch's own kind, as a worker would when its last document has ended."""
    from jobs.kinds import registry
    from jobs.running import RunningJob

    running = begin(job_id)
    kind = registry.get(running.kind)
    return lifecycle.succeed(running, kind.run(RunningJob(running)))
