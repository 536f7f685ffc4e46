"""A folder on a real IMAP server; what that cannot do is played by a script."""

from __future__ import annotations

import base64
import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs.errors import JobError, RateLimited, Unavailable
from orders.mailboxes import imap
from orders.mailboxes.imap import ImapMailbox, Login, oauth_login, password_login
from orders.providers import Mailbox
from tests.harness.waiting import wait_until
from tests.standins.imap_server import PASSWORD, USER, ImapServer, Script

LIMIT = 1_000_000
TOKEN = "ya29.a-token-nobody-may-see"


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ImapServer]:
    with ImapServer() as running:
        yield running


@pytest.fixture
def server(shared_server: ImapServer) -> ImapServer:
    """An empty mailbox: to empty it is quicker than to start anew."""
    shared_server.delete()
    return shared_server


def letter(number: int) -> bytes:
    return f"From: a@example.com\r\nSubject: {number}\r\n\r\nHello {number}\r\n".encode()


def mailbox(
    server: ImapServer | Script, *, login: Login | None = None, folder: str = "INBOX", security: str = "none",
    host: str = "127.0.0.1", timeout: float = 5,
) -> ImapMailbox:  # fmt: skip
    return ImapMailbox(
        host, server.port, USER, folder,
        security=security, login=login or password_login(USER, PASSWORD), timeout=timedelta(seconds=timeout),
    )  # fmt: skip


def failure(box: ImapMailbox) -> JobError:
    with pytest.raises(JobError) as raised, box.open():
        pass
    return raised.value


# --- Mails --------------------------------------------------------------------------------------------------------
def test_it_is_a_mailbox_whose_address_holds_no_secret(server: ImapServer) -> None:
    box: Mailbox = mailbox(server)
    assert box.address == f"imap://{USER}@127.0.0.1:{server.port}/INBOX"
    assert PASSWORD not in repr(vars(box))


def test_only_what_came_after_the_last_uid_is_listed_oldest_first(server: ImapServer) -> None:
    with mailbox(server).open() as session:
        assert session.list_after("") == []
        server.append_many([letter(1), letter(2)])
        first, second = session.list_after("")
        assert int(first) < int(second)
        server.append(letter(3))
        (third,) = session.list_after(second)
        assert session.get(third, LIMIT).raw == letter(3)


def test_a_mail_before_the_last_uid_is_not_listed_although_the_server_names_it(server: ImapServer) -> None:
    server.append(letter(1))
    server.client.select_folder("INBOX", readonly=True)
    (only,) = server.client.search()
    assert server.client.search(["UID", f"{only + 1}:*"]) == [only], "the server has lost its quirk"
    with mailbox(server).open() as session:
        assert session.list_after(str(only)) == []


