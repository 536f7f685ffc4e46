"""A folder on an IMAP server (RFC 9051, RFC 3501). It is only looked at: nothing is marked, moved or deleted."""

from __future__ import annotations

import contextlib
import imaplib
import ipaddress
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError, IMAPClientAbortError, LoginError, ProtocolError

from jobs.errors import JobError, Unavailable
from jobs.providers.base import bad_answer, timed_out, unreachable
from orders.providers import IMAP, RawMail

TLS, STARTTLS, NONE = "tls", "starttls", "none"

TITLE = "The mail server"
#: Mails whose uids are asked for at once: the library takes lines of at most 1,000,000 bytes, a uid needs 11.
MOST_UIDS = 50_000
#: Servers end a session that idles for 30 minutes (RFC 2177).
LONGEST_IDLE = timedelta(minutes=25)
#: Answers that say that it may work later (RFC 5530).
_PASSING = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\b", re.IGNORECASE)
_SIZE, _BODY = b"RFC822.SIZE", b"BODY[]"

Login = Callable[[IMAPClient], None]
T = TypeVar("T")

# What it logs at these levels quotes mails and names their owners.
logging.getLogger("imapclient").setLevel(logging.WARNING)


def password_login(user: str, password: str) -> Login:
    """Return a login with user and password."""

    def log_in(client: IMAPClient) -> None:
        if password.isascii() and user.isascii():
            client.login(user, password)
        else:  # LOGIN knows ASCII only
            client.plain_login(user, password)

    return log_in


def oauth_login(user: str, token: Callable[[], str]) -> Login:
    """Return a login with an OAuth access token (XOAUTH2). token: called for each login, for one that is still good."""

    def log_in(client: IMAPClient) -> None:
        first = f"user={user}\x01auth=Bearer {token()}\x01\x01".encode()
        answers = iter([first])
        # A refusal comes as a second challenge, which is to be answered with nothing.
        client.sasl_login("XOAUTH2", lambda challenge: next(answers, b""))

    return log_in


@dataclass(frozen=True)
class _Folder:
    """validity: UIDVALIDITY. mails: how many there are. next_uid: that of the next mail; 0: the server does not say."""

    validity: str
    mails: int
    next_uid: int


class ImapMailbox:
    """A Mailbox.

    security: "tls", "starttls", or "none", which is for servers on this machine only. login: see above. timeout: for
    the connection and for each wait for bytes; the job's own time-out bounds the whole.
    """

    name = IMAP

    def __init__(
        self, host: str, port: int, user: str, folder: str, *, security: str, login: Login, timeout: timedelta
    ) -> None:
        self._host = host
        self._port = port
        self._folder = folder
        self._security = security
        self._login = login
        self._timeout = timeout
        self.address = f"imap://{user}@{host}:{port}/{folder}"

    @contextmanager
    def open(self) -> Iterator[ImapSession]:
        """Connect, log in and look at the folder.

        Raises Unavailable (provider_unreachable, provider_timed_out, provider_unavailable), or JobError for what the
        operator must repair (mailbox_insecure, mailbox_refused_login, mailbox_not_found), and what `login` raises.
        """
        client = translated(self._connect, self._timeout)
        try:
            translated(lambda: self._log_in(client), self._timeout)
            yield ImapSession(client, self._folder, self._timeout)
        finally:
            _close(client)

    def _connect(self) -> IMAPClient:
        context = None
        if self._security == NONE:
            if not _is_this_machine(self._host):
                raise JobError(
                    "Mails and passwords may not travel in the clear. The operator must set IMAP_SECURITY to tls or"
                    " starttls.",
                    code="mailbox_insecure",
                )
        else:
            context = ssl.create_default_context()
        client = IMAPClient(
            self._host,
            self._port,
            ssl=self._security == TLS,
            ssl_context=context,
            timeout=self._timeout.total_seconds(),
        )
        if self._security == STARTTLS:
            try:
                client.starttls(context)
            except BaseException:
                _close(client)
                raise
        return client

    def _log_in(self, client: IMAPClient) -> None:
        failure: JobError
        try:
            return self._login(client)
        except (IMAPClientAbortError, imaplib.IMAP4.abort):
            failure = unreachable(TITLE)
        except (LoginError, CapabilityError, imaplib.IMAP4.error) as error:
            failure = _passing_failure() if _PASSING.search(str(error)) else _refused_login()
        # Outside of `except`: the server's answer may quote what it was sent.
        raise failure


