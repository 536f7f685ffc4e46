"""HTTP under load, beside the seeds' own architecture: `python -m benchmarks.http --peers`.

    python -m benchmarks.http [--peers] [--seconds 5] [--rounds 3] [--rates 50 100 200] [--web 1] [--workers 2]
                              [--system sira] [--skip rates burst throughput]

Systems: Sıra (daphne and a cluster that runs the jobs), `peer-pg` (FastAPI with BackgroundTasks, jobs in PostgreSQL)
and `peer-memory` (the same with a dictionary); one PostgreSQL server with its default durability, and only one system
under load at a time. --peers builds the peers' environment, once, with pip; without it an earlier one is used.

rates        open loop: requests come when the schedule says, and are timed from then. Submit, status, and one to four
             mixed, at each of the rates for so many seconds.
burst        100 uploads of a CV at once, in rounds; every one of them accepted?
throughput   closed loop with 8 clients: the systems take turns, the median of the rounds, and Sıra in parts of peer-pg

`cpu` is processor time of the web processes for each request, in ms; `client` that of the load generator, which shares
the processors with the servers. Written to bench-results/http.json. Compare figures of one run only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.peers.environment import CannotBuild, build, find_python, serving
from benchmarks.stacks import percentile, running
from config.serve import web_command
from tests.cv.invented import CVS
from tests.harness.postgres import create_database, find_free_port
from tests.harness.processes import BASE_DIR, ServerStack, Service
from tests.harness.waiting import wait_until

RESULTS = Path("bench-results")
KIND = "workload.do_nothing"
BURST = 100
CLIENTS = 8
#: What a mixed load is made of: clients ask more often than they submit.
MIXED = {"submit": 1, "status": 4}
LONGEST_DRAIN_SECONDS = 120.0
SKIPPABLE = ("rates", "burst", "throughput")


@dataclass
class System:
    """Something that takes jobs over HTTP. unfinished: how many of them have not ended yet."""

    name: str
    ports: list[int]
    pids: list[int]
    requests: dict[str, str]
    unfinished: Callable[[], int]
    ids: list[str] = field(default_factory=list)

    def load(self, mode: str, weights: dict[str, int], **options: Any) -> dict[str, Any]:
        """Put one load on it from a process of its own. Returns what `benchmarks.load` measured, and `cpu_ms`."""
        plan = {
            "ports": self.ports,
            "mode": mode,
            "requests": {name: self.requests[name] for name in weights},
            "weights": weights,
            "ids": self.ids[-200:],
            **options,
        }
        before = self._cpu_seconds()
        command = [sys.executable, "-m", "benchmarks.load"]
        result = subprocess.run(
            command, input=json.dumps(plan), cwd=BASE_DIR, capture_output=True, text=True, check=True, timeout=300
        )
        figures: dict[str, Any] = json.loads(result.stdout)
        sent = sum(sum(statuses.values()) for statuses in figures["statuses"].values())
        figures["cpu_ms"] = (self._cpu_seconds() - before) * 1000 / max(1, sent)
        self.ids += figures.pop("ids")
        return figures

    def rest(self) -> None:
        """Wait until all its jobs have ended: the next measurement shall not pay for this one."""
        wait_until(lambda: self.unfinished() == 0, timeout=LONGEST_DRAIN_SECONDS)

    def _cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.pids:
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


# --- the systems ----------------------------------------------------------------------------------------------


def compose(method: str, path: str, *, token: str = "", body: str = "", media_type: str = "") -> str:
    """Return a raw HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if media_type:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body])


def compose_all(submit: str, status: str, upload: str, kind: str, token: str = "") -> dict[str, str]:
    """Return the raw requests of a system by operation. submit, status, upload: their paths."""
    boundary = "sira-benchmark"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("user_id", "bench"), ("session_id", "bench"))
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="cv.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{CVS[0].text}\r\n--{boundary}--\r\n"
    )
    job = json.dumps({"kind": kind, "input": {}, "user_id": "bench", "session_id": "bench"})
    return {
        "submit": compose("POST", submit, token=token, body=job, media_type="application/json"),
        "status": compose("GET", status, token=token),
        "upload": compose(
            "POST", upload, token=token, body="".join(parts), media_type=f"multipart/form-data; boundary={boundary}"
        ),
    }


