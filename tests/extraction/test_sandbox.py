"""The child process: bounded, without network, and gone when it should be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.errors import InvalidInput, Unavailable
from parsers.extraction import Limits, extract_text, sandbox
from tests import samples
from tests.extraction.files import fault, read
from tests.harness.waiting import wait_until
from tests.requirements import require_tool

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1024 * 1024
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="seccomp, Landlock and /proc are Linux's")


def descendants(pid: int) -> set[int]:
    """Return the processes below `pid` that are alive (zombies are not)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def run_locked(code: str) -> str:
    """Run code in a process that locked itself as the child does, and return what it prints."""
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from parsers.extraction.limits import Limits
        from parsers.extraction.lockdown import limit_resources, lock
        limit_resources(Limits())
        assert lock(["/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix]) == []
        """
    ) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(ROOT)], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr


# --- What the child may not do --------------------------------------------------------------------------------
@linux_only
def test_a_locked_process_cannot_open_a_socket_of_any_family() -> None:
    printed = run_locked(
        """
        import socket
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                try:
                    socket.socket(family, kind)
                except PermissionError:
                    print("refused")
                else:
                    print("opened")
        """
    )
    assert printed.split() == ["refused"] * 12


@linux_only
def test_what_a_locked_process_starts_is_locked_too() -> None:
    printed = run_locked(
        """
        import subprocess
        subprocess.run([sys.executable, "-I", "-c", "import socket; socket.socket()"], stdout=1, stderr=1)
        """
    )
    assert "PermissionError" in printed


@linux_only
def test_a_locked_process_sees_no_files_but_the_systems_and_writes_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the other person's document")
    printed = run_locked(
        f"""
        for path, mode in [
            ({str(secret)!r}, "r"), ({str(tmp_path / "new")!r}, "w"), ("/proc/{os.getpid()}/environ", "r")
        ]:
            try:
                open(path, mode)
            except OSError:
                print("refused")
            else:
                print("opened")
        """
    )
    assert printed.split() == ["refused"] * 3
    assert not (tmp_path / "new").exists()


#: A reader that was taken over: it tries every way out that it knows, and says in the document's text how it went.
_TAKEN_OVER = """
from parsers.extraction import plain
def read(data, limits, ocr):
    import ctypes, os, socket
    def tried(what):
        try:
            return f"came through: {what()!r}"
        except OSError as error:
            return type(error).__name__
    libc = ctypes.CDLL(None, use_errno=True)
    said = {
        "IPv4": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 1)),
        "IPv6": tried(lambda: socket.create_connection(("::1", PORT), 1)),
        "UDP": tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("::1", 53))),
        "bound": tried(lambda: socket.create_server(("127.0.0.1", 0))),
        "pair": tried(socket.socketpair),
        "name": tried(lambda: socket.getaddrinfo("example.org", 80)),
        "inherited": tried(lambda: os.write(INHERITED, b"the document")),
        "file": tried(lambda: os.open(FOLDER, os.O_RDONLY)),
        "document": tried(lambda: os.write(0, b"x")),
    }
    for family in range(46):
        if libc.socket(family, 1, 0) >= 0 or ctypes.get_errno() != 1:
            said[f"family {family}"] = "came through"
    for number in range(3, 256):
        if (kind := tried(lambda: oct(os.fstat(number).st_mode)[:4])).startswith("came"):
            said[f"descriptor {number}"] = kind
    return {"pages": [[1, "\\n".join(f"{way}: {how}" for way, how in said.items()), False]],
            "page_count": 1, "warnings": []}
