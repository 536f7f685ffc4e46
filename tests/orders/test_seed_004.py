"""Seed 004: its endpoints, word for word, and the promises of WIRE.md."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from rest_framework.test import APIClient

from jobs import lifecycle, retention
from jobs.models import Job
from orders import inbox
from orders.models import Mail, OrderLookup
from tests.orders.conftest import client_of, deliver, fetch, forget_limits, letter, see, work, worker_alive
from tests.standins import ikas_server
from tests.standins.ikas_server import IkasServer, order_of, orders_for

pytestmark = pytest.mark.django_db(transaction=True)

FETCH = "orders.fetch_order"


@pytest.fixture
def ikas(settings: Any) -> Iterator[IkasServer]:
    """A shop of its own, asked as fast as one likes."""
    with IkasServer(orders=[order_of("1028", "ayse.demir@example.com"), *orders_for(30)]) as server:
        settings.ORDER_PROVIDER = "ikas"
        settings.IKAS_TOKEN_URL = server.environment["IKAS_TOKEN_URL"]
        settings.IKAS_API_URL = server.environment["IKAS_API_URL"]
        settings.IKAS_CLIENT_ID = ikas_server.CLIENT_ID
        settings.IKAS_CLIENT_SECRET = ikas_server.CLIENT_SECRET
        settings.IKAS_REQUESTS_PER_SECOND = 1000.0
        settings.IKAS_REQUESTS_PER_WINDOW = 1_000_000
        yield server
        server.released.set()


def lookups() -> list[Job]:
    return list(Job.objects.filter(kind=FETCH).order_by("id"))


def make_due(job: Job) -> None:
    """Let the time for a retry have come."""
    Job.objects.filter(pk=job.pk).update(run_after=Now() - timedelta(seconds=1))
    lifecycle.promote_due()


# --- POST /api/mails/fetch ------------------------------------------------------------------------------------------


def test_a_fetch_stores_new_mails_once_with_one_look_up_of_priority_5_each(api: APIClient, maildir: Path) -> None:
    deliver(maildir, letter("1028 numaralı sipariş", message_id="<a@example.com>"), letter("order #1031"))
    api.post("/api/mails/fetch", HTTP_PREFER="wait=0")
    work(1)
    assert Mail.objects.count() == 2
    assert [(job.priority, job.state) for job in lookups()] == [(5, "queued"), (5, "queued")]
    api.post("/api/mails/fetch", HTTP_PREFER="wait=0")
    work()
    assert (Mail.objects.count(), len(lookups())) == (2, 2)


def test_a_fetch_says_how_many_there_were(api: APIClient, maildir: Path) -> None:
    deliver(maildir, letter("a"), letter("b"))
    job = lifecycle.submit("orders.fetch_mails")
    (done,) = [one for one in work() if one.pk == job.pk]
    assert done.result == {"fetched": 2, "enqueued": 2, "copies": 0, "odd": 0}


def test_a_fetch_without_a_worker_says_so_and_loses_nothing(api: APIClient, maildir: Path) -> None:
    answer = api.post("/api/mails/fetch")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["success"], body["fetched"], body["enqueued"]) == (False, 0, 0)
    assert "No worker" in body["errors"][0]
    assert Job.objects.get(pk=body["job_id"]).state == "queued"


def test_a_mailbox_that_cannot_be_opened_is_said_in_errors(api: APIClient, settings: Any, tmp_path: Path) -> None:
    settings.MAILDIR, settings.MAILDIR_HAS_SAMPLES = tmp_path / "nowhere", False
    job = lifecycle.submit("orders.fetch_mails")
    work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "mailbox_not_found")


def test_the_same_mail_delivered_twice_is_one_mail_and_one_look_up(api: APIClient, maildir: Path) -> None:
    one = letter("1028 numaralı sipariş", message_id="<a@example.com>", Received="from one")
    other = letter("1028 numaralı sipariş", message_id="<a@example.com>", Received="from another")
    assert len(fetch(api, maildir, one, other)) == 1
    assert len(lookups()) == 1
    # And what comes behind the copy is not held up by it.
    assert len(fetch(api, maildir, letter("1031 numaralı sipariş"))) == 1


def test_another_mail_under_the_same_message_id_is_not_lost(api: APIClient, maildir: Path) -> None:
    mails = fetch(api, maildir, letter("first", message_id="<a@x.co>"), letter("second", message_id="<a@x.co>"))
    assert {mail.text for mail in mails} == {"first", "second"}


def test_a_mail_without_a_message_id_is_stored_once(api: APIClient, maildir: Path) -> None:
    assert len(fetch(api, maildir, letter("no id"), letter("no id"))) == 1


# --- /api/queue/process ---------------------------------------------------------------------------------------------


def test_statistics_have_the_shape_of_the_seed(api: APIClient, maildir: Path) -> None:
    fetch(api, maildir, letter("1028 numaralı sipariş"))
    lifecycle.submit(FETCH, {"mail_id": str(Mail.objects.get().pk)})
    body = api.get("/api/queue/process").json()
    assert body == {
        "success": True,
        "stats": {
            "byStatus": {"pending": 1, "processing": 0, "completed": 1, "failed": 0},
            "byType": {"fetch_ikas_order": 2},
            "total": 2,
        },
    }


def test_processing_an_empty_queue_says_that_nothing_was_done(api: APIClient) -> None:
    assert api.post("/api/queue/process").json() == {"success": True, "processed": 0, "failed": 0, "errors": []}


def test_processing_without_a_worker_says_so(api: APIClient, maildir: Path) -> None:
    deliver(maildir, letter("1028 numaralı sipariş"))
    api.post("/api/mails/fetch", HTTP_PREFER="wait=0")
    work(1)
    body = api.post("/api/queue/process").json()
    assert (body["success"], body["processed"]) == (False, 0)
    assert "No worker" in body["errors"][0]
    assert lookups()[0].state == "queued"


def test_priority_10_overtakes_200_that_wait_at_5(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    deliver(maildir, *[letter(f"order #{5000 + n}", subject=f"q{n}") for n in range(200)])
    deliver(maildir, letter("1028 numaralı siparişim", subject="somebody waits"))
    api.post("/api/mails/fetch", HTTP_PREFER="wait=0")
    work(1)
    worker_alive()
    mail = Mail.objects.get(subject="somebody waits")
    job = inbox.ask_for_order(mail, priority=inbox.SOMEBODY_WAITS)
    (first,) = work(1)
    assert first.pk == job.pk
    assert Job.objects.queued().filter(kind=FETCH, priority=5).count() == 201
    assert ikas.calls[0].asked == {"orderNumber": "1028"}


# --- POST /api/ai/generate-reply ------------------------------------------------------------------------------------


def generate(api: APIClient, mail: Mail) -> Any:
    """Ask for a reply while a worker works."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(api.post("/api/ai/generate-reply", {"mail_id": str(mail.pk)}, format="json"))
        finally:
            connection.close()

    worker_alive()
    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        for job in Job.objects.queued().filter(kind="orders.draft_reply"):
            work_only(job)
        asking.join(0.05)
    return answers[0]


