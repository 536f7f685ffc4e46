"""What there is to be reached: one owner's things of every kind, and a few of somebody else's.

Every name in it is a canary: a word that no answer to anybody else may hold.
"""

from __future__ import annotations

import copy
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_q.models import Schedule

from classifier.models import CollectedFile, RecurringBatch
from classifier.shapes import ClassificationShape
from imaging.models import Conversation, Preview
from jobs import audit, lifecycle, operations, retention
from jobs.errors import InvalidInput
from jobs.models import AuditEntry, Job, QueueControl, RateLimit, Worker
from jobs.webhooks import endpoints
from jobs.webhooks.models import WebhookAttempt, WebhookDelivery
from orders.models import Draft, Mail, MailFolder, MailOrder, MailSource, Order
from parsers.ingestion import store
from parsers.shapes import CVResultShape
from tests.authorisation.people import OWNER_NAME, Visitors, make_people
from tests.ingestion.conftest import cut

ACT = "workload.act_out"
PICTURE = {"prompt": "canary-prompt", "width": 64, "height": 64, "steps": 2, "seed": 7}
#: Words of the owner's that stand in no id.
CANARIES = (OWNER_NAME, "canary-")


@dataclass
class World:
    """people, visitors: by role. ids: of everything, by a word; those that begin with "other" are the other user's."""

    people: dict[str, Any]
    visitors: Visitors
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> list[str]:
        """What no answer to anybody else may hold: the owner's ids, names, labels and addresses."""
        return [*CANARIES, *(self.ids[name] for name in self.ids if name in OWNERS)]


#: The ids that are the owner's alone.
OWNERS = frozenset(
    {
        "done", "queued", "failed", "running", "file", "cv", "batch", "document", "failed_batch", "ingestion",
        "conversation", "message", "painting", "webhook", "delivery", "session", "forgotten",
        "prefix", "sent",
    }
)  # fmt: skip


def make_world() -> World:
    """Fill an empty database. The owner has two of what the other user has one of."""
    people = make_people()
    world = World(people, Visitors(people))
    _make_things_of("owner", world, "")
    _make_things_of("other", world, "other_")
    _make_jobs(world)
    _make_inbox(world)
    _make_desk(world)
    world.visitors.deactivate(people["inactive"])
    return world


def upload(name: str = "canary-cv.txt", text: str = "Software engineer since 2015.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode(), content_type="text/plain")


def _made(answer: Any) -> dict[str, Any]:
    assert answer.status_code in (200, 201, 202), answer.content
    return answer.json()


def start(job_id: Any, **options: Any) -> Job:
    """Let a worker claim a job."""
    started = lifecycle.start(
        Job.objects.filter(pk=job_id), worker="w1", lease=timedelta(hours=1), require=lambda _: True,
        **{"resource": "", "slot": None} | options,
    )  # fmt: skip
    assert started is not None
    return started


def _parsed(profession: str) -> dict[str, Any]:
    """Return what the parser of CVs makes, as the API's description has it."""
    parsed = copy.deepcopy(CVResultShape.example["parsed_data"])
    parsed["profile"]["basics"]["profession"] = profession
    return {"parsed_data": parsed, "cv_language": "en", "warnings": []}


def _make_things_of(role: str, world: World, prefix: str) -> None:
    """Make what both users have: through the API, as they would."""
    client, user, ids = world.visitors.with_token(role), world.people[role], world.ids
    name = "canary" if role == "owner" else "mine"
    sent = {"file": upload(f"{name}-cv.txt"), "user_id": name, "session_id": name}
    cv = _made(client.post("/api/v1/parser/parse-file-async", sent))
    done = start(cv["job_id"])
    lifecycle.succeed(done, _parsed(f"{name}-profession"))
    ids[f"{prefix}done"] = ids[f"{prefix}cv"] = str(done.pk)
    ids[f"{prefix}file"] = str(done.files.get().pk)
    early = _made(client.post("/api/v1/files/", {"file": upload(f"{name}-sent.txt")}, format="multipart"))
    ids[f"{prefix}sent"] = early["id"]
    endpoint, _secret = endpoints.create(user, f"https://example.com/{name}-hook", description=f"{name}-hook")
    delivery = endpoints.send_test(endpoint)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state=WebhookDelivery.State.DELIVERED)
    WebhookAttempt.objects.create(delivery=delivery, number=1, seconds=0.1, status=200)
    ids[f"{prefix}webhook"], ids[f"{prefix}delivery"] = str(endpoint.pk), str(delivery.pk)
    session = store.open_session(user.pk, f"{name}-session")
    store.store_document(
        session.pk, cut("The reading room opens at nine."), sha256="0" * 64, name=f"{name}-notice.txt", chunk_size=1000,
        chunk_overlap=0, job_id=None,
    )  # fmt: skip
    ids[f"{prefix}session"], ids[f"{prefix}kept"] = session.session_id, str(session.documents.get().pk)
    ids[f"{prefix}chunk"] = str(session.documents.get().chunks.get().pk)
    chat = _made(client.post("/api/v1/conversations", {"title": f"{name}-title"}, format="json"))
    message = _made(client.post(chat["links"]["messages"], PICTURE | {"prompt": f"{name}-prompt"}, format="json"))
    job = message["extra_metadata"]["job_id"]
    if role == "owner":
        painting = start(job, resource="gpu", slot=0)
        Preview.objects.create(job=painting, attempt=1, step=1, image=b"RIFF")
        ids["painting"] = job
    ids[f"{prefix}conversation"], ids[f"{prefix}message"] = chat["id"], message["id"]