plain.read = read
"""


@linux_only
def test_a_reader_that_was_taken_over_finds_no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server, ours, theirs:
        os.set_inheritable(ours.fileno(), True)
        os.set_inheritable(server.fileno(), True)
        probe = (
            _TAKEN_OVER.replace("PORT", str(server.getsockname()[1]))
            .replace("INHERITED", str(ours.fileno()))
            .replace("FOLDER", repr(str(tmp_path)))
        )
        monkeypatch.setattr(sandbox, "_START", sandbox._START.replace(";from", "\n" + probe + "from", 1))
        said = dict(line.split(": ", 1) for line in read(samples.cv_text(), "cv.txt").text.splitlines())
    # The one descriptor above the standard three is the pipe that the answer goes through.
    descriptors = [said.pop(way) for way in list(said) if way.startswith("descriptor")]
    assert descriptors == ["came through: '0o10'"]
    assert said.pop("name") == "gaierror"
    assert set(said) == {"IPv4", "IPv6", "UDP", "bound", "pair", "inherited", "file", "document"}
    assert {said[way] for way in ("IPv4", "IPv6", "UDP", "bound", "pair", "file")} == {"PermissionError"}
    assert {said["inherited"], said["document"]} == {"OSError"}  # there is no such descriptor; it is open for reading


@linux_only
def test_the_child_that_reads_documents_is_locked_while_it_reads(tmp_path: Path) -> None:
    with reading(tmp_path, samples.slow_pdf()) as process:
        wait_until(lambda: descendants(process.pid))
        (child,) = descendants(process.pid)
        status = Path(f"/proc/{child}/status")
        # Mode 2 is a filter.
        wait_until(lambda: "Seccomp:\t2" in status.read_text())
        assert "NoNewPrivs:\t1" in status.read_text()
        limits = Path(f"/proc/{child}/limits").read_text()
        assert f"Max address space         {1500 * MEGABYTE}" in limits
        assert "Max cpu time              20" in limits
        assert "Max file size             0" in limits
        assert "Max core file size        0" in limits
        environment = Path(f"/proc/{child}/environ").read_bytes()
        assert b"SIRA_SECRET_FOR_THIS_TEST" not in environment


def test_documents_are_read_in_several_threads_at_once() -> None:
    with ThreadPoolExecutor(3) as pool:
        texts = list(pool.map(lambda lang: read(samples.cv_pdf(lang), "cv.pdf").text, ["en", "tr", "en"]))
    assert texts[0] == texts[2] != texts[1]


def test_a_stored_file_is_judged_by_the_name_it_was_sent_under(tmp_path: Path) -> None:
    source = tmp_path / "no-extension"
    source.write_bytes(samples.cv_pdf())
    assert extract_text(source, filename="cv.pdf").page_count == 2
    with pytest.raises(InvalidInput) as raised:
        extract_text(source, filename="cv.docx")
    assert raised.value.code == "type_mismatch"


# --- Bombs ----------------------------------------------------------------------------------------------------
BOMBS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "zip": (samples.zip_bomb_docx, "x.docx", "decompression_bomb"),
    "entries": (lambda: samples.docx_with_entries(2_001), "x.docx", "decompression_bomb"),
    "pdf": (samples.pdf_bomb, "x.pdf", "decompression_bomb"),
    "png": (samples.huge_png, "x.png", "image_too_large"),
    "lines": (samples.million_lines, "x.txt", "too_much_text"),
    "pages": (lambda: samples.pdf_with_pages(100_000), "x.pdf", "too_many_pages"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_and_memory_stays_small(bomb: str, tmp_path: Path) -> None:
    make, name, expected = BOMBS[bomb]
    code, peak = measure(make(), name, tmp_path)
    assert code == expected
    assert peak < 200 * MEGABYTE, f"the child took {peak / MEGABYTE:.0f} MB"


def test_a_bomb_that_hides_its_size_ends_at_the_memory_limit(tmp_path: Path) -> None:
    bomb = samples.pdf_bomb(300, nested=True)
    code, peak = measure(bomb, "x.pdf", tmp_path, memory_bytes=400 * MEGABYTE)
    assert code == "too_expensive"
    assert peak < 450 * MEGABYTE


def test_a_document_that_takes_too_much_cpu_is_the_documents_fault() -> None:
    start = time.monotonic()
    assert fault(samples.slow_pdf(), "slow.pdf", Limits(cpu=timedelta(seconds=1))) == "too_expensive"
    assert time.monotonic() - start < 6


def test_a_document_that_takes_too_long_is_the_documents_fault() -> None:
    start = time.monotonic()
    assert fault(samples.slow_pdf(), "slow.pdf", Limits(wall=timedelta(seconds=0.5))) == "too_expensive"
    assert time.monotonic() - start < 2


# --- The end of the child -------------------------------------------------------------------------------------
class Cancelled(BaseException):
    pass


@linux_only
@pytest.mark.parametrize("moment", [0.0, 0.001, 0.002, 0.003, 0.005, 0.01, 0.05, 0.3])
def test_an_exception_from_a_signal_handler_ends_the_wait_and_the_child(moment: float, tmp_path: Path) -> None:
    def cancel(signum: int, frame: object) -> None:
        raise Cancelled

    source = tmp_path / "slow.pdf"
    source.write_bytes(samples.slow_pdf())
    before = descendants(os.getpid())
    previous = signal.signal(signal.SIGUSR1, cancel)
    timer = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        start = time.monotonic()
        with pytest.raises(Cancelled):  # noqa: PT012 (the signal may come before the call)
            timer.start()
            extract_text(source)
        took = time.monotonic() - start
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, previous)
    assert took < moment + 1
    assert descendants(os.getpid()) <= before  # a child of an earlier test may end meanwhile


@linux_only
def test_ocr_ends_with_the_extraction_that_started_it(tmp_path: Path) -> None:
    require_tool("tesseract")
    with reading(tmp_path, samples.scanned_pdf(pages=4)) as process:
        # The child and, below it, tesseract.
        wait_until(lambda: len(descendants(process.pid)) > 1)
        family = descendants(process.pid)
        process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), timeout=5)


@linux_only
def test_the_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with reading(tmp_path, samples.slow_pdf()) as process:
        family = wait_until(lambda: descendants(process.pid))
        process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), timeout=5)


def test_a_child_killed_from_outside_is_not_the_documents_fault(tmp_path: Path) -> None:
    source = tmp_path / "slow.pdf"
    source.write_bytes(samples.slow_pdf())
    before = descendants(os.getpid())

    def kill_child() -> None:
        wait_until(lambda: descendants(os.getpid()) - before)
        for child in descendants(os.getpid()) - before:
            os.kill(child, signal.SIGKILL)

    killer = threading.Thread(target=kill_child)
    killer.start()
    with pytest.raises(Unavailable) as raised:
        extract_text(source)
    killer.join()
    assert raised.value.code == "extraction_unavailable"


def test_a_child_that_cannot_be_started_is_not_the_documents_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unavailable) as raised:
        read(samples.cv_pdf(), "cv.pdf")
    assert raised.value.code == "extraction_unavailable"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"[" * 20_000,
        b'{"fault": "invented_code", "unguarded": []}',
        b'{"pages": [[1, 2, 3]], "page_count": 1, "warnings": [], "embedded_images": 0}',
        b'{"pages": "x", "page_count": 1, "warnings": [], "embedded_images": 0}',
        b'{"pages": [[1, "text", false]], "page_count": "many", "warnings": [], "embedded_images": 0}',
        b'{"pages": [[1, "text", false]], "page_count": 1, "warnings": [], "embedded_images": "many"}',
        b'{"pages": [], "page_count": 1, "warnings": [["a", []]], "embedded_images": 0}',
        b'{"pages": [], "page_count": 1, "warnings": [], "embedded_images": 0, "unguarded": 5',
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", f"import os; os.write(1, {said!r})")
    with pytest.raises((InvalidInput, Unavailable)):
        read(samples.cv_text(), "cv.txt")


def test_a_child_that_talks_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", "import os\nwhile True: os.write(1, b'x' * 65536)")
    start = time.monotonic()
    assert fault(samples.cv_text(), "cv.txt", Limits(text_chars=10_000)) == "too_expensive"
    assert time.monotonic() - start < 10


def test_a_bug_in_a_reader_is_logged_without_the_document(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        sandbox, "_START", """import os; os.write(1, b'{"bug": "KeyError in pdf.py:7", "unguarded": ["network"]}')"""
    )
    monkeypatch.setattr(sandbox, "_WARNED", set())
    assert fault(samples.cv_text(), "cv.txt") == "corrupt_file"
    assert "KeyError in pdf.py:7" in caplog.text
    assert "without the network guard" in caplog.text


# --- Means ----------------------------------------------------------------------------------------------------
_READ = """
import json, resource, sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from jobs.errors import JobError
from parsers.extraction import Limits, extract_text
code = None
try:
    extract_text(Path(sys.argv[2]), limits=Limits(**json.loads(sys.argv[3])))
except JobError as error:
    code = error.code
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)]))
"""


def measure(data: bytes, name: str, folder: Path, **limits: int) -> tuple[str | None, int]:
    """Extract in a process of its own; return the error's code and the child's peak memory in bytes."""
    source = folder / name
    source.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(ROOT), str(source), json.dumps(limits)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, peak = json.loads(done.stdout)
    return code, peak


@contextmanager
def reading(folder: Path, data: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Start an extraction in a process of its own, and kill that at the end of the block."""
    source = folder / "document.pdf"
    source.write_bytes(data)
    process = subprocess.Popen(
        [sys.executable, "-c", _READ, str(ROOT), str(source), "{}"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SIRA_SECRET_FOR_THIS_TEST": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
