"""Staff, their clients, a mailbox and an outbox of the test's own, and a worker in the test's own process."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from jobs.engine import claiming, worker
from jobs.models import Job, RateLimit
from jobs.models import Worker as WorkerRow
from orders.models import Mail
from tests.harness.tokens import token_of


class _NobodyWatches:
    """A watchdog without a thread: tests in this process end their attempts themselves."""

    def guard(self, *_: Any) -> None: ...
    def leave(self) -> None: ...


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    return client


@pytest.fixture
def maildir(settings: Any, tmp_path: Path) -> Path:
    """An empty mailbox, and a folder that outgoing mail is written into."""
    settings.MAILDIR = tmp_path / "mails"
    settings.MAILDIR_HAS_SAMPLES = False
    settings.OUTBOX_DIR = tmp_path / "outbox"
    mailbox.Maildir(str(settings.MAILDIR), create=True)
    return settings.MAILDIR


@pytest.fixture
def agent(django_user_model: Any) -> Any:
    user = django_user_model.objects.create_user("agent", password="agent", is_staff=True)
    user.groups.set(Group.objects.filter(name="administrator"))  # who may delete as well
    return user


@pytest.fixture
def api(agent: Any, maildir: Path) -> APIClient:
    """The client of somebody who answers mails."""
    return client_of(agent)


def letter(
    text: str,
    *,
    subject: str = "Sipariş",
    sender: str = "Ayşe Demir <ayse.demir@example.com>",
    message_id: str = "",
    **headers: str,
) -> bytes:
    """Return the bytes of a mail. headers: In_Reply_To="<…>" and the like."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "destek@example.org", subject
    if message_id:
        message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def deliver(maildir: Path, *mails: bytes) -> None:
    """Put mails into the mailbox."""
    box = mailbox.Maildir(str(maildir))
    for raw in mails:
        box.add(raw)


def work(most: int = 100) -> list[Job]:
    """Run due jobs as a worker does, until none is left; return them as they are then."""
    ran = []
    while len(ran) < most and (job := claiming.claim("worker-1")) is not None:
        worker.run(job, _NobodyWatches())
        ran.append(job.pk)
    return [Job.objects.get(pk=pk) for pk in ran]


def worker_alive() -> None:
    """Let it look as if a worker served every queue."""
    WorkerRow.objects.update_or_create(name="worker-1", defaults={"cluster": "sira", "queues": []})


def fetch(api: APIClient, maildir: Path, *mails: bytes) -> list[Mail]:
    """Deliver mails, fetch them and do all that follows; return the mails in the order of their arrival."""
    known = set(Mail.objects.values_list("pk", flat=True))
    deliver(maildir, *mails)
    api.post("/api/mails/fetch", HTTP_PREFER="wait=0")
    work()
    return [mail for mail in Mail.objects.order_by("id") if mail.pk not in known]


def see(api: APIClient, mail: Mail) -> dict[str, Any]:
    answer = api.get(f"/api/mails/{mail.pk}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def forget_limits() -> None:
    """Have no limit and no breaker hold anything back."""
    RateLimit.objects.all().delete()
