"""The peers' own Python environment, and how one of them is started."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.harness.postgres import find_free_port

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ROOT = REQUIREMENTS.parent.parent.parent
INSTALL_SECONDS = 300
START_SECONDS = 20


class CannotBuild(Exception):
    """The environment could not be made; the message says why."""


def find_python() -> Path | None:
    """Return the interpreter of an environment that was built for these requirements, or None."""
    python = _folder() / "bin" / "python"
    return python if (_folder() / "complete").exists() and python.exists() else None


def build() -> Path:
    """Return that interpreter, having built its environment if there is none yet. Raises CannotBuild."""
    if python := find_python():
        return python
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS)],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            raise CannotBuild((error.stderr.strip() or "no reason given").splitlines()[-1]) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotBuild(str(error)) from None
    (folder / "complete").touch()
    return folder / "bin" / "python"


def _folder() -> Path:
    """Return where the environment is: in the user's cache, one for each version of the requirements."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return cache / "sira-benchmarks" / f"peers-{version}"


@contextlib.contextmanager
def serving(python: Path, module: str, folder: Path, env: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Serve a peer with one uvicorn process while the block runs. Yields its port and process id."""
    port = find_free_port()
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "uvicorn", f"benchmarks.peers.{module}:app", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    environment = os.environ | {"PEER_FOLDER": str(files), **env}
    log_path = folder / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(port, process, log_path)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=2),
        ):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the peer does not answer:\n{log.read_text(errors='replace')[-2000:]}")