def _counting(url: str, statement: str) -> Callable[[], int]:
    def count() -> int:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
        return int(row[0])

    return count


@contextlib.contextmanager
def systems(options: argparse.Namespace, python: Path | None) -> Iterator[list[System]]:
    """Start all that are to be measured, on one PostgreSQL server."""
    with contextlib.ExitStack() as stack:
        sira = stack.enter_context(running("postgresql", workers=options.workers))
        ports = [sira.port, *(_another_web(sira, number) for number in range(2, options.web + 1))]
        requests = compose_all(
            "/api/v1/jobs/", "/api/v1/jobs/{id}/", "/api/v1/parser/parse-file-async", KIND, sira.token("bench")
        )
        left = "SELECT count(*) FROM jobs_job WHERE state IN ('pending', 'queued', 'processing')"
        pids = [service.pid for name, service in sira.services.items() if name.startswith("web")]
        started = [System("sira", ports, pids, requests, _counting(sira.database_url, left))]
        if python is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sira-peers-")))
            url = create_database(sira.database_url, "peer")
            left = "SELECT count(*) FROM peer_job WHERE status <> 'success'"
            for name, module, unfinished in (
                ("peer-pg", "on_postgresql", _counting(url, left)),
                ("peer-memory", "in_memory", lambda: 0),  # its tasks have run when its answers are out, or nearly
            ):
                env = {"PEER_DATABASE_URL": url}
                port, pid = stack.enter_context(serving(python, module, folder / name, env))
                requests = compose_all("/jobs", "/jobs/{id}", "/parse-file-async", "nothing")
                started.append(System(name, [port], [pid], requests, unfinished))
        yield [system for system in started if not options.system or system.name in options.system]


def _another_web(stack: ServerStack, number: int) -> int:
    """Start one more web process on the same database, and return its port."""
    port = find_free_port()
    name = f"web-{number}"
    service = Service(
        name, web_command("127.0.0.1", port), stack.env | {"SIRA_ROLE": "web"}, stack.data_dir / f"{name}.log"
    )
    stack.services[name] = service
    service.start()

    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
        return False

    wait_until(answers, timeout=60)
    return port


# --- what is measured -----------------------------------------------------------------------------------------


def measure_rates(system: System, rates: list[int], seconds: float) -> list[dict[str, Any]]:
    rows = []
    for name, weights in (("submit", {"submit": 1}), ("status", {"status": 1}), ("mixed", MIXED)):
        for rate in rates:
            figures = system.load("open", weights, rate=rate, seconds=seconds)
            rows.append({"system": system.name, "load": name, "rate": rate, **summary(figures)})
            system.rest()
    return rows


