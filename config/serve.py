"""`python -m config.serve`: the web server and the workers under one foreground process.

This is what `make run` starts. HOST, PORT and DATA_DIR come from the environment (defaults: 127.0.0.1, 8000, .data).
It brings the database up to date, makes the demo user, starts daphne and `manage.py qcluster`, prefixes their logs,
and starts either of them again when it dies.

How it stops, and why so:
- Each child leads a session of its own, so that Ctrl-C in a terminal reaches this process alone.
- SIGTERM goes to the cluster's main process, never to its group: django-q2 then lets running jobs end, while a signal
  to the whole group kills them. What is left when the time is over gets SIGKILL.
- When a child's main process dies by itself, the rest of its group gets SIGKILL before the next start, as systemd does
  it: orphans would go on working without a guard.
- When this process is killed and can do nothing more, Linux sends the children SIGTERM (PR_SET_PDEATHSIG). Other
  systems have no such thing; there the children of a killed supervisor must be stopped by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

RESTART_DELAY_SECONDS = (1, 2, 4, 8, 15, 30)
# A child that lived this long was well: its next death starts from the shortest delay again.
STEADY_SECONDS = 60
# What the cluster needs beyond the jobs' own grace time to close its queues and connections.
STOP_MARGIN = timedelta(seconds=10)
READ_BYTES = 64 * 1024
LONGEST_LINE = 256 * 1024

#: Connections that may wait to be accepted (Linux caps it at net.core.somaxconn). With Twisted's 50 the others of a
#: hundred that come at once are dropped, and their clients try again a second later.
BACKLOG = 2048

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def web_command(host: str, port: int) -> list[str]:
    """Return the command of a web process. It keeps no access log of its own: Sıra's has more (`sira.access`)."""
    interface = host.replace(":", r"\:")  # IPv6: Twisted separates the parts of an endpoint by colons
    endpoint = f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"
    return [sys.executable, "-m", "daphne", "-v", "0", "-e", endpoint, "config.asgi:application"]


class CannotStart(Exception):
    """What a person must change before the server can start, in one sentence."""


@dataclass
class Child:
    """One long-running process of ours, with what is needed to start it again."""

    prefix: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_again_at: float | None = None

    def start(self) -> None:
        supervisor = os.getpid()

        def die_with_the_supervisor() -> None:
            if _libc is not None:
                _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != supervisor:  # it died before the line above
                os._exit(1)

        self.start_again_at = None
        self.started_at = time.monotonic()
        # preexec_fn is safe because the supervisor has one thread only.
        self.process = subprocess.Popen(  # nosec B603 # commands of ours, no shell
            self.command,
            cwd=BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_the_supervisor,
        )

    def has_died(self) -> bool:
        """Whether the main process has ended; it stays a zombie, so that nobody else can get its group's number."""
        if self.process is None:
            return False
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, options) is not None

    def terminate(self) -> None:
        """Ask the main process, and it alone, to end."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGTERM)

    def sweep(self) -> int:
        """Kill what is left of the group, and return how its main process ended."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.process = None
        return status

    def plan_restart(self) -> float:
        """Set the time of the next start, and return the delay in seconds."""
        now = time.monotonic()
        if now - self.started_at >= STEADY_SECONDS:
            self.deaths = 0
        delay = RESTART_DELAY_SECONDS[min(self.deaths, len(RESTART_DELAY_SECONDS) - 1)]
        self.deaths += 1
        self.start_again_at = now + delay
        return delay


