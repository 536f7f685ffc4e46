"""Commands in processes of their own: in a pipe, and at a terminal that is not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping

from tests.harness.processes import BASE_DIR
from tests.harness.waiting import wait_until

#: What moves the cursor, colours or clears.
_CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")
ENOUGH_SECONDS = 60.0


def without_a_terminal(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that says nothing about a terminal, whatever that of the tests says."""
    return {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}


def start_in_pipe(env: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=without_a_terminal(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_in_pipe(env: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Return exit status, output and errors of a command whose output nobody sees."""
    with start_in_pipe(env, *arguments) as process:
        out, errors = process.communicate(timeout=ENOUGH_SECONDS)
    return process.returncode, out, errors


class AtTerminal:
    """A command at a terminal of `columns` × `rows`; keys are typed with `press`."""

    def __init__(self, env: Mapping[str, str], *arguments: str, columns: int = 100, rows: int = 30) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._raw = b""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=without_a_terminal(env) | {"TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,  # or Ctrl-C would not be a signal
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
            while piece := os.read(self._master, 65536):
                self._raw += piece

    @property
    def raw(self) -> str:
        return self._raw.decode(errors="replace")

    @property
    def text(self) -> str:
        """Everything that was ever written, without what moves the cursor."""
        return _CONTROL.sub("", self.raw)

    def see(self, pattern: str, *, timeout: float = ENOUGH_SECONDS) -> re.Match[str]:
        """Wait until something was written."""
        return wait_until(
            lambda: re.search(pattern, self.text), timeout=timeout, message=lambda: f"{pattern!r} in:\n{self.text}"
        )

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def end(self, *, timeout: float = ENOUGH_SECONDS) -> int:
        """Wait until the command has ended, and return its exit status."""
        status = self.process.wait(timeout)
        self._reader.join(10)
        return status


@contextlib.contextmanager
def at_terminal(env: Mapping[str, str], *arguments: str, columns: int = 100, rows: int = 30) -> Iterator[AtTerminal]:
    command = AtTerminal(env, *arguments, columns=columns, rows=rows)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        command._reader.join(10)
        os.close(command._master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
