from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from jobs import files, lifecycle
from jobs.engine import claiming
from jobs.models import Job, new_id
from orders.models import Draft, Mail, MailFolder, Order
from parsers.ingestion import store
from parsers.ingestion.operations import SplitChunk, SplitDocument

ACT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def ben(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ben")


@pytest.fixture
def send() -> Callable[..., Job]:
    """Submit a job with a file of its own."""

    def submit(owner: Any, user_id: str, **options: Any) -> Job:
        stored = files.store(
            ContentFile(f"of {user_id}".encode()), name="cv ş.txt", media_type="text/plain", role="input",
            job_id=new_id(),
        )  # fmt: skip
        return lifecycle.submit("workload.act_out", ACT, owner=owner, user_id=user_id, files=[stored], **options)

    return submit


def finish_all() -> None:
    while (job := claiming.claim("w")) is not None:
        lifecycle.succeed(job, {"value": 1})


def ingest(owner: Any, label: str, job: Job, *, sha256: str) -> None:
    """Store a document of two chunks, as the job's worker does."""
    session = store.open_session(owner.pk, label)
    chunks = [SplitChunk(text=text, page=1, language="en", words=[text]) for text in ("first", "second")]
    split = SplitDocument(
        chunks, media_type="text/plain", pages=1, language="en", characters=11, ocr_used=False, warnings=[]
    )
    assert store.store_document(
        session.pk,
        split,
        sha256=sha256,
        name="cv.txt",
        chunk_size=100,
        chunk_overlap=0,
        job_id=job.pk,
        user_id=job.user_id,
    )


def mail_from(address: str, **values: Any) -> Mail:
    folder, _ = MailFolder.objects.get_or_create(address="maildir")
    mail = Mail(
        folder=folder, identity=f"{address}{Mail.objects.count()}", sender=address, text="where is it?", **values
    )
    mail.thread = mail.pk
    mail.save(force_insert=True)
    return mail


def order_of(address: str, number: str) -> Order:
    return Order.objects.create(
        source="sample",
        number=number,
        snapshot={"number": number, "customer": {"email": address}},
        expires_at=timezone.now(),
    )


def draft_to(mail: Mail, **values: Any) -> Draft:
    return Draft.objects.create(
        mail=mail, body="On its way.", language="en", provider="template", recipient=mail.sender, **values
    )