@dataclass
class Supervisor:
    """Runs the children until it is told to stop."""

    children: list[Child]
    stop_timeout: timedelta
    # Called once, when the address answers; the text is printed.
    address: tuple[str, int]
    welcome: str
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    interrupts: int = 0
    stop_requested: bool = False
    output_is_gone: bool = False

    def run(self) -> int:
        """Return the exit status: 0 after a clean stop, 130 after a second Ctrl-C."""
        with self._signals():
            try:
                for child in self.children:
                    self._start(child)
                self._watch()
                return self._stop()
            finally:
                for child in self.children:
                    if child.process is not None:
                        child.sweep()
                self._drain()

    # --- the two phases ---------------------------------------------------------------------------------------
    def _watch(self) -> None:
        welcomed = False
        while not self.stop_requested:
            now = time.monotonic()
            for child in self.children:
                if child.has_died():
                    self._bury(child)
                elif child.start_again_at is not None and child.start_again_at <= now:
                    self._start(child)
            if not welcomed and self._answers():
                welcomed = True
                self.say(self.welcome)
            waiting = any(child.start_again_at is not None for child in self.children)
            self._pump(0.1 if waiting or not welcomed else 5.0)

    def _stop(self) -> int:
        self.log("stopping; press Ctrl-C again to stop at once")
        deadline = time.monotonic() + self.stop_timeout.total_seconds()
        for child in self.children:
            child.start_again_at = None
            child.terminate()
        while running := [child for child in self.children if child.process is not None]:
            for child in running:
                if child.has_died():
                    child.sweep()
            if self.interrupts > 1:
                self.log("stopped at once; jobs that were running go back to the queue when their lease ends")
                return 130
            if time.monotonic() > deadline:
                names = " and ".join(child.prefix for child in running)
                self.log(f"{names} did not end within {self.stop_timeout.total_seconds():.0f} s and was killed")
                return 0
            self._pump(0.2)
        self.log("stopped")
        return 0

    def _start(self, child: Child) -> None:
        child.start()
        assert child.process is not None
        pipe = child.process.stdout
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, selectors.EVENT_READ, LineWriter(self, child.prefix))

    def _bury(self, child: Child) -> None:
        self._pump(0)  # its last words first
        status = child.sweep()
        reason = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self.log(f"{child.prefix} {reason}; it starts again in {child.plan_restart():.0f} s")

    def _answers(self) -> bool:
        try:
            socket.create_connection(self.address, timeout=0.2).close()
        except OSError:
            return False
        return True

    # --- what the children say --------------------------------------------------------------------------------
    def _pump(self, timeout: float) -> bool:
        """Pass on what the children wrote within `timeout` seconds, and return whether there was anything."""
        events = self.selector.select(timeout)
        for key, _ in events:
            if isinstance(key.data, LineWriter):
                self._read(key)
            else:
                self._wakeup.recv(4096)  # a signal came; the callers look at what it changed
        return bool(events)

    def _read(self, key: selectors.SelectorKey) -> None:
        try:
            data = os.read(key.fd, READ_BYTES)
        except BlockingIOError:
            return
        key.data.write(data)
        if not data:
            self.selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]

    def _drain(self) -> None:
        # Everything is dead, so every pipe comes to its end; a stranger that holds one must not hold us.
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and any(
            isinstance(key.data, LineWriter) for key in self.selector.get_map().values()
        ):
            self._pump(0.1)
        self.selector.close()

    def log(self, message: str) -> None:
        self.say(f"sira | {message}\n")

    def say(self, text: str) -> None:
        if self.output_is_gone:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # the reader of our output has left, as in `make run | head`
            self.output_is_gone = True
            self.stop_requested = True
            # Python writes the rest of its buffer when it ends; let that fail nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    # --- signals ----------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        self._wakeup, write_end = socket.socketpair()
        self._wakeup.setblocking(False)
        write_end.setblocking(False)
        self.selector.register(self._wakeup, selectors.EVENT_READ)
        handlers = {
            signal.SIGINT: self._on_interrupt,
            signal.SIGTERM: self._on_terminate,
            signal.SIGHUP: self._on_terminate,
            signal.SIGCHLD: lambda *_: None,  # only to wake the selector
        }
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        previous_wakeup = signal.set_wakeup_fd(write_end.fileno())
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous_wakeup)
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._wakeup.close()
            write_end.close()

    def _on_interrupt(self, *_: object) -> None:
        self.interrupts += 1
        self.stop_requested = True

    def _on_terminate(self, *_: object) -> None:
        # `make` passes on a SIGTERM that the group has had already: a second one changes nothing.
        self.stop_requested = True