def work_only(job: Job) -> None:
    """Run the drafts only: the look-up of a miss has to wait."""
    others = list(Job.objects.queued().exclude(pk=job.pk).values_list("pk", "state"))
    Job.objects.filter(pk__in=[pk for pk, _ in others]).update(state="pending", run_after=None)
    work()
    Job.objects.filter(pk__in=[pk for pk, _ in others]).update(state="queued")


def test_a_kept_order_is_a_hit_and_nobody_is_asked(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı siparişim nerede?"))
    asked = len(ikas.calls)
    answer = generate(api, mail)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["success"], body["cache"], body["job_id"]) == (True, "hit", None)
    assert body["order"]["number"] == "1028"
    assert "YK1028900" in body["reply"]
    assert all(claim["field"] for claim in body["claims"])
    assert len(ikas.calls) == asked


def test_a_miss_asks_at_priority_10_and_the_draft_says_that_order_data_is_missing(
    api: APIClient, maildir: Path, ikas: IkasServer
) -> None:
    (mail,) = fetch(api, maildir, letter("Where is order #1028? Please tell me.", subject="Order"))
    OrderLookup.objects.update(expires_at=Now())
    for order in mail.mail_orders.all():
        type(order.order).objects.filter(pk=order.order_id).update(expires_at=Now() - timedelta(seconds=1))
    asked = len(ikas.calls)
    body = generate(api, mail).json()
    assert (body["success"], body["cache"], body["order"]) == (True, "miss", None)
    assert "order data is missing" in body["reply"]
    job = Job.objects.get(pk=body["job_id"])
    assert (job.kind, job.priority) == (FETCH, 10)
    assert len(ikas.calls) == asked
    work()
    assert "YK1028900" in see(api, mail)["draft"]["body"], "the draft is written anew when the order is there"


