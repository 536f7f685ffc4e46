"""No personal data outside of content: all kinds run and fail with marked people, then everything is searched.

python -m pytest -n 0 -s tests/privacy prints how many places were searched, and how many hits there were.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from imaging.models import Conversation
from jobs import lifecycle, logs
from jobs.engine import claiming
from jobs.models import AuditEntry, Job, JobFile, OperationPlan
from jobs.webhooks import endpoints
from orders.models import Draft
from parsers.models import Chunk, Document
from tests import samples
from tests.orders.conftest import deliver, letter, work
from tests.privacy import marks, places
from tests.privacy.marks import CV, EMAIL, NAME, PHONE, STREET, SURNAME
from tests.standins.webhook_receiver import WebhookReceiver

FILE_NAME = f"{NAME} {SURNAME} {EMAIL}"
#: The desk's lists that show content on purpose: the name of a document, the label of a session, who wrote a mail.
LISTS_OF_CONTENT = {"parsers.document", "parsers.chunk", "imaging.conversation", "orders.mail", "orders.draft"}


@pytest.fixture
def written() -> Iterator[dict[str, io.StringIO]]:
    """Everything that is logged at DEBUG, in both formats, with each query that Django would log in development."""
    root, level = logging.getLogger(), logging.getLogger().level
    streams = {}
    for name, formatter in (
        ("line", logs.LineFormatter("{levelname} {name} {message}", style="{")),
        ("json", logs.JSONFormatter()),
    ):
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter)
        handler.addFilter(logs.Fields())
        root.addHandler(handler)
        streams[name] = handler
    root.setLevel(logging.DEBUG)
    connection.force_debug_cursor = True
    yield {name: handler.stream for name, handler in streams.items()}
    connection.force_debug_cursor = False
    root.setLevel(level)
    for handler in streams.values():
        root.removeHandler(handler)


@pytest.fixture
def desk(django_user_model: Any) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("root"))
    return client


class Asking:
    """A client that keeps what it was answered when something was refused."""

    def __init__(self, user: Any) -> None:
        self.client, self.refusals = APIClient(raise_request_exception=False), []
        self.client.force_authenticate(user)

    def post(self, path: str, data: Any, format: str = "multipart", **headers: Any) -> Any:
        answer = self.client.post(path, data, format=format, **headers)
        if answer.status_code >= 400:
            self.refusals.append(answer.content)
        return answer


def upload(content: bytes, extension: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{FILE_NAME}.{extension}", content)


def files() -> list[SimpleUploadedFile]:
    # Read well, and unreadable in each of the usual ways.
    return [
        upload(CV.encode(), "txt"), upload(samples.text_pdf([CV]), "pdf"),
        upload(samples.corrupt_pdf() + CV.encode(), "pdf"), upload(samples.encrypted_pdf(), "pdf"),
        upload(b"PK\x03\x04" + CV.encode(), "docx"), upload(b"", "txt"),
    ]  # fmt: skip


def run_everything(ada: Any, maildir: Any, monkeypatch: pytest.MonkeyPatch) -> Asking:
    asking = Asking(ada)
    labels = {"user_id": "u-1", "session_id": "s-1"}
    for file in files():
        asking.post("/api/v1/parser/parse-file-async", {"file": file, "parse_mode": "advanced", **labels})
    asking.post("/api/v1/parser/parse-text-async", {"text": CV, **labels}, "json")
    asking.post("/batch/upload", {"files": files(), "user_id": "u-1"})
    asking.post("/upload", {"file": files()[0]})
    asking.post(reverse("ingestion:batch"), {"files": files(), "session_id": "s-1"})
    chat = asking.post("/api/v1/conversations", {"title": f"for {NAME} {SURNAME}"}, "json").json()["links"]["messages"]
    picture = {"width": 64, "height": 64, "steps": 1}
    asking.post(chat, {"prompt": f"{NAME} {SURNAME} in {STREET}, {PHONE}", **picture}, "json")
    deliver(
        maildir,
        letter(
            f"{STREET}\n{PHONE}\n1001?",
            sender=f"{NAME} {SURNAME} <{EMAIL}>",
            subject=f"{SURNAME} 1001",
            message_id="<a@x>",
        ),
        letter("?", sender=f"<{EMAIL}", subject="=?utf-8?q?=ff=fe?="),
    )
    lifecycle.submit("orders.fetch_mails")
    # Refused at the door, with the caller's words in the fields, the path and the query.
    asking.post("/api/v1/parser/parse-file-async", {"file": files()[0], "parse_mode": f"{NAME} {SURNAME}", **labels})
    asking.post("/api/v1/jobs/", {"kind": "workload.act_out", "input": {"act": EMAIL, "value": PHONE}}, "json")
    asking.post("/api/v1/jobs/", f"{{'{EMAIL}'", "json")
    for path in (
        f"/api/sessions/{SURNAME}/",
        f"/nowhere/{EMAIL}/",
        f"/api/v1/jobs/?q={SURNAME}&state={EMAIL}",
        f"/documents/{SURNAME}",
    ):
        asking.client.get(path)
    work()
    fail_in_every_way(asking, labels, monkeypatch)
    return asking


def fail_in_every_way(asking: Asking, labels: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that quotes the document, a cause that does, an unstorable result, bugs of views, a lost worker."""

    def burst(*_: Any, **__: Any) -> Any:
        try:
            raise ConnectionError(f"refused: {CV}")
        except ConnectionError as error:
            raise RuntimeError(f"cannot parse {CV!r}") from error

    class Unreadable:
        def __repr__(self) -> str:
            return CV

    for broken in (burst, lambda *_, **__: {"profile": Unreadable()}):
        with monkeypatch.context() as patch:
            patch.setattr("parsers.tasks.operations.parse_cv", broken)
            asking.post("/api/v1/parser/parse-text-async", {"text": CV, **labels}, "json")
            work()
    with monkeypatch.context() as patch:
        patch.setattr("jobs.files.store_many", burst)
        asking.post("/api/v1/parser/parse-text-async", {"text": CV, **labels}, "json")
        patch.setattr("parsers.ingestion.store.check_label", burst)
        asking.client.get(f"/api/sessions/{SURNAME}/")
    asking.post("/api/v1/parser/parse-text-async", {"text": CV, **labels}, "json")
    while claiming.claim("lost") is not None:
        Job.objects.running().update(lease_expires_at=Now() - timedelta(seconds=1))
        lifecycle.rescue()


