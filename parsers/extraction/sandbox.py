"""The parent's side of the child process: start it, wait for it, end it, and believe little of what it says."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import logging
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from jobs.errors import Unavailable

from .faults import SENTENCES, invalid
from .limits import MEGABYTE, Limits
from .media import MediaType
from .text import may_be_stored

logger = logging.getLogger(__name__)

_ROOT = str(Path(__file__).resolve().parents[2])
# -I: no environment, no user site, no current folder. The root is for `parsers` and `jobs.errors` alone.
_START = (
    "import sys, json; sys.path.insert(0, sys.argv[1]);"
    "from parsers.extraction.child import main; main(json.loads(sys.argv[2]))"
)
_WARNED: set[str] = set()


def run(document: IO[bytes], media_type: MediaType, limits: Limits, ocr: dict[str, Any] | None) -> dict[str, Any]:
    """Read `document` in a child process and return its answer, checked: see `child.py` for its shape.

    Whatever ends the wait, also an exception from a signal handler, the child and all it started are gone when this
    returns or raises. Raises InvalidInput (the document's fault) or Unavailable (ours: no process, or one killed from
    outside).
    """
    order = {
        "parent": os.getpid(),
        "media_type": media_type.value,
        "limits": {
            name: value.total_seconds() if isinstance(value, timedelta) else value
            for name, value in asdict(limits).items()
        },
        "ocr": ocr,
        "readable": _readable_for(ocr),
    }
    deadline = time.monotonic() + limits.wall.total_seconds()
    child = _Child()
    try:
        try:
            child.start([sys.executable, "-I", "-c", _START, _ROOT, json.dumps(order)], document)
        except (OSError, MemoryError) as error:
            raise Unavailable(
                "The process that reads documents could not be started. It will be tried again.",
                code="extraction_unavailable",
            ) from error
        output = _receive(child.pipe, deadline, limits)
        if output is not None:
            answer = _understand(output, limits)
            if answer is not None:
                return answer
        # The pipe is closed, so the end is a matter of microseconds, unless the child plays games.
        return_code = child.await_end(min(deadline, time.monotonic() + 1))
    finally:
        child.end()
        child.tell()
    raise _explain(return_code, limits)


class _Child:
    """A process that leads a group of its own, and the pipe that it writes to.

    The standard library's Popen can lose a process: an exception that a signal handler raises while the process starts
    comes before its id is stored. Here `end` finds whatever was made, at whatever moment the exception came.
    """

    def __init__(self) -> None:
        self._pipes: list[tuple[int, int]] = []
        self._pids: list[int] = []
        self._ends: list[io.FileIO] = []
        self._usage: resource.struct_rusage | None = None  # once it is reaped

    def start(self, command: list[str], document: IO[bytes]) -> None:
        """Start `command` with `document` as its standard input. Raises OSError."""
        _keep(self._pipes, os.pipe)
        self._ends.extend(map(io.FileIO, self._pipes[0], "rw"))
        spawn = functools.partial(
            os.posix_spawn,
            command[0],
            command,
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, document.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, self._pipes[0][1], 1),
                # A library's complaint may quote the document.
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGALRM, signal.SIGXCPU],
        )
        _keep(self._pids, spawn)
        self._ends[1].close()  # the child has it now; while we do too, the pipe never ends

    @property
    def pipe(self) -> int:
        """Return the descriptor to read what the process writes."""
        return self._pipes[0][0]

    def await_end(self, deadline: float) -> int | None:
        """Return how the process ended by itself (as Popen.returncode does); None if it had not by the deadline."""
        while True:
            pid, status, usage = os.wait4(self._pids[0], os.WNOHANG)
            if pid:
                self._usage = usage
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.001)

    def end(self) -> None:
        """Kill the whole group, reap the process, close the pipe."""
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone; macOS says EPERM for zombies
                os.killpg(pid, signal.SIGKILL)
            if self._usage is None:
                with contextlib.suppress(ChildProcessError):
                    self._usage = os.wait4(pid, 0)[2]
        if self._pipes and not self._ends:
            self._ends.extend(map(io.FileIO, self._pipes[0], "rw"))
        for end in self._ends:
            end.close()

    def tell(self) -> None:
        """Log what the process took, with what it started itself. Linux counts the memory of ours before the exec."""
        if self._usage is not None:
            peak = self._usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MEGABYTE
            cpu = self._usage.ru_utime + self._usage.ru_stime
            logger.info("A document took %.0f MiB and %.2f s of CPU.", peak, cpu)


def _keep(made: list[Any], make: Callable[[], Any]) -> None:
    """Append what `make` returns, in one step of the interpreter, so that no signal handler runs between the two."""
    made.extend(itertools.starmap(make, [()]))


def _environment() -> dict[str, str]:
    """Return what a child may know: no secrets of ours, and one thread for OCR."""
    kept = {name: os.environ[name] for name in ("TESSDATA_PREFIX",) if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _readable_for(ocr: dict[str, Any] | None) -> list[str]:
    """Return the folders that OCR needs besides the system's: of a tesseract installed elsewhere, and of its data."""
    folders = [os.environ["TESSDATA_PREFIX"]] if "TESSDATA_PREFIX" in os.environ else []
    if ocr is not None and ocr.get("tesseract"):
        folders.append(str(Path(ocr["tesseract"]).resolve().parents[1]))
    return folders


