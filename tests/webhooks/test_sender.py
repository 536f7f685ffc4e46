"""One sending against receivers of every kind, over real sockets."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import time
from typing import Any

import pytest

from jobs.webhooks import sender
from tests.standins.webhook_receiver import (
    WebhookReceiver,
    drips,
    drops,
    floods,
    garbage,
    hangs,
    redirect,
    status,
)

HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


def post(receiver: WebhookReceiver) -> sender.Answer:
    return sender.post(receiver.url, HEADERS, b'{"a":1}')


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "ANSWER_SECONDS", 0.4)


def test_a_message_arrives_whole_with_the_host_it_was_sent_to(receiver):
    answer = post(receiver)
    (message,) = receiver.messages
    assert (answer.error, answer.status) == ("", 204)
    assert (message.method, message.path, message.body) == ("POST", "/hook", b'{"a":1}')
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["content-length"] == "7"
    assert not {"cookie", "authorization", "transfer-encoding"} & set(message.headers)


@pytest.mark.parametrize(
    ("code", "error"),
    [(200, ""), (202, ""), (299, ""), (300, "redirected"), (304, "redirected"), (400, "status"), (401, "status"),
     (404, "status"), (409, "status"), (410, "gone"), (429, "told_to_wait"), (500, "status"), (503, "status")],
)  # fmt: skip
def test_only_2xx_is_a_success(receiver, code, error):
    receiver.will(status(code))
    answer = post(receiver)
    assert (answer.error, answer.status) == (error, code)


def test_a_redirect_is_not_followed(receiver):
    with WebhookReceiver() as other:
        receiver.will(redirect(other.url))
        assert post(receiver).error == "redirected"
        time.sleep(0.1)
        assert other.messages == []
    assert len(receiver.messages) == 1


def test_the_wait_that_a_receiver_asks_for_is_told(receiver):
    receiver.will(status(429, retry_after="90"), status(503, retry_after="7"))
    assert post(receiver).retry_after == datetime.timedelta(seconds=90)
    assert post(receiver).retry_after == datetime.timedelta(seconds=7)


@pytest.mark.parametrize("behaviour", [hangs(), drips(0.05)], ids=["silent", "a byte now and then"])
def test_a_receiver_that_hangs_is_left_at_the_deadline(receiver, quick, behaviour):
    receiver.will(behaviour)
    began = time.monotonic()
    assert post(receiver).error == "timed_out"
    assert time.monotonic() - began < 2


def test_a_body_without_an_end_is_not_read(receiver):
    receiver.will(floods())
    began = time.monotonic()
    answer = post(receiver)
    assert (answer.error, answer.status) == ("", 200)
    assert time.monotonic() - began < 2


def test_a_connection_that_is_closed_and_an_answer_that_is_no_http(receiver):
    receiver.will(drops(), garbage())
    assert post(receiver).error == "unreachable"
    assert post(receiver).error == "bad_answer"


def test_nobody_listens(receiver):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer = sender.post(f"http://127.0.0.1:{unused.getsockname()[1]}/", HEADERS, b"{}")
    assert (answer.error, answer.status) == ("unreachable", None)


def test_no_proxy_of_the_environment_is_asked(receiver, monkeypatch):
    with WebhookReceiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(receiver).status == 204
        assert proxy.messages == []


def test_the_certificate_must_be_that_of_the_name(receiver, tmp_path, monkeypatch):
    """The connection goes to an address; TLS still asks for the name, and for a certificate that is valid for it."""
    certificate = self_signed(tmp_path, "hooks.example")
    trusted = ssl.create_default_context(cafile=certificate)
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1", *a, **k))
    url = f"https://hooks.example:{receiver.port}/hook"
    assert sender.post(url, HEADERS, b"{}").error == "tls_failed", "nobody vouches for it"
    monkeypatch.setattr(sender.httpcore2, "default_ssl_context", lambda: trusted)
    assert sender.post(url, HEADERS, b"{}").status == 204
    assert sender.post(url.replace("hooks", "other"), HEADERS, b"{}").error == "tls_failed", "of another name"
    assert names == ["hooks.example", "hooks.example", "other.example"]
    assert [message.headers["host"] for message in receiver.messages] == [f"hooks.example:{receiver.port}"]


def self_signed(folder: Any, name: str) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with contextlib.suppress(OSError):
        (folder / "key.pem").chmod(0o600)
    return folder / "cert.pem"