class LineWriter:
    """Puts the child's prefix before each line it writes."""

    def __init__(self, supervisor: Supervisor, prefix: str) -> None:
        self.supervisor = supervisor
        self.prefix = prefix
        self.rest = b""

    def write(self, data: bytes) -> None:
        """Print the complete lines; empty `data` means the end, and prints the rest."""
        self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        if self.rest and (not data or len(self.rest) > LONGEST_LINE):
            lines.append(self.rest)
            self.rest = b""
        if lines:
            text = "".join(f"{self.prefix:<4} | {line.decode(errors='replace')}\n" for line in lines)
            self.supervisor.say(text)


def read_port(value: str) -> int:
    try:
        port = int(value)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise CannotStart(f"PORT is {value!r}; use a number from 1 to 65535.")
    return port


def check_address(host: str, port: int) -> None:
    """Raise CannotStart unless we can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"HOST is {host!r}, which is no address of this machine ({error.strerror}).") from error
    with socket.socket(family, kind, protocol) as probe:
        # Connections of an earlier server that are still closing are no obstacle; a listening one is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise CannotStart(
                f"Port {port} is for root only; choose one with PORT, as in `make run PORT=8001`."
            ) from error
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}); "
                f"choose another one with PORT, as in `make run PORT={port % 65535 + 1}`."
            ) from error


def prepare() -> None:
    """Bring the database, the static files and (in development) the demo user up to date."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not settings.PRODUCTION:
        call_command("prepare_demo", verbosity=0)
    connections.close_all()


def compose_welcome(host: str, port: int) -> str:
    """Return what a person needs to begin, as a block of lines."""
    from django.conf import settings

    everywhere = ("0.0.0.0", "::", "")  # nosec B104 # compared, not listened at
    shown_host = "127.0.0.1" if host in everywhere else f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{port}"
    lines = [f"Sıra is ready at {url}/", ""]
    if settings.PRODUCTION:
        lines += ["  Production: there is no demo user. Make one: .venv/bin/python manage.py createsuperuser"]
    else:
        password_path, token_path = settings.DATA_DIR / "demo-password", settings.DATA_DIR / "demo-token"
        token = token_path.read_text().strip()
        lines += [
            "  user      demo",
            f"  password  {password_path.read_text().strip()}",
            f"  token     {token_path}",
            f"  admin     {url}/admin/",
            "",
            "  Send a CV:",
            f'  curl -H "Authorization: Token {token}" -F user_id=demo -F session_id=demo -F file=@cv.pdf '
            f"{url}/api/v1/parser/parse-file-async",
        ]
    lines += ["", "  Stop with Ctrl-C."]
    return "\n" + "\n".join(lines) + "\n\n"


def main() -> int:
    host = os.environ.get("HOST") or "127.0.0.1"
    for name in ("PORT", "DATA_DIR"):  # empty means unset, as in `make run PORT=`
        if not os.environ.get(name):
            os.environ.pop(name, None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        port = read_port(os.environ.get("PORT", "8000"))
        check_address(host, port)
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 1

    from django.core.exceptions import ImproperlyConfigured

    try:
        prepare()
    except ImproperlyConfigured as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130

    from django.conf import settings

    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    supervisor = Supervisor(
        children=[
            Child("web", web_command(host, port), environment | {"SIRA_ROLE": "web"}),
            Child("work", [sys.executable, "manage.py", "qcluster"], environment | {"SIRA_ROLE": "worker"}),
        ],
        stop_timeout=settings.SIRA_DRAIN_GRACE + STOP_MARGIN,
        address=("127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host, port),  # nosec B104 # compared
        welcome=compose_welcome(host, port),
    )
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
