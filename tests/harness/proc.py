"""The processes of this machine, read from /proc (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .waiting import wait_until


@dataclass(frozen=True)
class ProcessInfo:
    pid: int
    parent: int
    session: int
    # With the pid it names a process for ever; a pid alone is used again.
    started: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid} ({self.command})"


def find_process(pid: int) -> ProcessInfo | None:
    """Return the process, or None when it has ended (a zombie has)."""
    directory = Path("/proc") / str(pid)
    try:
        stat = (directory / "stat").read_text()
        command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name in parentheses that may hold anything.
    state, parent, _group, session, *rest = stat.rpartition(")")[2].split()
    if state in "ZX":
        return None
    return ProcessInfo(pid, int(parent), int(session), started=int(rest[15]), command=command)


def is_alive(pid: int) -> bool:
    return find_process(pid) is not None


def list_processes() -> list[ProcessInfo]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [process for pid in sorted(pids) if (process := find_process(pid))]


def list_session(session: int) -> list[ProcessInfo]:
    """Return the processes of a session, orphans included, in the order in which they were started."""
    found = [process for process in list_processes() if process.session == session]
    return sorted(found, key=lambda process: (process.started, process.pid))


def list_descendants(pid: int) -> list[ProcessInfo]:
    """Return all children of a process and theirs; an orphan has no ancestor any more and is not among them."""
    by_parent: dict[int, list[ProcessInfo]] = {}
    for process in list_processes():
        by_parent.setdefault(process.parent, []).append(process)
    found: list[ProcessInfo] = []
    unseen = [pid]
    while unseen:
        children = by_parent.get(unseen.pop(), [])
        found += children
        unseen += [child.pid for child in children]
    return found


def list_with_environment(name: str, value: str) -> list[ProcessInfo]:
    """Return the processes that were started with this environment variable, whoever their parent is now."""
    wanted = f"{name}={value}".encode()
    found = []
    for process in list_processes():
        with contextlib.suppress(OSError):
            if wanted in (Path("/proc") / str(process.pid) / "environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


def kill_all(processes: Iterable[ProcessInfo]) -> None:
    """SIGKILL each of them, unless its pid belongs to another process by now, and wait until all are gone."""
    processes = list(processes)
    for process in processes:
        current = find_process(process.pid)
        if current is not None and current.started == process.started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def remaining() -> list[ProcessInfo]:
        return [
            process
            for process in processes
            if (current := find_process(process.pid)) and current.started == process.started
        ]

    wait_until(lambda: not remaining(), timeout=10, message=lambda: f"still alive: {', '.join(map(str, remaining()))}")
