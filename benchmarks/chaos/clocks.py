"""Wall clocks of their own for services, which can be stepped while they run (Linux, with a C compiler).

A small library in front of libc adds the seconds that a file says: what a host whose clock was set does to the
programs on it. The machine's clock, PostgreSQL's and the monotonic ones are not touched.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clocks:
    """names: of the services. Made by `build`."""

    def __init__(self, folder: Path, library: Path, names: Sequence[str]) -> None:
        self._folder, self._library, self.names = folder, library, list(names)
        for name in names:
            self.step(name, 0)

    @staticmethod
    def build(folder: Path, names: Sequence[str]) -> Clocks | None:
        """Compile the library into the folder; None where that cannot be done."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None or sys.platform != "linux":
            return None
        library = folder / "clock.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        built = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return Clocks(folder, library, names) if built else None

    def env(self, name: str) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "SIRA_CHAOS_CLOCK": str(self._file(name))}

    def step(self, name: str, seconds: int) -> None:
        """Let the service's clock be so far from the machine's."""
        with self._file(name).open("r+b" if self._file(name).exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def _file(self, name: str) -> Path:
        return self._folder / f"clock-{name}"