def _make_jobs(world: World) -> None:
    """Make the owner's jobs in each state, and the two kinds of batches."""
    client, owner, ids = world.visitors.with_token("owner"), world.people["owner"], world.ids
    labels: dict[str, Any] = {"owner": owner, "user_id": "canary-label", "session_id": "canary-label"}
    ids["queued"] = str(lifecycle.submit(ACT, {"act": "ok"}, **labels).pk)
    failed = start(lifecycle.submit(ACT, {"act": "ok"}, **labels).pk)
    lifecycle.fail(failed, InvalidInput("canary-reason", code="empty_file"), traceback="canary-traceback")
    ids["failed"] = str(failed.pk)
    files = {"files": [upload("canary-1.txt", "one"), upload("canary-2.txt", "two")]}
    batch = _made(client.post("/batch/upload", files, format="multipart"))["job_id"]
    document = start(Job.objects.filter(parent=batch).first().pk)
    lifecycle.succeed(document, ClassificationShape.example | {"reasons": ["canary-why"]})
    ids["batch"], ids["document"] = batch, str(document.pk)
    empty = {"files": [upload("canary-3.txt", "three")]}
    ids["failed_batch"] = _made(client.post("/batch/upload", empty, format="multipart"))["job_id"]
    lifecycle.cancel(Job.objects.get(pk=ids["failed_batch"]).pk, by="canary-owner")
    told = {"files": [upload("canary-4.txt", "four")], "session_id": "canary-session"}
    ids["ingestion"] = _made(
        client.post("/api/documents/process-and-store-batch", told, format="multipart")
    )["job_id"]  # fmt: skip
    forgotten = lifecycle.submit(ACT, {"act": "ok"}, **labels)
    lifecycle.cancel(forgotten.pk)
    retention.delete_job(Job.objects.get(pk=forgotten.pk), by=OWNER_NAME, reason="canary-reason")
    ids["forgotten"] = str(forgotten.pk)
    finished = Conversation.objects.create(owner=owner, title="canary-finished")
    ids["finished"] = str(finished.pk)
    chat = f"/api/v1/conversations/{finished.pk}/messages"
    message = _made(client.post(chat, PICTURE, format="json"))
    lifecycle.cancel(message["extra_metadata"]["job_id"])
    ids["finished_message"] = message["id"]