def measure_bursts(measured: list[System], rounds: int) -> list[dict[str, Any]]:
    by_system: dict[str, list[dict[str, Any]]] = {system.name: [] for system in measured}
    for _ in range(rounds):
        for system in measured:
            by_system[system.name].append(system.load("burst", {"upload": 1}, count=BURST))
            system.rest()
    rows = []
    for name, loads in by_system.items():
        middle = sorted(loads, key=lambda load: max(load["times"]["upload"], default=0))[len(loads) // 2]
        slowest = [round(max(load["times"]["upload"], default=0)) for load in loads]
        accepted = [load["statuses"]["upload"].get("202", 0) for load in loads]
        row = summary(middle)
        rows.append({"system": name, "load": "burst", "rate": BURST, **row, "slowest": slowest, "accepted": accepted})
    return rows


def measure_throughput(measured: list[System], rounds: int, seconds: float) -> dict[str, Any]:
    """Requests a second with CLIENTS at a time; for each operation the median of the rounds."""
    rates: dict[str, dict[str, list[float]]] = {
        name: {system.name: [] for system in measured} for name in ("submit", "status")
    }
    ratios: dict[str, list[float]] = {name: [] for name in rates}
    for _ in range(rounds):
        for name, by_system in rates.items():
            for system in measured:
                figures = system.load("closed", {name: 1}, concurrency=CLIENTS, seconds=seconds)
                answered = sum(figures["statuses"][name].get(status, 0) for status in ("200", "202"))
                by_system[system.name].append(answered / figures["seconds"])
                system.rest()
            if "sira" in by_system and "peer-pg" in by_system:
                ratios[name].append(by_system["sira"][-1] / by_system["peer-pg"][-1])
    return {
        name: {system: round(median(values)) for system, values in by_system.items()}
        | ({"sira_to_peer_pg": round(median(ratios[name]), 2)} if ratios[name] else {})
        for name, by_system in rates.items()
    }


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """Return a load in a row: milliseconds, and the requests that were not answered with 200 or 202."""
    times = [one for name in figures["times"] for one in figures["times"][name]]
    statuses: Counter[str] = sum((Counter(counted) for counted in figures["statuses"].values()), Counter())
    bad = {status: count for status, count in statuses.items() if status not in ("200", "202")}
    return {
        "requests": sum(statuses.values()),
        "p50": round(percentile(times, 0.5), 1),
        "p95": round(percentile(times, 0.95), 1),
        "p99": round(percentile(times, 0.99), 1),
        "max": round(max(times), 1),
        "cpu": round(figures["cpu_ms"], 2),
        "client": round(figures["own_ms_per_request"], 2),
        "bad": bad,
    }


# --- the report -----------------------------------------------------------------------------------------------


def show(rows: list[dict[str, Any]], throughput: dict[str, Any]) -> None:
    columns = ("system", "load", "rate", "requests", "p50", "p95", "p99", "max", "cpu", "client")
    if rows:
        print("".join(f"{name:>12}" for name in columns) + "  bad")
    for row in rows:
        print("".join(f"{row[name]:>12}" for name in columns) + f"  {row['bad'] or '-'}")
        if "slowest" in row:
            print(f"{'':>24}slowest of each burst {row['slowest']} ms, accepted {row['accepted']} of {BURST}")
    for name, by_system in throughput.items():
        print(f"{name} a second, {CLIENTS} clients: " + ", ".join(f"{key} {value}" for key, value in by_system.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="build the peers' environment if there is none")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--web", type=int, default=1, help="web processes of Sıra")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--system", action="append", choices=("sira", "peer-pg", "peer-memory"))
    parser.add_argument("--skip", nargs="+", choices=SKIPPABLE, default=[])
    options = parser.parse_args()
    python = find_python()
    if options.peers:
        try:
            python = build()
        except CannotBuild as reason:
            print(f"the peers are not measured: their environment cannot be built ({reason})")
    elif python is None:
        print("the peers are not measured: there is no environment for them; --peers builds it")
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    throughput: dict[str, Any] = {}
    with systems(options, python) as measured:
        for system in measured:  # every code path once, every connection open
            system.load("open", {"submit": 1}, rate=50, seconds=1)
            system.load("burst", {"upload": 1, "status": 1}, count=20)
            system.rest()
        if "rates" not in options.skip:
            for system in measured:
                rows += measure_rates(system, options.rates, options.seconds)
        if "burst" not in options.skip:
            rows += measure_bursts(measured, options.rounds)
        if "throughput" not in options.skip:
            throughput = measure_throughput(measured, options.rounds, options.seconds / 2)
    show(rows, throughput)
    RESULTS.mkdir(exist_ok=True)
    report = {
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "options": vars(options),
        "took_seconds": round(time.monotonic() - began),
        "loads": rows,
        "throughput": throughput,
    }
    (RESULTS / "http.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {RESULTS / 'http.json'}")


if __name__ == "__main__":
    main()