def _receive(pipe: int, deadline: float, limits: Limits) -> bytes | None:
    """Return all that was written to the pipe; None when it was more than it may be, or the time was up."""
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            part = os.read(pipe, 1 << 16)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > limits.output_bytes:
                return None
            parts.append(part)
    return None


def _understand(output: bytes, limits: Limits) -> dict[str, Any] | None:
    """Return the child's answer if it is one. Raises what it reports; None if it makes no sense."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    _warn_once(answer.get("unguarded"))
    fault = answer.get("fault")
    if isinstance(fault, str) and fault in SENTENCES:
        raise invalid(fault, limits)
    bug = answer.get("bug")
    if isinstance(bug, str):
        # The class and the line only. It may well be our bug, so staff hear of it; for the caller the file is at fault.
        logger.error("A document could not be read: %s", bug.encode("ascii", "replace").decode()[:200])
        raise invalid("corrupt_file", limits)
    return answer if _is_sound(answer) else None


def _is_sound(answer: dict[str, Any]) -> bool:
    def is_page(entry: object) -> bool:
        match entry:
            case [int(), str() as text, bool()]:
                return may_be_stored(text)
        return False

    def is_warning(entry: object) -> bool:
        match entry:
            case [str(), int()]:
                return True
        return False

    pages, warnings = answer.get("pages"), answer.get("warnings")
    return (
        isinstance(pages, list)
        and all(map(is_page, pages))
        and isinstance(warnings, list)
        and all(map(is_warning, warnings))
        and isinstance(answer.get("page_count"), int)
        and isinstance(answer.get("embedded_images"), int)
    )


def _warn_once(unguarded: object) -> None:
    if not isinstance(unguarded, list):
        return
    for guard in ("network", "files"):
        if guard in unguarded and guard not in _WARNED:
            _WARNED.add(guard)
            logger.warning(
                "Documents are read without the %s guard: this system lacks %s. Run Sıra on a current Linux kernel, or "
                "in a container that limits it.",
                guard,
                "seccomp" if guard == "network" else "Landlock",
            )


def _explain(return_code: int | None, limits: Limits) -> Exception:
    """Judge a child that gave no answer by how it ended."""
    match return_code:
        case None:
            return invalid("too_expensive", limits)
        case code if code in (-signal.SIGXCPU, -signal.SIGALRM):
            return invalid("too_expensive", limits)
        case code if code in (-signal.SIGTRAP, -signal.SIGILL, -signal.SIGABRT):
            # This is how PDFium ends when it is refused memory.
            return invalid("too_expensive", limits)
        case code if code in (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE):
            return invalid("corrupt_file", limits)
        case _:
            # Killed from outside (the system is out of memory), or it could not even start.
            logger.error("The process that reads documents ended with %s.", return_code)
            return Unavailable(
                "The process that reads documents was stopped from outside. It will be tried again.",
                code="extraction_unavailable",
            )