def operate(desk: Client, ada: Any) -> None:
    """Staff look for somebody and do things to what they find."""
    for name in ("requeue", "cancel"):
        OperationPlan.objects.create(
            operation=name, filter={"state": "failed"}, actor_name="root", via=AuditEntry.Via.DESK
        )
    failed = Job.objects.filter(state="failed").first()
    assert failed is not None
    lifecycle.requeue(failed.pk, by="root", reason="once more")
    work()
    desk.get(reverse("admin:jobs_job_changelist"), {"q": SURNAME})


def lists_of_the_desk(desk: Client) -> Iterator[tuple[str, bytes]]:
    for model in admin.site._registry:
        if model._meta.label_lower in LISTS_OF_CONTENT:
            continue
        answer = desk.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert answer.status_code in (200, 302), model
        yield f"desk {model._meta.label_lower}", answer.content


def test_no_personal_data_outside_of_content(
    any_database: str, django_user_model: Any, desk: Client, maildir: Any, settings: Any, tmp_path: Any,
    written: dict[str, io.StringIO], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.MEDIA_ROOT, settings.WEBHOOK_ALLOW_PRIVATE = tmp_path / "files", True
    ada = django_user_model.objects.create_user("ada")
    with WebhookReceiver() as receiver:
        endpoints.create(ada, receiver.url)
        asking = run_everything(ada, maildir, monkeypatch)
        operate(desk, ada)
        work()
        told = [str(message.headers).encode() + message.body for message in receiver.messages]
    # It is no use to search where nothing was written.
    codes = set(Job.objects.filter(state="failed").values_list("error_code", flat=True))
    assert {"internal_error", "worker_lost"} < codes, codes
    assert {"succeeded", "failed"} <= set(Job.objects.values_list("state", flat=True))
    assert (
        len(
            {kind.split(".")[0] for kind in Job.objects.values_list("kind", flat=True)}
            & {"parsers", "classifier", "imaging", "orders"}
        )
        == 4
    )
    for rows in (JobFile, Document, Chunk, Conversation, Draft):
        assert rows.objects.exists(), rows
    assert len(told) > 10
    assert len(asking.refusals) > 3

    searched: list[tuple[str, list[str | bytes]]] = list(places.columns())
    searched += [(f"log ({name})", stream.getvalue().splitlines()) for name, stream in written.items()]
    searched += [("webhooks", told), ("metrics", [desk.get("/metrics").content])]
    searched += [
        (
            "events of the API",
            [desk.get(reverse("api:job-events", args=[pk])).content for pk in Job.objects.values_list("pk", flat=True)],
        )
    ]
    searched += [(place, [content]) for place, content in lists_of_the_desk(desk)]
    hits = [
        (place, found, value[:300]) for place, values in searched for value in values if (found := marks.find(value))
    ]
    print(f"\nplaces searched {len(searched)} ({any_database}), hits {len(hits)}")  # noqa: T201  with -s the figures are shown
    assert not hits, "\n".join(map(str, hits[:20]))


def test_the_search_finds_a_mark_in_every_form():
    text = f"x {SURNAME} <{EMAIL}>"
    for form in (
        text,
        text.upper(),
        text.lower(),
        quote(text),
        ascii(text),
        base64.b64encode(text.encode()),
        marks.folded(text),
    ):
        assert {"surname", "e-mail"} & marks.find(form), form
    assert marks.find("tel:+90(532)771-33-19") == {"phone"}
    assert marks.find("Karabulut at the lake, 532 771") == set()
