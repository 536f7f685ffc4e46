"""A real IMAP server on loopback (pymap, in memory), for tests and for trying Sıra by hand.

    with ImapServer() as server:
        server.append(b"From: …")
        …  # server.host, server.port, server.user, server.password

It numbers its mails from 101 and has another UIDVALIDITY after each start. What pymap cannot do, `Script` plays: a
socket that says lines.

By hand: python -m tests.standins.imap_server 1143
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from imapclient import IMAPClient

from tests.harness.postgres import find_free_port
from tests.harness.waiting import wait_until

USER, PASSWORD = "destek@example.com", "stand-in-not-a-secret"
START_SECONDS = 20.0
#: What its console script does.
_PYMAP = "from pymap.main import main; raise SystemExit(main())"


class ImapServer:
    """certificate: files of a certificate and its key; then the server speaks STARTTLS."""

    host = "127.0.0.1"
    user = USER
    password = PASSWORD

    def __init__(self, *, port: int = 0, certificate: tuple[Path, Path] | None = None) -> None:
        self.port = port or find_free_port()
        self._tls = (
            ["--cert", str(certificate[0]), "--key", str(certificate[1])] if certificate is not None else ["--no-tls"]
        )
        self.process: subprocess.Popen[bytes] | None = None
        self._client: IMAPClient | None = None

    def __enter__(self) -> ImapServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            _PYMAP,
            "--host",
            self.host,
            "--port",
            str(self.port),
            *self._tls,
        ]
        user = ["dict", "--demo-user", self.user, "--demo-password", self.password]
        self.process = subprocess.Popen([*command, *user], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, timeout=START_SECONDS, message="the IMAP server did not start")

    def stop(self) -> None:
        if self._client is not None:
            self._client.shutdown()
            self._client = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Start anew: empty, and with another UIDVALIDITY."""
        self.stop()
        self.start()

    def append(self, raw: bytes) -> None:
        self.append_many([raw])

    def append_many(self, mails: Sequence[bytes]) -> None:
        for raw in mails:
            self.client.append("INBOX", raw)

    def delete(self, *uids: int) -> None:
        """Delete these mails, or all."""
        self.client.select_folder("INBOX")
        if gone := uids or self.client.search():
            self.client.delete_messages(gone)
            self.client.expunge()
        self.client.close_folder()

    def flags(self, uid: int) -> tuple[bytes, ...]:
        self.client.select_folder("INBOX", readonly=True)
        return self.client.get_flags([uid])[uid]

    @property
    def client(self) -> IMAPClient:
        """A client of the test's own; one for the server's life, because pymap takes its time over passwords."""
        if self._client is None:
            self._client = IMAPClient(self.host, self.port, ssl=False, timeout=10)
            self._client.login(self.user, self.password)
        return self._client

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the IMAP server ended while it started"
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as probe:
                return probe.recv(4) == b"* OK"
        except OSError:
            return False


class Script:
    """A socket that plays a server: greets, then lets `answer` make of each line what is sent back.

    answer: gets a line without its end; returns what to send, or None to hang up. lines: what came in.
    """

    host = "127.0.0.1"

    def __init__(self, answer: Callable[[bytes], bytes | None], greeting: bytes = b"* OK ready\r\n") -> None:
        self._answer = answer
        self._greeting = greeting
        self.lines: list[bytes] = []

    def __enter__(self) -> Script:
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            with connection, contextlib.suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.sendall(self._greeting)
        with connection.makefile("rb") as lines:
            for line in lines:
                self.lines.append(line.rstrip(b"\r\n"))
                reply = self._answer(self.lines[-1])
                if reply is None:
                    return
                connection.sendall(reply)


def main() -> None:
    with ImapServer(port=int(sys.argv[1]) if len(sys.argv) > 1 else 1143) as server:
        sys.stdout.write(
            f"MAIL_PROVIDER=imap IMAP_HOST={server.host} IMAP_PORT={server.port} IMAP_SECURITY=none"
            f" IMAP_USER={server.user} IMAP_PASSWORD={server.password}\n"
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            assert server.process is not None
            server.process.wait()


if __name__ == "__main__":
    main()
