"""/app/inbox/ in a real browser: mails, their orders beside them, a draft that is edited, approved and received."""

from __future__ import annotations

import mailbox
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.orders.conftest import letter
from tests.pages.conftest import Visitor
from tests.standins.smtp_server import SmtpServer

HOSTILE = """<html><body><script>document.title = 'owned'</script>
<img src="http://127.0.0.1:9/pixel.gif" onerror="document.title='owned'">
<p>order #1031: where is it?</p><a href="javascript:document.title='owned'">click</a></body></html>"""


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: Any, _sqlite_template: Path, django_db_blocker: Any, smtp: SmtpServer
) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("inbox")
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    mailbox.Maildir(str(data_dir / "mails"), create=True)
    env = {
        "MAILDIR": str(data_dir / "mails"), "WORKER_QUEUES": "orders", "HEARTBEAT_SECONDS": "1",
        "OUTBOX_PROVIDER": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp.port), "SMTP_SECURITY": "none",
    }  # fmt: skip
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, env=env) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest, stack: ServerStack) -> Iterator[None]:
    yield
    if has_failed(request):
        print(stack.log_tail())  # noqa: T201  pytest shows it with the failure


@pytest.fixture
def agent(stack: ServerStack, browser_page: Any) -> Visitor:
    return Visitor(browser_page, stack)


def deliver(stack: ServerStack, raw: bytes) -> None:
    mailbox.Maildir(str(stack.data_dir / "mails")).add(raw)


def fetch(agent: Visitor) -> None:
    agent.page.get_by_role("button", name="Fetch mail").click()


def open_mail(agent: Visitor, subject: str) -> None:
    agent.page.locator(".mail-row", has_text=subject).click()
    agent.wait_for_text(agent.page.locator("#mail-subject"), subject)


def test_from_a_mail_to_a_reply_that_arrives(agent: Visitor, stack: ServerStack, smtp: SmtpServer) -> None:
    page = agent.page
    asks = letter("1028 numaralı siparişim nerede?", subject="Kargom nerede", message_id="<p1@example.com>")
    deliver(stack, asks)
    agent.sign_in("/app/inbox/", "lale", staff=True)
    agent.wait_for_mode("Live")
    fetch(agent)
    row = page.locator(".mail-row", has_text="Kargom nerede")
    agent.wait_for_text(row, "Draft ready")
    open_mail(agent, "Kargom nerede")
    order = page.locator("[data-order]")
    agent.wait_for_text(order, "YK8834221099")
    assert "Shipped" in order.inner_text()
    assert "sample order" in order.inner_text()
    draft = page.locator("[data-draft]")
    checked = page.locator(".checked")
    assert checked.get_by_title("Tracking number: YK8834221099").inner_text() == "YK8834221099"

    body = page.get_by_label("Text of the reply")
    body.fill(body.input_value() + "\nSize 500 TL iade edeceğiz.")
    agent.wait_for_text(draft, "a promise that the order does not bear out")
    # It looks disabled, and says why when it is pressed.
    page.get_by_role("button", name="Approve and send").click(force=True)
    agent.wait_for_text(draft, "Some statements are in no field of the order")
    assert smtp.messages == []

    body.fill("Merhaba Ayşe,\n\n1028 numaralı siparişiniz kargoya verildi. Takip numarası: YK8834221099\n\nLale")
    agent.wait_for_text(draft, "Saved")
    wait_until(lambda: draft.locator(".claim--bad").count() == 0)
    page.get_by_role("button", name="Approve and send").click()
    page.get_by_role("button", name="Send", exact=True).click()
    agent.wait_for_text(draft.locator("[data-part=state]"), "Sent")
    wait_until(lambda: len(smtp.messages) == 1)
    (message,) = smtp.messages
    assert message.recipients == ["ayse.demir@example.com"]
    assert b"In-Reply-To: <p1@example.com>" in message.content
    assert b"YK8834221099" in message.content.replace(b"=\r\n", b"")  # quoted-printable breaks lines
    page.reload()
    agent.wait_for_text(page.locator("[data-draft] [data-part=state]"), "Sent")
    assert body.input_value().endswith("Lale")


def test_a_mail_that_tries_to_run_and_to_load_does_neither(agent: Visitor, stack: ServerStack) -> None:
    asked: list[str] = []
    agent.page.on("request", lambda request: asked.append(request.url))
    raw = b"From: x@example.net\r\nSubject: Look <b>here</b>\r\nContent-Type: text/html\r\n\r\n" + HOSTILE.encode()
    deliver(stack, raw)
    agent.sign_in("/app/inbox/", "lale", staff=True)
    fetch(agent)
    open_mail(agent, "Look <b>here</b>")
    text = agent.page.locator(".mail__text")
    agent.wait_for_text(text, "where is it?")
    assert (text.locator("*").count(), text.locator("a").count()) == (0, 0)
    assert agent.page.title() != "owned"
    assert [url for url in asked if not url.startswith(stack.base_url)] == []
    agent.wait_for_text(agent.page.locator("[data-order]"), "another e-mail address")
    assert "john.porter" not in agent.page.locator("[data-order]").inner_text()


def test_what_was_typed_outlives_a_colleagues_change(agent: Visitor, stack: ServerStack) -> None:
    deliver(stack, letter("1057 nolu siparişim?", subject="Vazo"))
    agent.sign_in("/app/inbox/", "lale", staff=True)
    fetch(agent)
    open_mail(agent, "Vazo")
    agent.wait_for_text(agent.page.locator("[data-draft]"), "Drafted from a template")
    from orders import drafts
    from orders.models import Mail

    with stack.database():
        mail = Mail.objects.get(subject="Vazo")
        drafts.edit(mail.pk, drafts.find_shown(mail).version, by="mert", body="Mert's words")
        body = agent.page.get_by_label("Text of the reply")
        body.fill("Lale's words")
        agent.wait_for_text(agent.page.locator("[data-draft]"), "Somebody else changed this draft")
        assert body.input_value() == "Lale's words"
        agent.page.get_by_role("button", name="Keep my text").click()
        wait_until(lambda: drafts.find_shown(mail).body == "Lale's words")


def test_the_inbox_is_not_for_everybody(agent: Visitor) -> None:
    agent.sign_in("/app/jobs/", "cem")
    assert agent.page.get_by_role("link", name="Inbox").count() == 0
    agent.go("/app/inbox/")
    assert "Fetch mail" not in agent.page.content()


def test_on_a_phone_in_turkish_one_reads_one_thing_at_a_time(
    agent: Visitor, stack: ServerStack, screenshot: Any
) -> None:
    address = f"{'a' * 60}@{'b' * 60}.example"  # longer than a phone is wide
    deliver(stack, letter("1028 numaralı siparişim?", subject="Telefondan", sender=address))
    agent.page.set_viewport_size({"width": 390, "height": 844})
    agent.sign_in("/app/inbox/", "lale", staff=True)
    fetch(agent)
    agent.wait_for_text(agent.page.locator("[data-rows]"), "Telefondan")
    agent.page.get_by_role("button", name="Türkçe").click()
    agent.page.locator(".mail-row", has_text="Telefondan").click()
    wait_until(lambda: not agent.page.locator("[data-rows]").is_visible())
    agent.wait_for_text(agent.page.locator("[data-part=recipient]"), address)
    width = agent.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    screenshot("inbox-phone")
    agent.page.get_by_role("link", name="Bütün e-postalar").click()
    wait_until(lambda: agent.page.locator("[data-rows]").is_visible())
