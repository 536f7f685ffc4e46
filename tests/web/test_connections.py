"""Many connections at once: none is turned away, none waits for its client's next try a second later."""

from __future__ import annotations

import contextlib
import shlex
import signal
import socket
from collections.abc import Callable

import pytest

from config.serve import BACKLOG, BASE_DIR, web_command
from tests.harness.postgres import find_free_port
from tests.harness.processes import ServerStack, Service
from tests.harness.waiting import wait_until

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


def test_a_web_process_listens_on_ipv6(server_stack: Callable[..., ServerStack]) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    stack = server_stack(cluster_names=())
    port = find_free_port()
    service = Service("web-6", web_command("::1", port), stack.env | {"SIRA_ROLE": "web"}, stack.data_dir / "web-6.log")
    stack.services["web-6"] = service
    service.start()

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("::1", port), 5):
            return True
        return False

    wait_until(answers, timeout=60)


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False
