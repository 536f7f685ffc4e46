"""Many connections at once: none is turned away, none waits for its client's next try a second later."""

from __future__ import annotations

import contextlib
import shlex
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import endpoints

from config.serve import BACKLOG, BASE_DIR, web_command
from tests.harness.processes import ServerStack

AT_ONCE = 400
#: Linux sends the first packet of a connection again after a second when nobody has taken it.
TURNED_AWAY_SECONDS = 0.9


def test_connections_that_come_while_the_web_process_is_busy_are_kept_until_it_accepts_them(
    server_stack: Callable[..., ServerStack],
) -> None:
    stack = server_stack(cluster_names=())
    with contextlib.ExitStack() as open_ones:
        stack.kill("web", signal.SIGSTOP)
        try:
            clients = [
                open_ones.enter_context(socket.create_connection(("127.0.0.1", stack.port), TURNED_AWAY_SECONDS))
                for _ in range(AT_ONCE)
            ]
        finally:
            stack.kill("web", signal.SIGCONT)
        for client in clients:
            client.settimeout(30)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert {client.recv(12) for client in clients} <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/systemd/sira-web.service"])
def test_every_way_to_start_a_web_process_is_that_of_make_run(path: str) -> None:
    text = (BASE_DIR / path).read_text()
    line = next(line for line in text.splitlines() if "daphne" in line)
    words = shlex.split(line.translate(str.maketrans("[],", "   ")))
    said = [word for word in words[words.index("daphne") + 1 :] if not word.startswith("tcp:")]
    assert said == [word for word in web_command("127.0.0.1", 8000)[3:] if not word.startswith("tcp:")]
    assert f":backlog={BACKLOG}" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::", "::1"])
def test_a_web_process_is_told_where_to_listen(host: str) -> None:
    listened: list[dict[str, Any]] = []

    class Reactor:
        def listenTCP(self, port: int, factory: Any, **where: Any) -> None:  # Twisted's name
            listened.append({"port": port, **where})

    command = web_command(host, 8123)
    endpoints.serverFromString(Reactor(), command[command.index("-e") + 1]).listen(None)
    assert listened == [{"port": 8123, "backlog": BACKLOG, "interface": host}]
