"""People, their clients, their conversations, and a worker in the test's own process."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from imaging.models import Conversation, Message
from jobs.engine import claiming, worker
from jobs.models import Job
from jobs.running import RunningJob
from tests.harness.tokens import token_of

PROMPT = {"prompt": "a quiet sea at sunset", "width": 64, "height": 64, "steps": 2, "seed": 7}


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    return client


@pytest.fixture(autouse=True)
def _own_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada", password="ada")


@pytest.fixture
def bob(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("bob")


@pytest.fixture
def api(ada: Any) -> APIClient:
    """Ada's client."""
    return client_of(ada)


def open_conversation(client: APIClient, title: str = "Pictures") -> str:
    """Return the address of a new conversation's messages."""
    answer = client.post("/api/v1/conversations", {"title": title}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()["links"]["messages"]


@pytest.fixture
def chat(api: APIClient) -> str:
    """The address of the messages of Ada's conversation."""
    return open_conversation(api)


def ask(client: APIClient, chat: str, **changes: Any) -> dict[str, Any]:
    """Ask for an image and return the assistant's message."""
    answer = client.post(chat, PROMPT | changes, format="json")
    assert answer.status_code == 202, answer.content
    return answer.json()


def see(client: APIClient, message: dict[str, Any]) -> dict[str, Any]:
    """Return the message's `extra_metadata` as it is now."""
    answer = client.get(message["links"]["self"])
    assert answer.status_code == 200, answer.content
    return answer.json()["extra_metadata"]


def claim() -> Job:
    job = claiming.claim("worker-1")
    assert job is not None, "nothing was claimable"
    return job


class _NobodyWatches:
    """A watchdog without a thread: tests in this process end their attempts themselves."""

    def guard(self, *_: Any) -> None: ...
    def leave(self) -> None: ...


def work() -> Job:
    """Run the next job as a worker does, and return it as it is then."""
    job = claim()
    worker.run(job, _NobodyWatches())
    return Job.objects.get(pk=job.pk)


def begin() -> RunningJob:
    return RunningJob(claim())


def owner_of(chat: str) -> Any:
    conversation = Conversation.objects.get(pk=chat.split("/")[4])
    return get_user_model().objects.get(pk=conversation.owner_id)


def stored(message: dict[str, Any]) -> Message:
    """Return the message's row."""
    return Message.objects.get(pk=message["id"])