class ImapSession:
    """A MailSession."""

    def __init__(self, client: IMAPClient, folder: str, timeout: timedelta) -> None:
        self._client = client
        self._folder = folder
        self._timeout = timeout
        self.validity = self._examine().validity

    def list_after(self, last: str) -> Sequence[str]:
        """Return the uids above `last`, in the order in which the mails came."""
        folder = self._examine()  # what came meanwhile counts as well
        if folder.validity != self.validity:
            raise Unavailable(
                "The mail server has numbered the mails anew. The mailbox will be opened again.",
                code="mailbox_renumbered",
            )
        first = int(last or 0) + 1
        found: set[int] = set()
        for uids in _ranges(first, folder):
            found.update(self._search(uids))
        # A server answers "n:*" with its last mail also where that comes before n.
        return [str(uid) for uid in sorted(found) if uid >= first]

    def get(self, uid: str, limit: int) -> RawMail | None:
        """Return a mail without marking it as read; None when it is gone."""
        answer = self._call(lambda: self._client.fetch([int(uid)], [_SIZE.decode(), f"BODY.PEEK[]<0.{limit}>"]))
        fields: dict[bytes, Any] = answer.get(int(uid), {})
        body = next((value for name, value in fields.items() if name.startswith(_BODY)), None)
        if body is None:
            return None
        raw = body[:limit]
        # Some servers err in the size that they name; a mail that ends before the limit is whole.
        is_whole = len(body) < limit or int(fields.get(_SIZE) or 0) <= limit
        return RawMail(raw, size=len(raw) if is_whole else int(fields[_SIZE]), is_whole=is_whole)

    def wait(self, longest: timedelta) -> bool:
        """Wait until the server says that the folder has changed (IDLE); False at once where it cannot say that."""
        return self._call(lambda: self._idle(min(longest, LONGEST_IDLE).total_seconds()))

    def _idle(self, seconds: float) -> bool:
        if not self._client.has_capability("IDLE"):
            return False
        self._client.idle()
        deadline = time.monotonic() + seconds
        hints: list[tuple[Any, ...]] = []
        while (left := deadline - time.monotonic()) > 0 and not _say_something_came(hints):
            hints = self._client.idle_check(left)
            if not hints:
                break  # the time is over, or the connection: the next line finds out
        _, last = self._client.idle_done()
        return _say_something_came([*hints, *last])

    def _examine(self) -> _Folder:
        answer = translated(lambda: self._client.select_folder(self._folder, readonly=True), self._timeout, _no_folder)
        validity = answer.get(b"UIDVALIDITY")
        if validity is None:
            raise bad_answer(TITLE)
        return _Folder(str(validity), mails=answer.get(b"EXISTS", 0), next_uid=answer.get(b"UIDNEXT", 0))

    def _search(self, uids: str) -> list[int]:
        return self._call(lambda: self._client.search(["UID", uids]))

    def _call(self, operation: Callable[[], T]) -> T:
        return translated(operation, self._timeout)


def translated(operation: Callable[[], T], timeout: timedelta, refused: Callable[[], JobError] | None = None) -> T:
    """Return what the operation returns, or raise what went wrong in our words.

    refused: what it means that the server said no; by default that it may say yes later.
    """
    failure: JobError
    try:
        return operation()
    except ssl.SSLCertVerificationError:
        failure = JobError(
            "The mail server's certificate is not valid. The operator must check IMAP_HOST and the certificate.",
            code="mailbox_insecure",
        )
    except CapabilityError:
        failure = JobError(
            "The mail server lacks what the settings ask for. The operator must check IMAP_SECURITY.",
            code="mailbox_insecure",
        )
    except TimeoutError:
        failure = timed_out(TITLE, timeout)
    except (imaplib.IMAP4.abort, OSError):
        failure = unreachable(TITLE)  # also a server that says goodbye
    except imaplib.IMAP4.error as error:
        failure = refused() if refused and not _PASSING.search(str(error)) else _passing_failure()
    except (ProtocolError, ValueError, LookupError, AttributeError, TypeError):
        failure = bad_answer(TITLE)
    # Outside of `except`: what the server said may quote mails, and must not travel along as the context.
    raise failure


def _ranges(first: int, folder: _Folder) -> list[str]:
    """Return the ranges of uids that together hold all from `first` on, few enough in each for one line of answer."""
    if folder.mails <= MOST_UIDS or folder.next_uid <= first:
        return [f"{first}:*"]
    return [f"{start}:{start + MOST_UIDS - 1}" for start in range(first, folder.next_uid, MOST_UIDS)]


def _say_something_came(hints: Sequence[tuple[Any, ...]]) -> bool:
    return any(len(hint) > 1 and hint[1] in (b"EXISTS", b"RECENT") for hint in hints)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _close(client: IMAPClient) -> None:
    """Say goodbye, to a server that may not be there any more."""
    with contextlib.suppress(Exception):
        client.logout()
        return
    with contextlib.suppress(Exception):
        client.shutdown()


def _passing_failure() -> Unavailable:
    return Unavailable(f"{TITLE} could not answer. It will be tried again.", code="provider_unavailable")


def _refused_login() -> JobError:
    return JobError(
        "The mail server refused our login. The operator must check the user, the password or the token.",
        code="mailbox_refused_login",
    )


def _no_folder() -> JobError:
    return JobError(
        "The mail server has no such folder, or does not show it to us. The operator must check IMAP_FOLDER.",
        code="mailbox_not_found",
    )