# --- attempts, limits, cache ----------------------------------------------------------------------------------------


def test_three_attempts_two_and_four_minutes_apart_then_failed(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    ikas.will(*[ikas_server.server_error()] * 3)
    (mail,) = fetch(api, maildir, letter("1028 numaralı sipariş"))
    (job,) = lookups()
    waits = []
    for _ in range(2):
        waits.append((job.run_after - job.updated_at).total_seconds())
        assert (job.state, see(api, mail)["lookup"]["status"]) == ("pending", "pending")
        make_due(job)
        work()
        (job,) = lookups()
    assert 100 < waits[0] < 140
    assert 200 < waits[1] < 280
    assert (job.state, job.attempt) == ("failed", 3)
    seen = see(api, mail)
    assert (seen["lookup"]["status"], seen["lookup"]["outcome"]) == ("failed", "unavailable")
    assert not OrderLookup.objects.filter(expires_at__isnull=False).exists(), "a failure was kept"


def test_a_429_waits_as_told_and_costs_no_attempt(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    ikas.will(ikas_server.rate_limited(retry_after=30))
    fetch(api, maildir, letter("1028 numaralı sipariş"))
    (job,) = lookups()
    assert (job.state, job.attempt) == ("pending", 0)
    assert 28 < (job.run_after - job.updated_at).total_seconds() < 32
    forget_limits()
    make_due(job)
    work()
    assert (lookups()[0].state, lookups()[0].attempt) == ("succeeded", 1)


def test_ten_questions_for_one_order_make_one_call(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    mails = fetch(api, maildir, *[letter("1028 numaralı sipariş", subject=f"again {n}") for n in range(10)])
    assert [see(api, mail)["lookup"]["outcome"] for mail in mails] == ["found"] * 10
    assert len(ikas.calls) == 1


def test_not_found_is_a_result_kept_for_ten_minutes(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    (mail,) = fetch(api, maildir, letter("Where is order #777777, please?"))
    seen = see(api, mail)
    assert (seen["lookup"]["status"], seen["lookup"]["outcome"]) == ("completed", "not_found")
    kept = OrderLookup.objects.get()
    assert timedelta(minutes=9, seconds=50) < kept.expires_at - kept.fetched_at <= timedelta(minutes=10, seconds=1)


def test_an_order_is_kept_for_one_hour(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı sipariş"))
    kept = OrderLookup.objects.get()
    assert timedelta(minutes=59, seconds=50) < kept.expires_at - kept.fetched_at <= timedelta(hours=1, seconds=1)
    assert see(api, mail)["order"]["is_fresh"] is True


def test_without_a_number_the_senders_latest_order_is_meant(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    (mail,) = fetch(api, maildir, letter("Merhaba, kargom ne zaman gelir acaba?", subject="Kargom"))
    assert ikas.calls[0].asked == {"customerEmail": "ayse.demir@example.com"}
    seen = see(api, mail)
    assert seen["order"]["number"] == "1028"
    assert seen["orders"][0]["by"] == "email"


def test_finished_look_ups_are_cleaned_up_after_seven_days(api: APIClient, maildir: Path) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı sipariş"))
    (job,) = lookups()
    assert timedelta(days=6, hours=23) < job.expires_at - job.created_at < timedelta(days=7, minutes=1)
    Job.objects.filter(pk=job.pk).update(expires_at=Now() - timedelta(seconds=1))
    retention.prune()
    assert lookups() == []
    assert see(api, mail)["order"]["number"] == "1028", "what was found stays with the mail"


# --- webhooks -------------------------------------------------------------------------------------------------------


def hook(body: bytes) -> Any:
    return APIClient().post("/api/ikas/webhook", body, content_type="application/json")


def test_a_webhook_refreshes_the_order_and_its_draft_is_out_of_date(
    api: APIClient, maildir: Path, ikas: IkasServer
) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı sipariş"))
    ikas.orders[0]["orderPackageStatus"] = "DELIVERED"
    answer = hook(ikas_server.webhook(ikas.orders[0], id="w1"))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "duplicate": False})
    work()
    seen = see(api, mail)
    assert seen["order"]["package_status"] == "DELIVERED"
    assert seen["draft"]["out_of_date"]["code"] == "order_changed"
    assert seen["draft"]["can_send"] is False


def test_a_webhook_that_comes_twice_asks_once(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    fetch(api, maildir, letter("1028 numaralı sipariş"))
    body = ikas_server.webhook(ikas.orders[0], id="w1")
    assert [hook(body).json()["duplicate"] for _ in range(3)] == [False, True, True]
    work()
    assert len(ikas.calls) == 2
    assert hook(body).json()["duplicate"] is True  # also when the first one's job has ended
    work()
    assert len(ikas.calls) == 2


def test_a_webhook_with_a_wrong_signature_changes_nothing(api: APIClient, maildir: Path, ikas: IkasServer) -> None:
    fetch(api, maildir, letter("1028 numaralı sipariş"))
    answer = hook(ikas_server.webhook(ikas.orders[0], secret="somebody else's"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")
    assert not Job.objects.filter(kind="orders.refresh_order").exists()


def test_without_a_secret_no_webhook_is_believed(ikas: IkasServer, settings: Any) -> None:
    settings.IKAS_CLIENT_SECRET = ""
    answer = hook(ikas_server.webhook(ikas.orders[0], secret=""))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


def test_a_webhook_for_an_order_that_nobody_asked_for_is_left_alone(ikas: IkasServer) -> None:
    assert hook(ikas_server.webhook(order_of("9", "a@example.com"))).status_code == 200
    assert not Job.objects.exists()


# --- who may ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/mails", "/api/mails/fetch", "/api/queue/process", "/api/ai/generate-reply"])
def test_the_customers_mails_are_for_staff_only(path: str, django_user_model: Any) -> None:
    assert APIClient().get(path).status_code == 401
    answer = client_of(django_user_model.objects.create_user("somebody")).get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("kind", ["fetch_mails", "fetch_order", "draft_reply", "refresh_order", "send_reply"])
def test_nobody_gets_at_the_mails_through_the_jobs_of_everybody(
    kind: str, api: APIClient, maildir: Path, django_user_model: Any
) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı siparişim nerede?"))
    before = see(api, mail)
    given = {"mail_id": str(mail.pk), "replace": True, "number": "1028", "draft_id": before["draft"]["id"]}
    fields = {"fetch_order": ["mail_id", "number"], "draft_reply": ["mail_id", "replace"]}.get(kind, [])
    asked = {"kind": f"orders.{kind}", "input": {name: given[name] for name in fields}}
    stranger = client_of(django_user_model.objects.create_user("nobody", password="x"))
    assert stranger.post("/api/v1/jobs/", asked, format="json").status_code == 400
    work()
    assert see(api, mail)["draft"]["id"] == before["draft"]["id"]
    assert not any(one["name"].startswith("orders.") for one in stranger.get("/api/v1/kinds/").json()["results"])
