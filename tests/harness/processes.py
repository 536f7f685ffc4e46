"""A running Sıra: daphne and qclusters as a service manager starts them, on a database of their own."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from config.serve import web_command

from .databases import sqlite_url, use_database
from .postgres import find_free_port
from .proc import ProcessInfo, find_process, kill_all, list_descendants, list_session
from .waiting import wait_until

BASE_DIR = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 45.0
LOG_TAIL_LINES = 60

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

# How django-q2 names its processes in its log, at level INFO (django_q/worker.py, monitor.py, pusher.py).
ROLE_LINES = {
    "worker": re.compile(r"ready for work at (\d+)"),
    "monitor": re.compile(r"monitoring at (\d+)"),
    "pusher": re.compile(r"pushing tasks at (\d+)"),
}


@dataclass(frozen=True)
class Roles:
    """The processes of one running qcluster."""

    main: int
    sentinel: int
    pusher: int
    monitor: int
    workers: list[int]

    @property
    def all(self) -> list[int]:
        return [self.main, self.sentinel, self.pusher, self.monitor, *self.workers]


@dataclass(frozen=True)
class Host:
    """Where a service runs. prefix: its command is put behind this. env: what its environment has besides."""

    prefix: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class Service:
    """One process that a service manager would watch, and the log that it writes."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log_path: Path) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self.log_path = log_path
        self.process: subprocess.Popen[bytes] | None = None
        # Where the present process begins in the log: what is before it names pids of earlier ones.
        self._log_start = 0
        # Every session it ever had, so that orphans of a killed process are found as well.
        self.sessions: list[int] = []

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def start(self) -> None:
        assert self.process is None or self.process.poll() is not None, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                self.command,
                cwd=BASE_DIR,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_the_parent,
            )
        self.sessions.append(self.process.pid)

    def log(self) -> str:
        """Return what the present process has written."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def members(self) -> list[ProcessInfo]:
        """Return every living process of it, orphans of earlier ones included."""
        return [process for session in self.sessions for process in list_session(session)]

    def reap(self) -> int | None:
        return None if self.process is None else self.process.poll()


class ServerStack:
    """Web server and clusters, started directly (not by config/serve.py); use it as a context manager.

    data_dir: where DATA_DIR and the logs are. database_url: "" for SQLite in data_dir, else the URL of an empty
    PostgreSQL database. cluster_names: one qcluster each, by Q_CLUSTER_NAME; a name twice is two clusters of that name,
    the second one called "sira-2". web: how many web servers; False starts the clusters only. env: added to the
    environment of all processes. hosts: by service, what its command is put behind, so that it runs elsewhere
    ("ip netns exec …"), and what its environment has besides.
    migrated: the database has its tables already.
    unblock: pytest-django's `django_db_blocker.unblock`, so that `database()` works inside a test.

    Services are called "web", "web-2" … and by their cluster names; `base_url` is that of the first web server.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        database_url: str = "",
        port: int | None = None,
        workers: int = 2,
        cluster_names: Sequence[str] = ("sira",),
        web: int = True,
        env: Mapping[str, str] | None = None,
        hosts: Mapping[str, Host] | None = None,
        unblock: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
        migrated: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or find_free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.base_urls: dict[str, str] = {}
        self.database_url = database_url or sqlite_url(data_dir / "sira.sqlite3")
        self.workers = workers
        self._unblock = unblock
        self._migrated = migrated
        self._hosts = hosts or {}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("SIRA_TEST_DATA_DIR", "SIRA_ROLE", "Q_CLUSTER_NAME", "DJANGO_ALLOW_ASYNC_UNSAFE")
        }
        self.env = inherited | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SIRA_ENV": "development",
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": self.database_url if database_url else "",
            "WORKERS": str(workers),
            "Q_LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }
        self.services: dict[str, Service] = {}
        data_dir.mkdir(parents=True, exist_ok=True)
        for number in range(1, int(web) + 1):
            name, own_port = ("web", self.port) if number == 1 else (f"web-{number}", find_free_port())
            self.base_urls[name] = f"http://127.0.0.1:{own_port}"
            self._add(name, web_command("127.0.0.1", own_port), {"SIRA_ROLE": "web"})
        for cluster in cluster_names:
            count = sum(name == cluster or name.startswith(f"{cluster}-") for name in self.services) + 1
            self._add(
                cluster if count == 1 else f"{cluster}-{count}",
                [sys.executable, "manage.py", "qcluster"],
                {"SIRA_ROLE": "worker", "Q_CLUSTER_NAME": cluster},
            )

    def _add(self, name: str, command: list[str], extra: dict[str, str]) -> None:
        host = self._hosts.get(name, Host())
        env = self.env | extra | dict(host.env)
        self.services[name] = Service(name, [*host.prefix, *command], env, self.data_dir / f"{name}.log")

    # --- life -------------------------------------------------------------------------------------------------
    def __enter__(self) -> ServerStack:
        if not self._migrated:
            self.manage("migrate", "--verbosity", "0")
        static_root = self.data_dir / "staticfiles"
        if self.base_urls and not static_root.exists():
            static_root.symlink_to(_collect_static())
        try:
            for service in self.services.values():
                service.start()
            for name in self.services:
                self.wait_ready(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start a service again that has ended, and wait until it is ready, as systemd would."""
        self.services[name].start()
        self.wait_ready(name)

    def stop(self, name: str | None = None, *, timeout: float = STOP_SECONDS) -> list[ProcessInfo]:
        """Stop one service or all by SIGTERM to the main processes; leave no process behind.

        Returns the processes that had not ended by themselves and were killed: none after a clean stop.
        """
        services = [self.services[name]] if name else list(self.services.values())
        for service in services:
            if service.process is not None and service.process.poll() is None:
                service.process.terminate()

        def all_ended() -> bool:
            return all(service.reap() is not None or service.process is None for service in services) and not any(
                service.members() for service in services
            )

        with contextlib.suppress(AssertionError):
            wait_until(all_ended, timeout=timeout)
        left = [process for service in services for process in service.members()]
        kill_all(left)
        for service in services:
            if service.process is not None:
                service.process.wait()
        return left

    def wait_ready(self, name: str, *, timeout: float = START_SECONDS) -> None:
        """Wait until a service does its work: the web server answers, a cluster has all its processes."""
        service = self.services[name]

        def ready() -> bool:
            if service.reap() is not None:
                raise RuntimeError(f"{name} ended with status {service.reap()}:\n{self.log_tail(name)}")
            return self._is_at_work(name)

        wait_until(ready, timeout=timeout, message=lambda: f"{name} is ready; its log:\n{self.log_tail(name)}")

    def _is_at_work(self, name: str) -> bool:
        if name in self.base_urls:
            return self._web_answers(self.base_urls[name])
        return self._find_roles(self.services[name]) is not None

    def _web_answers(self, base_url: str) -> bool:
        try:
            with urllib.request.urlopen(f"{base_url}/healthz", timeout=5) as response:
                return response.status == 200
        except urllib.error.HTTPError as error:
            with error:
                # 503: the web server is up, and says that nobody works yet, which is no concern of its own.
                return error.code in (404, 503)
        except OSError:
            return False

    def is_whole(self) -> bool:
        """Whether every service runs and has all its processes."""
        return all(
            service.process is not None and service.reap() is None and self._is_at_work(name)
            for name, service in self.services.items()
        )

    # --- processes --------------------------------------------------------------------------------------------
    def pid(self, name: str) -> int:
        return self.services[name].pid

    def children(self, name: str = "sira", *, timeout: float = START_SECONDS) -> Roles:
        """Return the processes of a cluster by role, once all of them are there (again, after a kill)."""
        service = self.services[name]
        return wait_until(
            lambda: self._find_roles(service),
            timeout=timeout,
            message=lambda: (
                f"{name} has all its processes; django-q must log at INFO (Q_LOG_LEVEL); "
                f"there are: {', '.join(map(str, service.members()))}; its log:\n{self.log_tail(name)}"
            ),
        )

    def _find_roles(self, service: Service) -> Roles | None:
        main = find_process(service.pid)
        if main is None:
            return None
        # What a process of a cluster starts itself (a sandboxed parser, say) has a worker for its parent.
        sentinels = [process for process in list_descendants(main.pid) if process.parent == main.pid]
        if len(sentinels) != 1:
            return None
        sentinel = sentinels[0].pid
        alive = {process.pid for process in list_descendants(sentinel) if process.parent == sentinel}
        said: dict[int, str] = {}
        for line in service.log().splitlines():
            for role, pattern in ROLE_LINES.items():
                if match := pattern.search(line):
                    said[int(match[1])] = role  # the last line counts: pids come again
        by_role: dict[str, list[int]] = {"worker": [], "monitor": [], "pusher": []}
        for pid in sorted(alive & set(said)):
            by_role[said[pid]].append(pid)
        if [len(by_role[role]) for role in ("worker", "monitor", "pusher")] != [self.workers, 1, 1]:
            return None
        return Roles(main.pid, sentinel, by_role["pusher"][0], by_role["monitor"][0], by_role["worker"])

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the main process of a service, and after SIGKILL wait until it has ended."""
        service = self.services[name]
        os.kill(service.pid, sig)
        if sig == signal.SIGKILL:
            assert service.process is not None
            service.process.wait()

    def kill_whole(self, name: str) -> None:
        """SIGKILL every process of a service, as a power cut does."""
        service = self.services[name]
        kill_all(service.members())
        assert service.process is not None
        service.process.wait()

    # --- what tests ask for -----------------------------------------------------------------------------------
    def manage(self, *arguments: str, input: str | None = None) -> str:
        """Run a management command on the stack's database and return what it printed."""
        return _manage(self.env, *arguments, input=input)

    @contextlib.contextmanager
    def database(self) -> Iterator[None]:
        """Let Django's ORM in this process use the stack's database for a while."""
        with self._unblock(), use_database(self.database_url):
            yield

    def token(self, username: str = "ada", *, staff: bool = False) -> str:
        """Return an API token of a user, who is made when there is none; the password is the name."""
        from django.contrib.auth import get_user_model
        from django.contrib.auth.hashers import PBKDF2PasswordHasher

        from tests.harness.tokens import token_of

        with self.database():
            # The processes of the stack know Django's own hashers only, not the quick one of the tests.
            password = PBKDF2PasswordHasher().encode(username, "salt", iterations=1)
            user, _ = get_user_model().objects.get_or_create(
                username=username, defaults={"is_staff": staff, "is_superuser": staff, "password": password}
            )
            # Without a limit: what tests and benchmarks measure is not the throttle.
            return token_of(user, requests_per_minute=0)

    def log_tail(self, name: str | None = None, lines: int = LOG_TAIL_LINES) -> str:
        """Return the end of one log or of all, for the message of a failed test."""
        parts = []
        for service in [self.services[name]] if name else self.services.values():
            if service.log_path.exists():
                tail = service.log_path.read_text(errors="replace").splitlines()[-lines:]
                parts.append(f"--- {service.name}\n" + "\n".join(tail))
        return "\n".join(parts)


def _manage(env: Mapping[str, str], *arguments: str, input: str | None = None) -> str:
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=dict(env),
        input=input or "",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


@functools.cache
def _collect_static() -> Path:
    """Return the static files, collected once for all stacks: it takes three seconds."""
    data_dir = Path(tempfile.mkdtemp(prefix="sira-static-"))
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    _manage(env, "collectstatic", "--no-input", "--verbosity", "0")
    return data_dir / "staticfiles"


def _end_with_the_parent() -> None:
    if _libc is not None:  # a killed pytest leaves no server behind
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
