"""Replies as bytes, into a folder, and to a mail server that does what real ones do."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import InvalidInput, JobError, Unavailable
from orders.outboxes.compose import compose, is_address, new_message_id, reply_subject
from orders.outboxes.files import FileOutbox
from orders.outboxes.smtp import SmtpOutbox
from orders.providers import OutcomeUnknown
from tests.harness.postgres import find_free_port
from tests.standins.smtp_server import PASSWORD, USER, SmtpServer

SENDER, RECIPIENT = "shop@example.com", "ayse@example.com"


def message(**changes: Any) -> bytes:
    given: dict[str, Any] = {
        "message_id": "<m1@example.com>",
        "sender": SENDER,
        "recipient": RECIPIENT,
        "subject": "Siparişim nerede?",
        "body": "Merhaba Ayşe,\n\nŞ ğ ı İ €",
        "in_reply_to": "<a1@example.com>",
        "references": ["<a0@example.com>"],
        "date": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    }
    return compose(**given | changes)


def read(raw: bytes) -> Any:
    return email.message_from_bytes(raw, policy=email.policy.default)


# --- compose --------------------------------------------------------------------------------------------------------


def test_a_reply_belongs_to_its_conversation_and_says_it_in_turkish() -> None:
    raw = message()
    told = read(raw)
    assert (told["Subject"], told["To"]) == ("Re: Siparişim nerede?", RECIPIENT)
    assert (told["In-Reply-To"], told["References"]) == ("<a1@example.com>", "<a0@example.com> <a1@example.com>")
    assert told.get_content().strip().replace("\r\n", "\n") == "Merhaba Ayşe,\n\nŞ ğ ı İ €"
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert raw == message(), "the same arguments gave other bytes"


@pytest.mark.parametrize(
    ("subject", "answer"),
    [("Order 1", "Re: Order 1"), ("Re: Order 1", "Re: Order 1"), ("YNT: Sipariş", "YNT: Sipariş"), ("", "Re:")],
)
def test_an_answer_has_one_re(subject: str, answer: str) -> None:
    assert reply_subject(subject) == answer


def test_no_value_can_add_a_header() -> None:
    told = read(message(subject="x\r\nBcc: thief@example.net", in_reply_to="<a@b.co>\r\nBcc: thief@example.net"))
    assert told["Bcc"] is None
    assert b"\r\nBcc" not in message(subject="x\r\nBcc: thief@example.net")


@pytest.mark.parametrize(
    "recipient", ["", "nobody", "a@b@c", "a@b.co\r\nBcc: x@y.co", "<a@b.co>", "a b@c.co", "a@b..co"]
)
def test_what_is_no_address_gets_no_mail(recipient: str) -> None:
    assert not is_address(recipient)
    with pytest.raises(InvalidInput) as raised:
        message(recipient=recipient)
    assert raised.value.code == "invalid_recipient"


def test_a_long_conversation_keeps_its_first_and_its_latest() -> None:
    references = [f"<{n:03}{'x' * 80}@example.com>" for n in range(60)]
    told = message(references=references)
    assert references[0].encode() in told
    assert references[59].encode() in told
    assert references[30].encode() not in told
    assert b"=?" not in told.split(b"Subject")[0]


def test_ids_are_never_the_same() -> None:
    assert new_message_id("example.com") != new_message_id("example.com")


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_same_message_twice_is_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "out")
    told: list[int] = []
    for _ in range(2):
        outbox.send(message(), sender=SENDER, recipient=RECIPIENT, about_to_transmit=lambda: told.append(1))
    (path,) = (tmp_path / "out").iterdir()
    assert (path.read_bytes(), path.stat().st_mode & 0o777, len(told)) == (message(), 0o600, 2)


def test_a_folder_that_takes_no_files_is_the_operators_to_repair(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(JobError) as raised:
        FileOutbox(tmp_path / "out").send(message(), sender=SENDER, recipient=RECIPIENT, about_to_transmit=lambda: None)
    assert raised.value.code == "outbox_unwritable"


# --- SMTP -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def outbox(server: SmtpServer, **changes: Any) -> SmtpOutbox:
    given: dict[str, Any] = {"security": "none", "login": None, "timeout": timedelta(seconds=0.7)}
    return SmtpOutbox("127.0.0.1", server.port, **given | changes)


def send(outbox: SmtpOutbox) -> list[str]:
    """Send, and return whether the point of no return was told of."""
    told: list[str] = []
    outbox.send(message(), sender=SENDER, recipient=RECIPIENT, about_to_transmit=lambda: told.append("now"))
    return told


def test_a_message_arrives_whole_after_its_sender_was_warned(server: SmtpServer) -> None:
    assert send(outbox(server)) == ["now"]
    (arrived,) = server.messages
    assert (arrived.sender, arrived.recipients) == (SENDER, [RECIPIENT])
    assert read(arrived.content).get_content() == read(message()).get_content()


@pytest.mark.parametrize(
    ("behaviour", "error", "code"),
    [
        ("refuse_recipient", InvalidInput, "recipient_refused"),
        ("greylist", Unavailable, "provider_unavailable"),
        ("refuse_message", InvalidInput, "message_refused"),
        ("drop_before_data", Unavailable, "provider_unreachable"),
        ("drop_after_data", OutcomeUnknown, "outcome_unknown"),
        ("hang_after_data", OutcomeUnknown, "outcome_unknown"),
    ],
)
def test_each_ending_is_called_what_it_is(server: SmtpServer, behaviour: str, error: type[JobError], code: str) -> None:
    server.will(behaviour)
    with pytest.raises(error) as raised:
        send(outbox(server))
    assert raised.value.code == code
    assert "Merhaba" not in str(raised.value.__cause__)


def test_what_the_warning_raises_stops_the_sending(server: SmtpServer) -> None:
    class Stopped(Exception): ...

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        outbox(server).send(message(), sender=SENDER, recipient=RECIPIENT, about_to_transmit=stop)
    assert server.messages == []


def test_a_login_that_is_refused_is_the_operators_to_repair() -> None:
    with SmtpServer(has_login=True) as server:
        assert send(outbox(server, login=(USER, PASSWORD))) == ["now"]
        with pytest.raises(JobError) as raised:
            send(outbox(server, login=(USER, "wrong")))
    assert raised.value.code == "provider_refused_key"


def test_a_server_that_is_not_there_is_tried_again() -> None:
    absent = SmtpOutbox("127.0.0.1", find_free_port(), security="none", login=None, timeout=timedelta(seconds=1))
    with pytest.raises(Unavailable):
        send(absent)


def test_no_mail_goes_unencrypted_to_another_machine() -> None:
    far = SmtpOutbox("mail.example.com", 25, security="none", login=None, timeout=timedelta(seconds=1))
    with pytest.raises(JobError) as raised:
        send(far)
    assert raised.value.code == "insecure_mail_server"


def test_a_server_without_starttls_gets_nothing(server: SmtpServer) -> None:
    with pytest.raises(JobError) as raised:
        send(outbox(server, security="starttls"))
    assert raised.value.code == "mail_server_setup"
    assert server.messages == []
