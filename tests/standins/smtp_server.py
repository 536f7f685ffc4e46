"""A mail server on loopback (aiosmtpd) that takes messages, and misbehaves on demand.

    with SmtpServer() as server:
        server.will("greylist", "drop_after_data")
        …  # server.messages: what arrived whole, also when the sender never heard of it

By hand: python -m tests.standins.smtp_server 11025
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

BEHAVIOURS = (
    "refuse_recipient",
    "greylist",
    "refuse_message",
    "hang_after_data",
    "drop_after_data",
    "drop_before_data",
)
USER, PASSWORD = "agent", "stand-in-not-a-secret"


@dataclass(frozen=True)
class Message:
    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class SmtpServer:
    """will: what the next messages meet, in order; then all goes well. has_login: users may, and are checked."""

    port: int = 0
    has_login: bool = False
    messages: list[Message] = field(default_factory=list)
    behaviours: deque[str] = field(default_factory=deque)
    over: threading.Event = field(default_factory=threading.Event)

    def will(self, *behaviours: str) -> None:
        assert set(behaviours) <= set(BEHAVIOURS)
        self.behaviours.extend(behaviours)

    def __enter__(self) -> SmtpServer:
        options: dict[str, Any] = {}
        if self.has_login:
            options = {"authenticator": _authenticate, "auth_require_tls": False}
        self.controller = Controller(_Handler(self), hostname="127.0.0.1", port=self.port or _free_port(), **options)
        self.controller.start()
        self.port = self.controller.port
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.controller.stop()


class _Handler:
    def __init__(self, server: SmtpServer) -> None:
        self.server = server

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        behaviour = self.server.behaviours[0] if self.server.behaviours else ""
        if behaviour in ("refuse_recipient", "greylist", "drop_before_data"):
            self.server.behaviours.popleft()
        if behaviour == "refuse_recipient":
            return "550 no such user"
        if behaviour == "greylist":
            return "451 come back later"
        if behaviour == "drop_before_data":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        behaviour = self.server.behaviours.popleft() if self.server.behaviours else ""
        if behaviour == "refuse_message":
            return "554 not wanted"
        self.server.messages.append(Message(envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        if behaviour == "drop_after_data":
            server.transport.abort()
        if behaviour == "hang_after_data":
            while not self.server.over.is_set():
                await asyncio.sleep(0.05)
        return "250 OK"


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 11025
    with SmtpServer(port=port) as server:
        sys.stdout.write(f"OUTBOX_PROVIDER=smtp SMTP_HOST=127.0.0.1 SMTP_PORT={server.port} SMTP_SECURITY=none\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
