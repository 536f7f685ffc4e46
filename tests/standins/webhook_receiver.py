"""A receiver on loopback: it checks each message as Standard Webhooks asks, and answers as it is told.

    with WebhookReceiver() as receiver:
        receiver.will(status(503), status(410))
        …  # receiver.messages has everything that came; receiver.ids counts how often each webhook-id did

By hand: python -m tests.standins.webhook_receiver 8097 whsec_…
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import struct
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["_Handler"], None]


@dataclass(frozen=True)
class Message:
    """headers: with lower-case names. body: as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Whether one of the signatures is right: written from the specification, not from our own code."""
        key = base64.b64decode(secret.split("_", 1)[1])
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = [part.split(",", 1) for part in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(expected, value) for version, value in given)


# --- Behaviours: each answers one message -------------------------------------------------------------------------
def status(code: int, **headers: str) -> Behaviour:
    return lambda handler: handler.answer(code, {name.replace("_", "-"): value for name, value in headers.items()})


def redirect(location: str) -> Behaviour:
    return lambda handler: handler.answer(302, {"location": location})


def hangs() -> Behaviour:
    """Take the message and say nothing."""
    return lambda handler: handler.hold()


def drips(every_seconds: float) -> Behaviour:
    """Send a header a byte at a time, for ever."""

    def behave(handler: _Handler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
            while not handler.receiver.released.wait(every_seconds):
                handler.wfile.write(b"z")
                handler.wfile.flush()
        handler.close_connection = True

    return behave


def drops() -> Behaviour:
    """Take the message and close the connection with a reset."""

    def behave(handler: _Handler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    return behave


def garbage() -> Behaviour:
    """Answer with what is no HTTP."""

    def behave(handler: _Handler) -> None:
        handler.wfile.write(b"\x00\x01SSH-2.0-OpenSSH_9.2\r\n\r\n")
        handler.close_connection = True

    return behave


def floods() -> Behaviour:
    """Answer 200 and then send a body that never ends."""

    def behave(handler: _Handler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while not handler.receiver.released.is_set():
                handler.wfile.write(b"10000\r\n" + b"z" * 65536 + b"\r\n")
        handler.close_connection = True

    return behave


@dataclass
class WebhookReceiver:
    """host, port: where it listens; 0 lets the system choose. seconds: what each answer takes."""

    host: str = "127.0.0.1"
    port: int = 0
    seconds: float = 0.0
    messages: list[Message] = field(default_factory=list)
    behaviours: deque[Behaviour] = field(default_factory=deque)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *behaviours: Behaviour) -> None:
        """Answer the next messages so; those after them with 204."""
        self.behaviours.extend(behaviours)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"

    @property
    def ids(self) -> Counter[str]:
        with self.lock:
            return Counter(message.id for message in self.messages)

    def __enter__(self) -> WebhookReceiver:
        self.server = _Server((self.host, self.port), _Handler)
        self.server.receiver = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: WebhookReceiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def receiver(self) -> WebhookReceiver:
        return self.server.receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.receiver.lock:
            self.receiver.messages.append(Message(self.command, self.path, headers, body))
            behave = self.receiver.behaviours.popleft() if self.receiver.behaviours else status(204)
        if self.receiver.seconds:
            self.receiver.released.wait(self.receiver.seconds)
        behave(self)

    do_GET = do_PUT = do_POST  # a client that follows a redirect is on record as well

    def answer(self, code: int, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if code != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def hold(self) -> None:
        self.receiver.released.wait(60)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Tests look at `messages`."""


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8097
    secret = sys.argv[2] if len(sys.argv) > 2 else ""
    with WebhookReceiver(port=port) as receiver:
        sys.stdout.write(f"{receiver.url}; start Sıra with WEBHOOK_ALLOW_PRIVATE=true\n")
        seen = 0
        with contextlib.suppress(KeyboardInterrupt):
            while not receiver.released.wait(0.2):
                for message in receiver.messages[seen:]:
                    right = message.is_signed_with(secret) if secret else "not checked"
                    sys.stdout.write(f"{message.id} signature: {right} {message.body.decode()}\n")
                seen = len(receiver.messages)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