def _make_inbox(world: World) -> None:
    """Make four mails: one with an order and a draft; one whose reply may have gone out; one put aside; one bare."""
    ids, now = world.ids, timezone.now()
    folder = MailFolder.objects.create(address="maildir")
    order = Order.objects.create(
        source="sample", number="1028", snapshot=_snapshot(), expires_at=now + timedelta(hours=1)
    )
    ids["folder"], ids["order"] = str(folder.pk), str(order.pk)
    for word, state in (("mail", "open"), ("unsure_mail", "unknown"), ("aside_mail", ""), ("bare_mail", "")):
        mail = Mail(
            folder=folder, identity=word, sender="ayse@example.com", subject="Sipariş 1028", text="Nerede?",
            order=order, outcome="found",
        )  # fmt: skip
        mail.thread = mail.pk
        mail.box = Mail.Box.DISMISSED if word == "aside_mail" else Mail.Box.OPEN
        mail.save()
        MailSource.objects.create(mail=mail, content=zlib.compress(b"Subject: 1028\r\n\r\nNerede?"), size=24)
        MailOrder.objects.create(mail=mail, order=order, by="number", belongs=True)
        if state:
            draft = Draft.objects.create(
                mail=mail, state=state, subject="Re: 1028", body="Merhaba.", language="tr", provider="template",
                basis=[[order.pk, order.version]], message_id="<1@example.org>" if state == "unknown" else "",
            )  # fmt: skip
            ids.setdefault("draft", str(draft.pk))
        ids[word] = str(mail.pk)


def _snapshot() -> dict[str, Any]:
    customer = {"email": "ayse@example.com", "first_name": "Ayşe", "full_name": "Ayşe Demir"}
    return {
        "id": "sample-1028", "number": "1028", "status": "CREATED", "payment_status": "PAID",
        "package_status": "UNFULFILLED", "ordered_at": None, "updated_at": None, "cancelled_at": None,
        "cancel_reason": None, "currency": "TRY", "total": "10.00", "customer": customer, "city": None, "lines": [],
        "packages": [],
    }  # fmt: skip


def _make_desk(world: World) -> None:
    """Make what only the desk shows, and name the rows of its tables: "desk:<app>.<model>"."""
    ids, now = world.ids, timezone.now()
    admin = world.people["administrator"]
    ids["queue"], ids["paused_queue"] = "default", "documents"
    QueueControl.objects.create(queue="documents", paused_at=now, paused_by="operator", reason="a repair")
    RateLimit.objects.create(key="shop", theoretical_arrival_at=now, ready_at=now, failures=3)
    Worker.objects.create(name="w1", cluster="elsewhere", queues=["elsewhere"])
    plan = operations.plan("requeue", [Job.objects.get(pk=ids["failed"]).pk], actor=admin, reason="they failed")
    audit.record("cancel", "job", ids["failed"], actor=admin, via=AuditEntry.Via.DESK, reason="by mistake")
    recurring = RecurringBatch.objects.create(name="nightly", owner=world.people["owner"], location="inbox")
    collected = CollectedFile.objects.create(
        recurring=recurring, name="a.txt", fingerprint="0" * 64, size=1, modified_ns=0, doc_id=ids["document"]
    )
    empty = RecurringBatch.objects.create(name="weekly", owner=world.people["owner"], location="outbox")
    first, second = Schedule.objects.order_by("pk")[:2]
    Schedule.objects.filter(pk=second.pk).update(repeats=0)
    ids["plan"], ids["schedule"], ids["paused_schedule"] = str(plan.pk), str(first.pk), str(second.pk)
    token = world.people["owner"].api_tokens.get()
    ids["user"], ids["token"], ids["prefix"] = str(world.people["owner"].pk), str(token.pk), token.prefix
    ids["content_type"] = str(ContentType.objects.get_for_model(Job).pk)
    rows = {
        "auth.group": admin.groups.get().pk,
        "auth.user": world.people["clerk"].pk,  # who owns nothing, so can be deleted
        "jobs.apitoken": ids["token"],
        "jobs.job": ids["failed"],
        "jobs.ratelimit": "shop",
        "jobs.queuecontrol": "documents",
        "jobs.receipt": ids["forgotten"],
        "jobs.worker": "w1",
        "jobs.auditentry": AuditEntry.objects.first().pk,
        "jobs.operationplan": plan.pk,
        "jobs.webhookendpoint": ids["webhook"],
        "jobs.webhookdelivery": ids["delivery"],
        "parsers.documentsession": store.open_session(world.people["owner"].pk, "canary-session").pk,
        "parsers.document": ids["kept"],
        "parsers.chunk": ids["chunk"],
        "classifier.recurringbatch": empty.pk,
        "classifier.collectedfile": collected.pk,
        "imaging.conversation": ids["conversation"],
        "imaging.message": ids["message"],
        "orders.mailfolder": ids["folder"],
        "orders.mail": ids["mail"],
        "orders.order": ids["order"],
        "orders.draft": ids["draft"],
    }
    ids.update({f"desk:{model}": str(pk) for model, pk in rows.items()})
