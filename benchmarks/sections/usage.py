"""What the processes use, from /proc (Linux): processor time while nothing happens, memory while jobs run."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import requests

from benchmarks.sections import engine
from benchmarks.sections.scale import Scale
from tests.harness.proc import ProcessInfo, list_descendants
from tests.harness.processes import ServerStack

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: The growth is read from the last half of the samples. Before them caches fill, and each worker does every kind of
#: recurring work for the first time: what that imports stays, and pages that were shared until then are copied.
WARM_SHARE = 0.5
#: What a page that is open asks for meanwhile, so that the web server has something to keep as well.
ASK_EVERY_SECONDS = 0.2
ASKED = ("/api/v1/jobs/?limit=25", "/api/v1/overview/", "/metrics")


def idle(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure processor seconds a minute with nothing to do and nobody there, of our processes and the database's."""
    time.sleep(3)  # what starts up has started
    groups = {name: service.members() for name, service in stack.services.items()}
    ours = {info.session for group in groups.values() for info in group}
    others = [info for info in list_descendants(os.getpid()) if info.session not in ours]
    groups["database"] = [info for info in others if "postgres" in info.command]
    before = {name: _processor_seconds(group) for name, group in groups.items()}
    began = time.monotonic()
    time.sleep(scale.idle_seconds)
    minutes = (time.monotonic() - began) / 60
    used = {name: (_processor_seconds(group) - before[name]) / minutes for name, group in groups.items()}
    names = {"web": "web", "sira": "cluster", "database": "database"}
    return {f"idle_{names[name]}_s_per_min": round(seconds, 2) for name, seconds in used.items() if groups[name]}


def memory(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure the memory of web server and cluster before and after many jobs, and the growth over the last half.

    The growth is for each 10,000 jobs. Proportional set size: what processes share counts once.
    """
    engine.warm_up()
    step = scale.memory_jobs // scale.memory_steps
    with _visitor(stack):
        samples = [_memory_of(stack)]
        stop_at = time.monotonic() + scale.memory_seconds
        # Two steps at least, or there is no growth to be read.
        while len(samples) <= scale.memory_steps and (len(samples) < 3 or time.monotonic() < stop_at):
            engine.submit_in_bulk(step)
            engine.drained()
            samples.append(_memory_of(stack))
    figures: dict[str, float] = {"memory_jobs": (len(samples) - 1) * step}
    for service, name in (("web", "web"), ("sira", "cluster")):
        values = [sample[service] for sample in samples]
        warm = values[-max(2, round(len(values) * (1 - WARM_SHARE))) :]
        growth = (warm[-1] - warm[0]) / ((len(warm) - 1) * step) * 10_000
        figures |= {
            f"memory_{name}_start_mib": round(values[0], 1),
            f"memory_{name}_end_mib": round(values[-1], 1),
            f"memory_{name}_growth_mib_per_10000": round(growth, 2),
        }
    return figures


@contextlib.contextmanager
def _visitor(stack: ServerStack) -> Iterator[None]:
    """Ask for lists and numbers again and again while the block runs."""
    stop = threading.Event()
    client = requests.Session()
    client.headers["Authorization"] = f"Token {stack.token('bench', staff=True)}"

    def ask() -> None:
        while True:
            for path in ASKED:
                if stop.wait(ASK_EVERY_SECONDS):
                    return
                client.get(stack.base_url + path, timeout=60)

    visitor = threading.Thread(target=ask, daemon=True)
    visitor.start()
    try:
        yield
    finally:
        stop.set()
        visitor.join(60)


def _memory_of(stack: ServerStack) -> dict[str, float]:
    """Return the MiB of each service."""
    return {
        name: sum(_proportional_mib(info.pid) for info in service.members()) for name, service in stack.services.items()
    }


def _proportional_mib(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _processor_seconds(processes: Iterable[ProcessInfo]) -> float:
    """Return the processor time of processes so far, their ended children included."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = (PROC / str(process.pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / TICKS_PER_SECOND
