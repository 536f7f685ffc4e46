"""Sıra measured by itself: `make bench`. Prints a table and writes bench-results/bench.json.

    python -m benchmarks.bench [--quick] [--only drain,pickup] [--database sqlite] [--peers PATH]

pickup      an idle system: commit of the job to the start of its attempt
submit      one call, one job, one commit
drain       no-op jobs a second with two workers, first claim to last result; jobs submitted a second in bulk
idle        processor seconds a minute of web server, cluster and database with nothing to do
batch       one request with 1,000 documents, to the last result
memory      of web server and cluster over 50,000 jobs (proportional set size), or as many as run in three minutes, and
            its growth for each 10,000
fanout      one event to 10, 200 and 1,000 WebSockets: its commit to its arrival at the slowest one
submit_http, status, list
            the API, one request after the other; the list with 100,000 jobs in the table
positions   the place of one job, and of 100, with 1,000 and 100,000 waiting

--peers PATH  instead: side by side with other systems, by the harness at PATH (`make bench PEERS=PATH`)

The machine decides more than the code does: compare only figures of one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from django.utils import timezone

from benchmarks.contender import compare
from benchmarks.sections import engine, fanout, others, usage, web
from benchmarks.sections.scale import QUICK, WHOLE, Scale
from benchmarks.stacks import DATABASES, available, running
from tests.harness.processes import ServerStack

RESULTS = Path("bench-results")
#: Of the harness's: stock django-q2, to which ratios are given, and the quickest ones.
CONTENDERS = "djangoq_orm,celery_reuse,dramatiq_8t,huey_redis,pgqueuer"
Figures = dict[str, float]


@dataclass(frozen=True)
class Section:
    """One thing to measure. runs: the processes that it needs; sections of one run that need the same share them."""

    name: str
    measure: Callable[[ServerStack, Scale], Figures]
    runs: str


#: What `runs` means, for `running`.
STACKS: dict[str, dict[str, object]] = {
    "workers": {"web": False, "workers": 2},
    "all": {"workers": 2},
    "web": {"cluster_names": ()},
}
SECTIONS = (
    Section("pickup", engine.pickup, "workers"),
    Section("submit", engine.submit, "workers"),
    Section("drain", engine.drain, "workers"),
    Section("idle", usage.idle, "all"),
    Section("batch", others.documents_of_a_batch, "all"),
    Section("memory", usage.memory, "all"),
    Section("fanout", fanout.fanout, "web"),
    Section("submit_http", web.submit, "web"),
    Section("status", web.status, "web"),
    Section("list", web.list_page, "web"),
)
#: Measured in this process, on a database of its own.
POSITIONS = "positions"
NAMES = (*(section.name for section in SECTIONS), POSITIONS)


def measure(database: str, wanted: set[str], scale: Scale) -> Figures:
    """Measure the wanted sections on one database, in the order of SECTIONS."""
    figures: Figures = {}
    chosen = [section for section in SECTIONS if section.name in wanted]
    for runs, sections in groupby(chosen, key=lambda section: section.runs):
        with running(database, **STACKS[runs]) as stack, stack.database():
            if runs == "workers":
                engine.warm_up()
            for section in sections:
                figures |= _told(database, section.name, lambda section=section: section.measure(stack, scale))
    if POSITIONS in wanted:
        figures |= _told(database, POSITIONS, lambda: others.places(database, scale))
    return figures


def _told(database: str, name: str, call: Callable[[], Figures]) -> Figures:
    began = time.monotonic()
    figures = call()
    print(f"{database:<12}{name:<12}{time.monotonic() - began:>6.0f} s", file=sys.stderr, flush=True)
    return figures


def table(results: dict[str, Figures]) -> str:
    """Return one row for each figure and one column for each database."""
    names = list(dict.fromkeys(name for figures in results.values() for name in figures))
    lines = [f"{'':<40}" + "".join(f"{database:>14}" for database in results)]
    for name in names:
        cells = (f"{figures[name]:>14,g}" if name in figures else f"{'-':>14}" for figures in results.values())
        lines.append(f"{name:<40}" + "".join(cells))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little of everything, within three minutes")
    parser.add_argument("--only", default=",".join(NAMES), help="of the names above, with commas between them")
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--peers", metavar="PATH", help="the folder of the harness that measures other systems")
    options = parser.parse_args()
    if options.peers:
        # All of its contenders and phases take half an hour; these are the ones that ours is measured against.
        few = ["--only", CONTENDERS, "--phases", "perf,crash"]
        return compare.main(options.peers, [*few, "--jobs", "500", "--rounds", "1"] if options.quick else few)
    wanted = set(options.only.split(","))
    if unknown := wanted - set(NAMES):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    scale = QUICK if options.quick else WHOLE
    fanout.allow_sockets(max(scale.sockets))
    began = time.monotonic()
    results = {}
    for database in options.database or DATABASES:
        if available(database):
            results[database] = measure(database, wanted, scale)
        else:
            print(f"{database}: not measured, its server is not installed", file=sys.stderr)
    print(table(results))
    report = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "seconds": round(time.monotonic() - began),
        "scale": asdict(scale),
        "results": results,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"{report['seconds']} s; written to {RESULTS / 'bench.json'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
