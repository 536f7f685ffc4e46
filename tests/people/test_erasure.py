"""All of one person is erased, nothing of another, whatever breaks off; a receipt stays that names nobody."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from jobs import lifecycle, retention
from jobs.engine import claiming
from jobs.models import AuditEntry, Erasure, Job, JobFile, OperationPlan, Receipt
from jobs.people import erasure
from jobs.people.registry import NotYet, Person
from orders.chosen import chosen_outbox
from orders.models import Draft, Mail, Order
from parsers.models import Chunk, Document, DocumentSession
from tests.people.conftest import ACT, draft_to, finish_all, ingest, mail_from, order_of

pytestmark = pytest.mark.usefixtures("sqlite")


def test_a_person_goes_whole_and_others_stay(ada, ben, send):
    mine, other, namesake = send(ada, "u-1"), send(ada, "u-2"), send(ben, "u-1")
    batch = lifecycle.submit_batch(
        lifecycle.Submission("workload.sum_up", user_id="u-1"),
        [lifecycle.Submission("workload.act_out", ACT)],
        owner=ada,
    )
    finish_all()
    ingest(ada, "box", mine, sha256="1" * 64)
    ingest(ada, "box", other, sha256="2" * 64)
    ingest(ben, "box", namesake, sha256="1" * 64)
    path = mine.files.get().file.name
    kept = {file.file.name for file in JobFile.objects.exclude(job=mine)}
    assert erasure.plan(Person("u-1", owner=ada)) == {
        "jobs": {"jobs": 3, "files": 1, "events": Job.objects.get(pk=mine.pk).event_seq * 2 + batch_events(batch)},
        "documents": {"documents": 1, "chunks": 2},
    }
    receipt = erasure.erase(Person("u-1", owner=ada), reason="request 7")
    assert set(Job.objects.values_list("pk", flat=True)) == {other.pk, namesake.pk}
    assert not default_storage.exists(path)
    assert all(default_storage.exists(one) for one in kept)
    assert sorted(Document.objects.values_list("session__owner__username", "user_id")) == [
        ("ada", "u-2"),
        ("ben", "u-1"),
    ]
    assert Chunk.objects.count() == 4
    assert receipt.finished_at is not None
    assert (receipt.counts["jobs"], receipt.counts["documents"], len(receipt.digest)) == (3, 1, 64)
    entry = AuditEntry.objects.get(action="erase_person")
    assert (entry.target, entry.reason) == (receipt.person, "request 7")
    left = f"{vars(receipt)}{vars(entry)}{list(Receipt.objects.values())}"
    assert "u-1" not in left
    assert erasure.plan(Person("u-1", owner=ada)) == {}


def batch_events(batch: Job) -> int:
    return Job.objects.get(pk=batch.pk).event_seq


def test_the_documents_of_a_person_are_found_after_their_jobs_have_expired(ada, send):
    job = send(ada, "u-1")
    finish_all()
    ingest(ada, "box", job, sha256="1" * 64)
    Job.objects.update(expires_at=Now())
    retention.prune()
    assert not Job.objects.exists()
    erasure.erase(Person("u-1"), reason="7")
    assert not DocumentSession.objects.exists()


def test_a_document_that_somebody_else_has_sent_as_well_stays_theirs(ada, send):
    mine, other = send(ada, "u-1", session_id="box"), send(ada, "u-2", session_id="box")
    finish_all()
    same = "a" * 64
    JobFile.objects.update(sha256=same)
    ingest(ada, "box", mine, sha256=same)
    erasure.erase(Person("u-1", owner=ada), reason="7")
    assert Document.objects.get().user_id == "u-2"
    assert Job.objects.get() == other


def test_a_session_is_erased_by_its_label(ada, send):
    job = send(ada, "", session_id="of a person")
    finish_all()
    ingest(ada, "of a person", job, sha256="1" * 64)
    erasure.erase(Person(session_id="of a person", owner=ada), reason="7")
    assert not any(model.objects.exists() for model in (Job, DocumentSession, Chunk))


def test_what_runs_is_stopped_first(ada, send):
    job = send(ada, "u-1")
    running = claiming.claim("w")
    assert running == job
    with pytest.raises(NotYet, match="still runs"):
        erasure.erase(Person("u-1"), reason="7", seconds=0)
    assert Job.objects.get().cancel_requested_at is not None
    stopped = threading.Timer(0.05, lambda: lifecycle.acknowledge_cancel(running))
    stopped.start()
    erasure.erase(Person("u-1"), reason="7", seconds=10)
    stopped.join()
    assert not Job.objects.exists()
    assert Erasure.objects.get().counts["jobs"] == 1  # one receipt for both tries


def test_the_lease_of_a_dead_worker_does_not_keep_a_person(ada, send):
    send(ada, "u-1")
    claiming.claim("w")
    Job.objects.update(lease_expires_at=Now())
    erasure.erase(Person("u-1"), reason="7", seconds=10)
    assert not Job.objects.exists()


def test_killed_in_the_middle_it_goes_on_where_it_stopped(ada, send):
    for _ in range(4):
        send(ada, "u-1")
    finish_all()
    paths = [file.file.name for file in JobFile.objects.all()]
    if (child := os.fork()) == 0:  # SIGKILL after the commit of the second deletion, before its contents go
        from django.db import connection

        connection.connect()
        deleted = []

        def dies(rows):
            deleted.append(rows)
            if len(deleted) == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        retention.files.discard = dies
        erasure.erase(Person("u-1"), reason="7")
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert Job.objects.count() == 2
    assert all(default_storage.exists(path) for path in paths)
    receipt = erasure.erase(Person("u-1"), reason="7")
    assert not Job.objects.exists()
    assert not any(default_storage.exists(path) for path in paths)
    assert Erasure.objects.get() == receipt
    assert receipt.counts["jobs"] == 4


def test_the_label_leaves_the_filters_of_plans(ada, send):
    send(ada, "u-1")
    finish_all()
    OperationPlan.objects.create(
        operation="requeue", filter={"user_id": "u-1", "state": "failed"}, actor_name="x", via="desk"
    )
    erasure.erase(Person("u-1"), reason="7")
    assert OperationPlan.objects.get().filter == {"user_id": "(erased)", "state": "failed"}


def test_mails_go_by_address_with_drafts_orders_and_messages_in_the_outbox(settings, tmp_path: Path):
    settings.OUTBOX_DIR = tmp_path
    mail, other = mail_from("Ece@Example.com"), mail_from("can@example.com")
    draft = draft_to(mail, message_id="<1@shop>", state=Draft.State.SENT)
    order_of("ece@example.com", "1")
    order_of("can@example.com", "2")
    chosen_outbox().send(b"Message-ID: <1@shop>\r\n\r\nx", sender="", recipient="", about_to_transmit=lambda: None)
    assert len(list(tmp_path.iterdir())) == 1
    receipt = erasure.erase(Person(email="ece@example.com"), reason="7")
    assert receipt.counts == {"mails": 1, "drafts": 1, "orders": 1}
    assert not Draft.objects.filter(pk=draft.pk).exists()
    assert Mail.objects.get() == other
    assert Order.objects.get().number == "2"
    assert not list(tmp_path.iterdir())


def test_a_reply_on_its_way_is_settled_first():
    draft_to(mail_from("ece@example.com"), message_id="<1@shop>", state=Draft.State.SENDING)
    with pytest.raises(NotYet, match="on its way"):
        erasure.erase(Person(email="ece@example.com"), reason="7")
    assert Mail.objects.exists()


def test_the_command_shows_first_and_wants_a_reason_that_names_nobody(ada, send, capsys):
    send(ada, "u-1")
    finish_all()
    call_command("erase_person", "--user-id", "u-1", "--dry-run")
    assert "jobs" in capsys.readouterr().out
    for reason in ([], ["--reason", "U-1 asked for it"]):
        with pytest.raises(CommandError, match="--reason"):
            call_command("erase_person", "--user-id", "u-1", "--yes", *reason)
    assert Job.objects.exists()
    call_command("erase_person", "--user-id", "u-1", "--yes", "--reason", "7", "--owner", "ada")
    assert not Job.objects.exists()
    call_command("erase_person", "--user-id", "u-1", "--yes", "--reason", "7", "--owner", "ada")
    assert "Nothing is kept" in capsys.readouterr().out
