"""A throw-away PostgreSQL server of our own: no daemon, no account, no fixed port."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Literal
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from .proc import ProcessInfo, kill_all, list_descendants
from .waiting import wait_until

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,  # waits for its clients to leave
    "fast": signal.SIGINT,  # ends their sessions
    "immediate": signal.SIGQUIT,  # as a crash: recovery at the next start
}
PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, the newest version first, or None."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    if pg_config := shutil.which("pg_config"):
        output = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += [Path(output)] if output else []
    if postgres := shutil.which("postgres"):
        candidates.append(Path(postgres).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def replace_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def create_database(server_url: str, name: str, *, template: str = "template0") -> str:
    """Make a database on the server, in place of one with that name, and return its URL.

    template: the name of the database to copy, to which nobody is connected; the default makes an empty one.
    """
    drop_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return replace_database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class PostgresServer:
    """One server in a folder of its own; use it as a context manager.

    fsync: False keeps nothing safe from a power cut and is much faster; a killed server loses nothing either way: what
    was committed has left the process.
    settings: lines of postgresql.conf, as {"max_connections": "20"}. address: where it listens; another one than
    loopback takes connections of its network (/24) as well.
    """

    def __init__(
        self, *, fsync: bool = False, settings: dict[str, str] | None = None, address: str = "127.0.0.1"
    ) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError("PostgreSQL's programs (initdb, postgres) are not installed")
        self.binaries = binaries
        self.address = address
        self.port = find_free_port()
        self.password = secrets.token_urlsafe(16)
        self.folder: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = {
            "listen_addresses": address,
            "max_connections": "200",
            "shared_buffers": "32MB",
            "log_min_messages": "warning",
            "fsync": "on" if fsync else "off",
            "synchronous_commit": "on",
            "full_page_writes": "on" if fsync else "off",
        } | (settings or {})

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        return f"postgres://sira:{self.password}@{self.address}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        return create_database(self.url(), name)

    def start(self) -> None:
        """Start the server and wait until it takes connections; the first time make its folder."""
        assert self.process is None, "it runs already"
        if self.folder is None:
            self._make_folder()
        command = [str(self.binaries / "postgres"), "-D", str(self._data), "-k", str(self.folder), "-p", str(self.port)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log_path.open("ab") as log:
            self.process = self._popen(command, log)
        wait_until(self._is_ready, timeout=60, message=lambda: f"PostgreSQL takes connections; its log:\n{self.log()}")

    def stop(self, mode: StopMode = "fast") -> None:
        if self.process is not None:
            self.process.send_signal(STOP_SIGNALS[mode])
            self.process.wait(timeout=60)
            self.process = None

    def restart(self, mode: StopMode = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL the server; the port is free and the folder can be used again when this returns."""
        assert self.process is not None
        backends: list[ProcessInfo] = list_descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        self.process = None
        # They would end by themselves; a new server refuses to start while one of them holds the shared memory.
        kill_all(backends)

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        self.stop("immediate")
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    @property
    def log_path(self) -> Path:
        assert self.folder is not None
        return self.folder / "server.log"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    # --- details ----------------------------------------------------------------------------------------------
    @property
    def _data(self) -> Path:
        assert self.folder is not None
        return self.folder / "data"

    @property
    def _account(self) -> str | None:
        """Whose the server is: PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return None
        names = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in names else "nobody"

    def _make_folder(self) -> None:
        # Not below pytest's tmp_path: that is closed to other accounts, and a socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="sira-pg-", dir="/tmp"))
        if account := self._account:
            shutil.chown(self.folder, account)
        password_file = self.folder / "password"
        password_file.touch(0o600)
        password_file.write_text(self.password)
        if account:
            shutil.chown(password_file, account)
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        command = [str(self.binaries / "initdb"), "-D", str(self._data), "--username=sira", f"--pwfile={password_file}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", f"--locale={locale}", "--no-sync", "--no-instructions"]
        with self.log_path.open("ab") as log:
            status = self._popen(command, log).wait(timeout=120)
        if status != 0:
            raise RuntimeError(f"initdb failed:\n{self.log()}")
        if self.address != "127.0.0.1":
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self.address}/24 scram-sha-256\n")

    def _popen(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for pytest
            preexec_fn=_quit_with_the_parent,
            user=account,
            group=pwd.getpwnam(account).pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with status {self.process.returncode}:\n{self.log()}")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=2).close()
            return True
        return False


def _quit_with_the_parent() -> None:
    if _libc is not None:  # a killed pytest leaves no server behind
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