def test_a_folder_of_more_mails_than_are_asked_for_at_once_is_listed_in_full(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.append_many([letter(number) for number in range(5)])
    with mailbox(server).open() as session:
        uids = session.list_after("")
        monkeypatch.setattr(imap, "MOST_UIDS", 2)
        in_parts = session.list_after(str(int(uids[0]) - 1))
        assert [session.get(uid, LIMIT).raw for uid in in_parts] == [letter(number) for number in range(5)]
        assert session.list_after(uids[2]) == uids[3:]


def test_nothing_is_marked_as_read(server: ImapServer) -> None:
    server.append(letter(1))
    with mailbox(server).open() as session:
        (uid,) = session.list_after("")
        assert session.get(uid, LIMIT).raw == letter(1)
    assert b"\\Seen" not in server.flags(int(uid))


@pytest.mark.parametrize(("limit", "is_whole"), [(39, False), (40, True), (41, True)])
def test_a_mail_is_cut_at_the_limit_and_says_so(server: ImapServer, limit: int, is_whole: bool) -> None:
    raw = letter(1).ljust(40, b".")[:40]
    server.append(raw)
    with mailbox(server).open() as session:
        (uid,) = session.list_after("")
        mail = session.get(uid, limit)
    assert (mail.raw, mail.size, mail.is_whole) == (raw[:limit], 40, is_whole)


def test_a_mail_that_vanished_is_none_and_the_others_are_still_there(server: ImapServer) -> None:
    server.append_many([letter(1), letter(2)])
    with mailbox(server).open() as session:
        first, second = session.list_after("")
    server.delete(int(first))
    with mailbox(server).open() as session:
        assert session.get(first, LIMIT) is None
        assert session.get(second, LIMIT).raw == letter(2)


def test_a_restarted_server_has_another_validity_and_the_old_session_is_unavailable() -> None:
    with ImapServer() as server:
        server.append(letter(1))
        with mailbox(server).open() as session:
            before = session.validity
            assert before
            server.restart()
            with pytest.raises(Unavailable) as raised:
                session.list_after("")
            assert raised.value.code == "provider_unreachable"
        with mailbox(server).open() as session:
            assert session.validity not in ("", before)


# --- Hints --------------------------------------------------------------------------------------------------------
def test_a_mail_that_comes_ends_the_wait(server: ImapServer) -> None:
    with mailbox(server).open() as session:
        came = threading.Timer(0.3, server.append, [letter(1)])
        came.start()
        assert session.wait(timedelta(seconds=10)) is True
        came.join()
        assert len(session.list_after("")) == 1


def test_a_wait_without_a_mail_ends_in_time_and_the_session_goes_on(server: ImapServer) -> None:
    with mailbox(server).open() as session:
        assert session.wait(timedelta(seconds=0.2)) is False
        server.append(letter(1))
        assert len(session.list_after("")) == 1


def test_a_server_that_goes_away_during_the_wait_is_unavailable() -> None:
    with ImapServer() as server, mailbox(server).open() as session:
        gone = threading.Timer(0.3, server.stop)
        gone.start()
        with pytest.raises(Unavailable):
            session.wait(timedelta(seconds=10))
        gone.join()


# --- What the operator must repair --------------------------------------------------------------------------------
def test_a_refused_password_is_the_operators_to_repair_and_quotes_nothing(
    server: ImapServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = failure(mailbox(server, login=password_login(USER, "wrong-password")))
    assert (error.code, isinstance(error, Unavailable)) == ("mailbox_refused_login", False)
    said = "".join(traceback.format_exception(error)) + caplog.text
    assert "wrong-password" not in said
    assert "AUTHENTICATIONFAILED" not in said


def test_a_password_with_turkish_letters_is_refused_and_not_a_crash(server: ImapServer) -> None:
    assert failure(mailbox(server, login=password_login(USER, "parolaşğı"))).code == "mailbox_refused_login"


def test_a_folder_that_is_not_there_is_the_operators_to_repair(server: ImapServer) -> None:
    error = failure(mailbox(server, folder="Siparişler"))
    assert (error.code, isinstance(error, Unavailable)) == ("mailbox_not_found", False)


def test_a_mails_content_is_never_logged(server: ImapServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.append(letter(1))
    caplog.clear()
    with mailbox(server).open() as session:
        (uid,) = session.list_after("")
        session.get(uid, LIMIT)
    assert "Hello" not in caplog.text
    assert USER not in caplog.text


@pytest.mark.parametrize("host", ["mail.example.com", "192.0.2.1"])
def test_a_connection_in_the_clear_is_refused_unless_it_stays_on_this_machine(server: ImapServer, host: str) -> None:
    assert failure(mailbox(server, host=host)).code == "mailbox_insecure"


# --- The network --------------------------------------------------------------------------------------------------
def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Script(lambda _line: None) as script:
        script.port = port
        error = failure(mailbox(script))
    assert isinstance(error, Unavailable)
    assert error.code == "provider_unreachable"


def test_a_server_that_says_nothing_times_out() -> None:
    with Script(lambda _line: None, greeting=b"") as script:
        error = failure(mailbox(script, timeout=0.3))
    assert isinstance(error, Unavailable)
    assert error.code == "provider_timed_out"


def test_a_server_that_says_goodbye_at_once_is_unavailable() -> None:
    with Script(lambda _line: None, greeting=b"* BYE too busy\r\n") as script:
        assert isinstance(failure(mailbox(script)), Unavailable)


def dialogue(*steps: tuple[bytes, bytes | None]) -> Callable[[bytes], bytes | None]:
    """Return what answers each line by the first step whose word it holds. In an answer, TAG stands for its tag."""

    def answer(line: bytes) -> bytes | None:
        for word, reply in steps:
            if word in line.upper():
                return reply and reply.replace(b"TAG", line.split()[0] if line.split() else b"")
        return None

    return answer


CAPABLE = (b"CAPABILITY", b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done\r\n")
SELECTED = (
    b"EXAMINE",
    b"* 1 EXISTS\r\n* 0 RECENT\r\n* FLAGS ()\r\n* OK [UIDVALIDITY 7] ok\r\nTAG OK [READ-ONLY] done\r\n",
)


def test_a_login_that_is_not_possible_for_now_is_tried_again() -> None:
    with Script(dialogue(CAPABLE, (b"LOGIN", b"TAG NO [UNAVAILABLE] later\r\n"))) as script:
        assert isinstance(failure(mailbox(script)), Unavailable)


def test_a_server_that_is_gone_in_the_middle_of_a_mail_is_unavailable() -> None:
    steps = (CAPABLE, (b"LOGIN", b"TAG OK done\r\n"), SELECTED)
    half = (b"FETCH", b"* 1 FETCH (UID 5 RFC822.SIZE 900 BODY[]<0> {900}\r\nFrom: a@exa")
    with (
        Script(dialogue(*steps, half, (b"", None))) as script,
        mailbox(script, timeout=0.5).open() as session,
        pytest.raises(Unavailable),
    ):
        session.get("5", LIMIT)


def test_a_server_that_cannot_idle_is_not_waited_for() -> None:
    with (
        Script(dialogue(CAPABLE, (b"LOGIN", b"TAG OK done\r\n"), SELECTED)) as script,
        mailbox(script).open() as session,
    ):
        assert session.wait(timedelta(seconds=30)) is False
        assert not any(b"IDLE" in line for line in script.lines)


@pytest.mark.parametrize(
    "nonsense",
    [b"* 1 FETCH (UID 5 RFC822.SIZE x BODY[]<0> NIL\r\nTAG OK done\r\n", b"* 1 FETCH (((\r\nTAG OK done\r\n"],
    ids=["half an answer", "brackets"],
)
def test_nonsense_of_the_server_is_unavailable(nonsense: bytes) -> None:
    steps = (CAPABLE, (b"LOGIN", b"TAG OK done\r\n"), SELECTED, (b"FETCH", nonsense))
    with (
        Script(dialogue(*steps)) as script,
        mailbox(script).open() as session,
        pytest.raises(Unavailable) as raised,
    ):
        session.get("5", LIMIT)
    assert "FETCH" not in "".join(traceback.format_exception(raised.value)[-1:])


def test_a_server_without_a_validity_is_unavailable() -> None:
    blank = (b"EXAMINE", b"* 1 EXISTS\r\n* 0 RECENT\r\nTAG OK done\r\n")
    with Script(dialogue(CAPABLE, (b"LOGIN", b"TAG OK done\r\n"), blank)) as script:
        assert failure(mailbox(script)).code == "provider_bad_answer"


# --- XOAUTH2 ------------------------------------------------------------------------------------------------------
def xoauth2(*, taken: bool) -> Callable[[bytes], bytes | None]:
    """Return what plays a server with XOAUTH2, which checks the SASL string and answers refusals twice."""
    good = base64.b64encode(f"user={USER}\x01auth=Bearer {TOKEN}\x01\x01".encode())
    tag = b""

    def answer(line: bytes) -> bytes | None:
        nonlocal tag
        if b"AUTHENTICATE XOAUTH2" in line.upper():
            tag = line.split()[0]
            return b"+ \r\n"
        if line == good:
            return tag + b" OK done\r\n" if taken else b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"
        if line == b"":
            return tag + b" NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"
        return dialogue(CAPABLE, SELECTED)(line)

    return answer


def test_an_access_token_logs_in() -> None:
    with (
        Script(xoauth2(taken=True)) as script,
        mailbox(script, login=oauth_login(USER, lambda: TOKEN)).open() as session,
    ):
        assert session.validity == "7"


def test_a_refused_token_is_the_operators_to_repair_and_is_sent_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Script(xoauth2(taken=False)) as script:
        error = failure(mailbox(script, login=oauth_login(USER, lambda: TOKEN)))
        assert sum(len(line) > 40 for line in script.lines) == 1
    assert error.code == "mailbox_refused_login"
    said = "".join(traceback.format_exception(error)) + caplog.text
    assert TOKEN not in said
    assert base64.b64encode(TOKEN.encode()).decode()[:20] not in said


def test_what_the_minting_of_a_token_raises_passes_through() -> None:
    def limited() -> str:
        raise RateLimited("Later.", retry_after=timedelta(seconds=7))

    with Script(xoauth2(taken=True)) as script:
        error = failure(mailbox(script, login=oauth_login(USER, limited)))
    assert isinstance(error, RateLimited)


# --- TLS ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Iterator[ImapServer]:
    with ImapServer(certificate=certificate) as running:
        yield running


def test_starttls_with_a_trusted_certificate_logs_in(
    tls_server: ImapServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mailbox(tls_server, security="starttls", host="localhost").open() as session:
        assert session.list_after("") == []


def test_a_certificate_that_nobody_trusts_gets_no_password(tls_server: ImapServer) -> None:
    assert failure(mailbox(tls_server, security="starttls", host="localhost")).code == "mailbox_insecure"


def test_a_server_without_starttls_gets_no_password() -> None:
    with Script(dialogue(CAPABLE)) as script:
        assert failure(mailbox(script, security="starttls", host="localhost")).code == "mailbox_insecure"
        assert not any(b"LOGIN" in line for line in script.lines)


def test_tls_from_the_first_byte_checks_the_certificate(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    ended = threading.Event()

    def greet(listener: socket.socket) -> None:
        for _ in range(2):
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.sendall(b"* BYE closed\r\n")
            except OSError:
                continue  # the client does not trust us
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener,), daemon=True)
        thread.start()
        with Script(lambda _line: None) as script:
            script.port = listener.getsockname()[1]
            assert failure(mailbox(script, security="tls", host="localhost")).code == "mailbox_insecure"
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            assert failure(mailbox(script, security="tls", host="localhost")).code == "provider_unavailable"
        wait_until(ended.is_set)
        thread.join()
