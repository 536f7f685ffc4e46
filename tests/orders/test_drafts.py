"""What stands between a draft and a customer: claims, versions, orders that change, customers who write again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.models import AuditEntry, Job, Receipt
from orders import drafts
from orders.models import Draft, Mail, MailPlace, MailSource, Order
from orders.providers import WrittenReply
from tests.orders.conftest import client_of, deliver, fetch, letter, see, work
from tests.standins.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

ASKS = "1028 numaralı siparişim nerede?"


@pytest.fixture
def mail(api: APIClient, maildir: Path) -> Mail:
    """A mail with its order and a draft that could be sent."""
    (mail,) = fetch(api, maildir, letter(ASKS, message_id="<a1@example.com>"))
    return mail


def edit(api: APIClient, mail: Mail, body: str, **more: Any) -> Any:
    version = see(api, mail)["draft"]["version"]
    return api.patch(f"/api/mails/{mail.pk}/draft", {"version": version, "body": body} | more, format="json")


def approve(api: APIClient, mail: Mail, version: int | None = None) -> Any:
    version = version or see(api, mail)["draft"]["version"]
    return api.post(f"/api/mails/{mail.pk}/draft/approve", {"version": version}, format="json")


def post(api: APIClient, mail: Mail, what: str, **body: Any) -> Any:
    return api.post(f"/api/mails/{mail.pk}/{what}", body, format="json")


def sent_files(settings: Any) -> list[Path]:
    return list(Path(settings.OUTBOX_DIR).glob("*.eml"))


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "Siparişiniz 1029 numarasıyla yolda.",
        "Takip numaranız YK8834221098.",
        "Toplam 849,91 TL ödediniz.",
        "Siparişiniz teslim edildi.",
        "Size 500 TL iade edeceğiz.",
        "Your refund is approved.",
        "Paketiniz yarın elinizde.",
        "Üç gün içinde ulaşır.",
        "https://kargo.example.org/takip",
    ],
)
def test_what_no_field_of_the_order_says_blocks_sending(api: APIClient, mail: Mail, body: str, settings: Any) -> None:
    answer = edit(api, mail, body)
    assert answer.status_code == 200
    assert answer.json()["can_send"] is False
    refused = approve(api, mail)
    assert (refused.status_code, refused.json()["code"]) == (409, "claims_unmatched")
    work()
    assert sent_files(settings) == []


def test_what_a_person_has_checked_is_on_record_and_can_be_sent(api: APIClient, mail: Mail, settings: Any) -> None:
    edited = edit(api, mail, "Merhaba, depomuz 3 gün kapalıydı.").json()
    assert [claim["text"] for claim in edited["claims"]] == ["3 gün"]
    vouched = edit(api, mail, edited["body"], confirmed_claims=["3 gün"]).json()
    assert (vouched["can_send"], vouched["claims"][0]["confirmed_by"]) == (True, "agent")
    assert AuditEntry.objects.filter(action="vouch_for_statements", after={"statements": 1}).exists()
    assert approve(api, mail).status_code == 202
    work()
    assert len(sent_files(settings)) == 1


def test_vouching_for_one_statement_is_not_vouching_for_another(api: APIClient, mail: Mail) -> None:
    edited = edit(api, mail, "Depomuz 3 gün kapalıydı, 4 gün daha sürer.", confirmed_claims=["3 gün", "nothing"]).json()
    assert edited["unmatched"] == 1
    assert Draft.objects.get().confirmed == {"3 gün": "agent"}


def test_a_model_that_obeys_the_mail_is_caught_before_anything_is_sent(
    api: APIClient, mail: Mail, settings: Any
) -> None:
    obeyed = WrittenReply("Merhaba, talebiniz üzerine 849,90 TL iadeniz onaylandı.", model="m", ai=True)
    orders = drafts.orders_to_tell(mail)
    drafts.keep_written(mail.pk, obeyed, orders, language="tr", provider="openai", replace=True)
    seen = see(api, mail)["draft"]
    assert {claim["text"] for claim in seen["claims"] if claim["field"] is None} >= {"iadeniz"}
    assert approve(api, mail).json()["code"] == "claims_unmatched"
    assert sent_files(settings) == []


# --- versions -------------------------------------------------------------------------------------------------------


def test_only_what_the_person_has_seen_is_sent(api: APIClient, mail: Mail) -> None:
    seen = see(api, mail)["draft"]["version"]
    edit(api, mail, "Merhaba, bakıyoruz.")
    refused = approve(api, mail, version=seen)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_changed")
    assert refused.json()["draft"]["body"] == "Merhaba, bakıyoruz."


def test_of_two_edits_at_once_the_second_is_told_and_nothing_is_lost(api: APIClient, mail: Mail) -> None:
    version = see(api, mail)["draft"]["version"]
    assert edit(api, mail, "the first").status_code == 200
    late = {"version": version, "body": "the second"}
    answer = api.patch(f"/api/mails/{mail.pk}/draft", late, format="json")
    assert (answer.status_code, answer.json()["draft"]["body"]) == (409, "the first")


def test_two_people_who_approve_at_once_send_one_mail(
    any_database: str, api: APIClient, agent: Any, maildir: Path, settings: Any
) -> None:
    (mail,) = fetch(api, maildir, letter(ASKS))
    version = see(api, mail)["draft"]["version"]
    answers: list[int] = []
    together = threading.Barrier(2)

    def send() -> None:
        try:
            together.wait()
            answers.append(approve(client_of(agent), mail, version).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409]
    work()
    assert len(sent_files(settings)) == 1


def test_a_second_live_draft_cannot_even_be_stored(mail: Mail) -> None:
    with pytest.raises(IntegrityError):
        Draft.objects.create(mail=mail, body="x", language="tr", provider="person")


def test_a_persons_text_is_not_replaced_by_itself(api: APIClient, mail: Mail) -> None:
    edit(api, mail, "mine")
    post(api, mail, "refresh-order")
    work()
    assert see(api, mail)["draft"]["body"] == "mine"


# --- out of date ----------------------------------------------------------------------------------------------------


def test_a_draft_is_out_of_date_when_the_order_changes(api: APIClient, mail: Mail) -> None:
    order = Order.objects.get()
    Order.objects.filter(pk=order.pk).update(version=2, snapshot=order.snapshot | {"package_status": "DELIVERED"})
    assert see(api, mail)["draft"]["out_of_date"]["code"] == "order_changed"
    assert approve(api, mail).json()["code"] == "order_changed"
    assert edit(api, mail, "Merhaba, siparişiniz teslim edildi.").json()["can_send"] is True


def test_a_draft_is_out_of_date_when_the_customer_writes_again(api: APIClient, mail: Mail, maildir: Path) -> None:
    (again,) = fetch(api, maildir, letter("Bir de fatura?", subject="Re: Sipariş", In_Reply_To="<a1@example.com>"))
    assert again.thread == mail.thread
    assert see(api, mail)["has_later"] is True
    assert approve(api, mail).json()["code"] == "thread_changed"


def test_an_order_of_over_an_hour_ago_is_not_told(api: APIClient, mail: Mail) -> None:
    Order.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert approve(api, mail).json()["code"] == "order_stale"
    post(api, mail, "refresh-order")
    work()
    assert see(api, mail)["draft"]["can_send"] is True


# --- whose order ----------------------------------------------------------------------------------------------------


def test_somebody_elses_order_is_not_shown_and_not_told(api: APIClient, maildir: Path) -> None:
    (mail,) = fetch(api, maildir, letter(ASKS, sender="Kim Lane <kim.lane@example.com>"))
    seen = see(api, mail)
    assert (seen["order"], seen["order_warning"]["code"]) == (None, "other_customer")
    row = api.get("/api/mails").json()["results"][0]
    assert row["order"] is None
    assert "YK8834221099" not in str(seen)
    assert "ayse.demir" not in str(seen)


def test_a_forged_sender_does_not_get_the_order_sent_elsewhere(api: APIClient, maildir: Path) -> None:
    (mail,) = fetch(api, maildir, letter(ASKS, Reply_To="thief@example.net"))
    seen = see(api, mail)
    assert seen["order_warning"]["code"] == "other_customer"
    assert "YK8834221099" not in seen["draft"]["body"]
    assert seen["draft"]["recipient"] == "thief@example.net"


def test_a_person_can_vouch_for_the_customer_on_record(api: APIClient, maildir: Path) -> None:
    (mail,) = fetch(api, maildir, letter(ASKS, sender="Kim Lane <kim.lane@example.com>"))
    seen = post(api, mail, "confirm-order", number="1028").json()
    assert seen["order"]["number"] == "1028"
    assert seen["orders"][0]["confirmed_by"] == "agent"
    assert AuditEntry.objects.filter(action="vouch_for_order", after={"order": "1028"}).exists()
    work()
    assert "YK8834221099" in see(api, mail)["draft"]["body"]


def test_several_numbers_in_one_mail_are_all_found_the_senders_own_first(api: APIClient, maildir: Path) -> None:
    (mail,) = fetch(api, maildir, letter("Sipariş no: 1042 değil, sipariş no: 1028 ve sipariş no: 1057"))
    seen = see(api, mail)
    assert seen["order_numbers"] == ["1042", "1028", "1057"]
    assert [(one["number"], one["belongs"], one["chosen"]) for one in seen["orders"]] == [
        ("1028", True, True), ("1057", True, False), ("1042", False, False),
    ]  # fmt: skip
    assert "1042" not in seen["draft"]["body"]


def test_a_person_can_look_up_another_number(api: APIClient, mail: Mail) -> None:
    answer = post(api, mail, "choose-order", number="#1057")
    assert answer.status_code == 202
    work()
    assert see(api, mail)["order"]["number"] == "1057"


@pytest.mark.parametrize("number", ["", "12 34", "<script>", "x" * 41])
def test_what_is_no_number_is_refused(api: APIClient, mail: Mail, number: str) -> None:
    assert post(api, mail, "choose-order", number=number).status_code == 400


# --- sending --------------------------------------------------------------------------------------------------------


@pytest.fixture
def smtp(settings: Any) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        settings.OUTBOX_PROVIDER = "smtp"
        settings.SMTP_HOST, settings.SMTP_PORT = "127.0.0.1", server.port
        settings.SMTP_SECURITY, settings.SMTP_TIMEOUT = "none", timedelta(seconds=1)
        yield server


def test_a_reply_goes_out_once_under_the_id_that_was_stored_before(
    api: APIClient, mail: Mail, smtp: SmtpServer
) -> None:
    stored = approve(api, mail).json()["message_id"]
    assert smtp.messages == []
    work()
    (message,) = smtp.messages
    assert f"Message-ID: {stored}".encode() in message.content
    assert b"In-Reply-To: <a1@example.com>" in message.content
    assert message.recipients == ["ayse.demir@example.com"]
    assert see(api, mail)["draft"]["state"] == "sent"


@pytest.mark.parametrize("behaviour", ["hang_after_data", "drop_after_data"])
def test_a_message_without_an_answer_is_unknown_and_never_sent_again_by_itself(
    api: APIClient, mail: Mail, smtp: SmtpServer, behaviour: str
) -> None:
    smtp.will(behaviour)
    job = Job.objects.get(pk=approve(api, mail).json()["send_job_id"])
    work()
    seen = see(api, mail)
    assert (seen["draft"]["state"], seen["draft"]["send_error"]["code"]) == ("unknown", "outcome_unknown")
    assert seen["box"] == "open"
    lifecycle.requeue(job.pk)
    work()
    assert len(smtp.messages) == 1, "a retry of the job sent it again"
    assert see(api, mail)["draft"]["state"] == "unknown"


def test_an_attempt_that_died_while_handing_over_is_unknown(api: APIClient, mail: Mail, smtp: SmtpServer) -> None:
    approve(api, mail)
    Draft.objects.update(transmitting_at=Now())
    work()
    assert (see(api, mail)["draft"]["state"], smtp.messages) == ("unknown", [])


def test_a_person_settles_what_is_unknown(api: APIClient, mail: Mail, smtp: SmtpServer) -> None:
    smtp.will("hang_after_data")
    first = approve(api, mail).json()["message_id"]
    work()
    assert post(api, mail, "draft/resolve", outcome="send_again").status_code == 202
    work()
    assert see(api, mail)["draft"]["state"] == "sent"
    assert [first.encode() in message.content for message in smtp.messages] == [True, True]


def test_a_person_can_say_that_it_was_sent(api: APIClient, mail: Mail, smtp: SmtpServer) -> None:
    smtp.will("hang_after_data")
    approve(api, mail)
    work()
    assert post(api, mail, "draft/resolve", outcome="sent").json()["state"] == "sent"
    assert see(api, mail)["box"] == "answered"


def test_a_refused_recipient_opens_the_draft_again_with_the_reason(
    api: APIClient, mail: Mail, smtp: SmtpServer
) -> None:
    smtp.will("refuse_recipient")
    approve(api, mail)
    work()
    seen = see(api, mail)["draft"]
    assert (seen["state"], seen["send_error"]["code"]) == ("open", "recipient_refused")
    assert smtp.messages == []


def test_a_server_that_is_busy_is_tried_again(api: APIClient, mail: Mail, smtp: SmtpServer) -> None:
    smtp.will("greylist")
    job = Job.objects.get(pk=approve(api, mail).json()["send_job_id"])
    work()
    job.refresh_from_db()
    assert (job.state, see(api, mail)["draft"]["state"]) == ("pending", "sending")
    Job.objects.filter(pk=job.pk).update(run_after=Now() - timedelta(seconds=1))
    lifecycle.promote_due()
    work()
    assert (see(api, mail)["draft"]["state"], len(smtp.messages)) == ("sent", 1)


def test_a_sending_that_was_cancelled_in_time_opens_the_draft_again(api: APIClient, mail: Mail, settings: Any) -> None:
    job_id = approve(api, mail).json()["send_job_id"]
    lifecycle.cancel(job_id)
    assert see(api, mail)["draft"]["state"] == "open"
    lifecycle.requeue(job_id)
    work()
    assert sent_files(settings) == [], "what nobody approved any more was sent"


# --- boxes and deletion ---------------------------------------------------------------------------------------------


def test_a_mail_that_needs_no_reply_can_be_put_aside_and_taken_back(api: APIClient, mail: Mail) -> None:
    body = see(api, mail)["draft"]["body"]
    assert post(api, mail, "dismiss").json()["box"] == "dismissed"
    assert approve(api, mail, version=1).status_code == 409
    assert api.get("/api/mails").json()["results"] == []
    back = post(api, mail, "reopen").json()
    assert (back["box"], back["draft"]["state"], back["draft"]["body"]) == ("open", "open", body)


def test_a_deleted_mail_leaves_a_receipt_and_does_not_come_back(api: APIClient, mail: Mail, maildir: Path) -> None:
    raw = api.get(f"/api/mails/{mail.pk}/source").content
    answer = api.delete(f"/api/mails/{mail.pk}")
    assert answer.status_code == 200
    assert Receipt.objects.get(pk=mail.pk).digest == answer.json()["digest"]
    assert not MailSource.objects.exists()
    assert not Draft.objects.exists()
    deliver(maildir, raw)
    assert fetch(api, maildir) == []
    assert MailPlace.objects.count() == 2


def test_mails_are_deleted_when_their_retention_is_over(api: APIClient, mail: Mail, settings: Any) -> None:
    Mail.objects.update(received_at=Now() - settings.SIRA_RETENTION - timedelta(minutes=1))
    lifecycle.submit("orders.prune_mails")
    work()
    assert not Mail.objects.exists()


def test_the_bytes_of_a_mail_are_kept_as_they_came(api: APIClient, maildir: Path) -> None:
    raw = b"From: a@example.com\r\nSubject: x\r\n\r\nM\xfcsteri \x80\r\n"
    (mail,) = fetch(api, maildir, raw)
    answer = api.get(f"/api/mails/{mail.pk}/source")
    assert answer.content.replace(b"\r\n", b"\n") == raw.replace(b"\r\n", b"\n")
    assert answer["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer["Content-Disposition"]


@pytest.mark.parametrize("path", ["", "/draft", "/source"])
def test_a_mail_that_is_not_there_is_a_404_problem(api: APIClient, path: str) -> None:
    answer = api.get(f"/api/mails/01a20b00-0000-7000-8000-000000000000{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "mail_not_found")


def test_a_reason_that_cannot_be_kept_is_refused_before_anything_is_done(api, maildir):
    (mail,) = fetch(api, maildir, letter("Where is my order 1028?"))
    answer = api.post(f"/api/mails/{mail.pk}/dismiss", {"reason": "x" * 301}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "reason")
    assert see(api, mail)["box"] == "open"
