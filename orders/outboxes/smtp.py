"""Mail out by SMTP. What matters is to know whether the server took the message, and to say so when nobody knows."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from collections.abc import Callable
from datetime import timedelta

from jobs.errors import InvalidInput, JobError, Unavailable
from jobs.providers.base import timed_out, unreachable
from orders.providers import SMTP, OutcomeUnknown

TITLE = "The mail server"


class SmtpOutbox:
    """An Outbox.

    security: "starttls", "tls", or "none", which is for a server on this machine only. login: user and password, or
    None. timeout: to connect and for each answer.
    """

    name = SMTP
    is_idempotent = False

    def __init__(
        self, host: str, port: int, *, security: str, login: tuple[str, str] | None, timeout: timedelta, hello: str = ""
    ) -> None:
        self.host, self.port, self.security = host, port, security
        self._login = login
        self.timeout = timeout
        self.hello = hello or None

    def send(self, message: bytes, *, sender: str, recipient: str, about_to_transmit: Callable[[], None]) -> None:
        """Hand the message over. See orders.providers.Outbox for what it raises."""
        if self.security == "none" and not is_loopback(self.host):
            raise JobError(
                "SMTP without encryption is for a server on this machine. Set SMTP_SECURITY to tls or starttls.",
                code="insecure_mail_server",
            )
        transmitting = False

        def transmit() -> None:
            nonlocal transmitting
            about_to_transmit()
            transmitting = True

        failure: JobError | None = None
        try:
            self._send(message, sender, recipient, transmit)
        except smtplib.SMTPAuthenticationError:
            failure = _refused_login()
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            failure = _recipient_refused(max(codes, default=550))
        except smtplib.SMTPSenderRefused as refused:
            failure = _sender_refused(refused.smtp_code)
        except smtplib.SMTPDataError as refused:
            failure = _message_refused(refused.smtp_code)
        except smtplib.SMTPNotSupportedError:
            failure = JobError(
                "The mail server does not offer what the settings ask for (STARTTLS or a login).",
                code="mail_server_setup",
            )
        except ssl.SSLCertVerificationError:
            failure = JobError("The mail server's certificate could not be verified.", code="mail_server_certificate")
        except TimeoutError:
            failure = _unknown() if transmitting else timed_out(TITLE, self.timeout)
        except (smtplib.SMTPException, OSError):
            failure = _unknown() if transmitting else unreachable(TITLE)
        # Outside of `except`: the server's words may quote the message.
        if failure is not None:
            raise failure

    def _send(self, message: bytes, sender: str, recipient: str, transmit: Callable[[], None]) -> None:
        server = self._connect()
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if self._login is not None:
                server.login(*self._login)
            code, answer = server.mail(sender)
            if code != 250:
                raise smtplib.SMTPSenderRefused(code, answer, sender)
            code, answer = server.rcpt(recipient)
            if code not in (250, 251):
                raise smtplib.SMTPRecipientsRefused({recipient: (code, answer)})
            transmit()
            code, answer = server.data(message)
            if code != 250:
                raise smtplib.SMTPDataError(code, answer)
        finally:
            # It has the message or has not; how the goodbye goes makes no difference.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if server.sock is not None:
                    server.sock.settimeout(2)
                server.quit()
            server.close()

    def _connect(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        if self.security == "tls":
            return smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=self.hello, timeout=seconds, context=ssl.create_default_context()
            )
        return smtplib.SMTP(self.host, self.port, local_hostname=self.hello, timeout=seconds)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The mail server did not say whether it took the reply. Look into the sent mail, or ask the customer; then say "
        "on the page whether it went out."
    )


def _refused_login() -> JobError:
    return JobError(
        "The mail server refused our login. The operator must check SMTP_USER and SMTP_PASSWORD.",
        code="provider_refused_key",
    )


def _recipient_refused(code: int) -> JobError:
    if code < 500:
        return _not_now()
    return InvalidInput("The mail server knows no such recipient. Nothing was sent.", code="recipient_refused")


def _sender_refused(code: int) -> JobError:
    if code < 500:
        return _not_now()
    return JobError("The mail server refused our address. The operator must check MAIL_FROM.", code="sender_refused")


def _message_refused(code: int) -> JobError:
    if code < 500:
        return _not_now()
    return InvalidInput("The mail server refused the reply. Nothing was sent.", code="message_refused")


def _not_now() -> Unavailable:
    return Unavailable("The mail server takes no mail right now. It will be tried again.", code="provider_unavailable")
