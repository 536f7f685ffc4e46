"""What work costs as it grows, on PostgreSQL: `python -m benchmarks.scaling`. docs/scaling.md has the figures.

    python -m benchmarks.scaling [--only operations,clusters,hosts,web,updates] [--rows 1000 10000 100000 1000000]
                                 [--clusters 1 2 4 8] [--webs 1 2 4]

operations  one operation each on tables of 1,000 to 1,000,000 jobs of 100 owners, one in ten of which waits; medians in
            milliseconds, and how many rows of jobs and events the database read for one of them
clusters    jobs a second with 1 to 8 clusters of two workers: no-op jobs, and jobs that wait for 50 ms
hosts       the same with each cluster on a host of its own, which is a network namespace (Linux, root), and how soon an
            idle system picks up a job over that network
web         requests a second for a job's status with 1 to 4 web processes, eight callers
updates     of a drain: how many updates of the jobs table were HOT, and how much it grew, by its fillfactor

What grows with the table is marked: over 5 ms, and over five times as long in the largest table as in the smallest.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Max, Min
from django.test import Client
from django.utils import timezone

from benchmarks.hosts import ADDRESS, NotPossible, network
from benchmarks.positions import own_database
from benchmarks.sections import engine, table
from benchmarks.sections.scale import WHOLE
from benchmarks.stacks import running
from jobs import history, lifecycle, positions, retention
from jobs.engine import claiming
from jobs.metrics import tallies
from jobs.metrics.collector import DatabaseCollector
from jobs.models import Job, Worker
from tests.harness.postgres import PostgresServer
from tests.harness.processes import Host, ServerStack

WORKER = "bench:1:0"
RESULTS = Path("bench-results")
SECTIONS = ("operations", "clusters", "hosts", "web", "updates")
#: Grows: so many times the cost of the smallest table, and more than so many milliseconds.
TIMES, LEAST_MS = 5, 5
#: Our one worker is alive for as long as a measurement takes.
LONG = timedelta(hours=2)
SLEEPING = {"act": "sleep", "seconds": 0.05, "until_attempt": 0, "value": 0}
CALLERS = 8


class _UndoneError(Exception):
    """Raised to roll back."""


def _undone(call: Callable[[], Any]) -> Callable[[], None]:
    """Return the call with its changes rolled back: the next round finds the same table."""

    def run() -> None:
        try:
            with transaction.atomic():
                call()
                raise _UndoneError
        except _UndoneError:
            pass

    return run


def operations() -> dict[str, Callable[[], Any]]:
    """Return what is measured, by the name that the table gives it."""
    users = get_user_model()
    owner = users.objects.get(username="owner-007")
    staff, _ = users.objects.get_or_create(username="olga", defaults={"is_staff": True, "is_superuser": True})
    as_owner, as_staff = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    as_owner.force_login(owner)
    as_staff.force_login(staff)
    queued = Job.objects.queued().filter(queue="default")
    # The one in the middle of claim order, near enough: turns grow with the queue.
    middle = queued.filter(priority=5).order_by("turn")[queued.filter(priority=5).count() // 2]
    own = Job.objects.filter(owner=owner).order_by("-id")[0]
    hundred = list(queued.order_by("?")[:100])
    collector = DatabaseCollector()

    def metrics() -> None:
        collector.forget()
        list(collector.collect())

    def overview() -> None:
        history.forget()
        assert as_staff.get("/api/v1/overview/").status_code == 200

    def get(client: Client, path: str) -> Callable[[], None]:
        def ask() -> None:
            answer = client.get(path)
            assert answer.status_code == 200, answer.content[:500]

        return ask

    return {
        "claim": _undone(lambda: claiming.claim(WORKER)),
        "submit": _undone(lambda: lifecycle.submit(engine.KIND, owner=owner)),
        "position of one": lambda: positions.position(middle),
        "positions of 100": lambda: positions.positions_of(hundred),
        "why 100 wait, ETA": lambda: positions.explain_many(hundred),
        "status (HTTP)": get(as_owner, f"/api/v1/jobs/{own.pk}/"),
        "status of one waiting (HTTP)": get(as_staff, f"/api/v1/jobs/{middle.pk}/"),
        "list, own (HTTP)": get(as_owner, "/api/v1/jobs/?limit=25"),
        "list, all (HTTP)": get(as_staff, "/api/v1/jobs/?limit=25"),
        "list, own failed (HTTP)": get(as_owner, "/api/v1/jobs/?limit=25&state=failed"),
        "list, all failed (HTTP)": get(as_staff, "/api/v1/jobs/?limit=25&state=failed"),
        "list, one kind and state (HTTP)": get(as_staff, "/api/v1/jobs/?kind=workload.use_gpu&state=cancelled"),
        "list, session (HTTP)": get(as_staff, "/api/v1/jobs/?session_id=session-7"),
        "list, a word nobody has (HTTP)": get(as_staff, "/api/v1/jobs/?q=nothing-has-this"),
        "overview, all new (HTTP)": overview,
        "overview, own (HTTP)": get(as_owner, "/api/v1/overview/"),
        "healthz (HTTP)": get(as_staff, "/healthz"),
        "metrics": metrics,
        "tick: rescue": lifecycle.rescue,
        "tick: promote_due": lifecycle.promote_due,
        "tick: batches": lifecycle.promote_finished_batches,
        "tick: deadlines": lifecycle.fail_past_deadline,
        "tick: count events": tallies.Counter().count_events,
        "tick: follow kinds (1/min)": lifecycle.follow_kinds,
    }


def measure_operations(rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each operation its median in milliseconds, and the rows that it read."""
    began = time.perf_counter()
    table.fill(rows)
    Worker.objects.update_or_create(name=WORKER, defaults={"cluster": "bench", "heartbeat_at": timezone.now() + LONG})
    print(f"{rows:,} jobs written in {time.perf_counter() - began:.0f} s", flush=True)
    figures = {}
    for name, call in operations().items():
        call()
        before = _rows_read()
        took = []
        stop_at = time.monotonic() + 10
        while len(took) < rounds and (len(took) < 3 or time.monotonic() < stop_at):
            began = time.perf_counter()
            call()
            took.append((time.perf_counter() - began) * 1000)
        read = (_rows_read() - before) / len(took)
        figures[name] = {"ms": round(median(took), 2), "rows": round(read)}
    expired = Job.objects.finished().filter(expires_at__lt=timezone.now()).count()
    began = time.perf_counter()
    assert retention.prune()["jobs"] == expired
    seconds = time.perf_counter() - began
    figures["retention, for each 1,000 expired"] = {"ms": round(seconds / expired * 1e6, 1), "rows": expired}
    began = time.perf_counter()
    retention.prune()
    figures["retention, nothing expired"] = {"ms": round((time.perf_counter() - began) * 1000, 2), "rows": 0}
    return figures


def _rows_read() -> int:
    """Return how many rows and index entries of jobs and events this server has read so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables "
            "WHERE relname IN ('jobs_job', 'jobs_jobevent')"
        )
        return int(cursor.fetchone()[0])


def show_operations(by_rows: dict[int, dict[str, dict[str, float]]]) -> str:
    """Return one line for each operation."""
    lines = [f"{'milliseconds (rows read), jobs:':<36}" + "".join(f"{rows:>20,}" for rows in by_rows)]
    first, *_, last = [*by_rows, *by_rows]
    for name in by_rows[first]:
        told = [f"{one[name]['ms']:,} ({one[name]['rows']:,})" for one in by_rows.values()]
        cells = "".join(f"{text:>20}" for text in told)
        least, most = by_rows[first][name]["ms"], by_rows[last][name]["ms"]
        lines.append(f"{name:<36}{cells}{'  GROWS' if most > TIMES * least and most > LEAST_MS else ''}")
    return "\n".join(lines)


# --- more processes ---------------------------------------------------------------------------------------------------


def measure_clusters(count: int, jobs: int) -> dict[str, float]:
    """Return jobs a second with `count` clusters of two workers each."""
    with running("postgresql", web=False, workers=2, cluster_names=("sira",) * count) as stack, stack.database():
        return _measure_drains(count, jobs)


def measure_hosts(count: int, jobs: int) -> dict[str, float]:
    """Return the same with each cluster on a host of its own. Raises NotPossible."""
    names = ["sira", *(f"sira-{number}" for number in range(2, count + 1))]
    with ExitStack() as opened:
        net = opened.enter_context(network(names))
        stack = opened.enter_context(
            running(
                "postgresql",
                server=PostgresServer(fsync=True, address=ADDRESS),
                web=False,
                workers=2,
                cluster_names=("sira",) * count,
                hosts={name: Host(net.prefix(name)) for name in names},
            )
        )
        opened.enter_context(stack.database())
        found = _measure_drains(count, jobs)
        return found | engine.pickup(stack, WHOLE)


def _measure_drains(count: int, jobs: int) -> dict[str, float]:
    engine.warm_up()
    return {
        "no-op, jobs/s": _drain(jobs, engine.KIND, {}),
        "50 ms each, jobs/s": _drain(min(jobs, 300 * count), "workload.act_out", SLEEPING),
        "connections": _connections(),
    }


def _drain(count: int, kind: str, input: dict[str, Any]) -> float:
    Job.objects.all().delete()
    lifecycle.pause_queue("default", by="bench")
    lifecycle.submit_many([lifecycle.Submission(kind, input) for _ in range(count)])
    lifecycle.resume_queue("default")
    engine.drained(kind=kind)
    span = Job.objects.filter(kind=kind).aggregate(first=Min("processing_at"), last=Max("succeeded_at"))
    return round(count / (span["last"] - span["first"]).total_seconds(), 1)


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return cursor.fetchone()[0] - 1


def measure_webs(count: int, seconds: float) -> dict[str, float]:
    """Return requests a second for a job's status over `count` web processes."""
    with running("postgresql", cluster_names=()) as stack, ExitStack() as others:
        urls = [stack.port]
        for _ in range(count - 1):
            folder = Path(others.enter_context(tempfile.TemporaryDirectory(prefix="sira-bench-")))
            other = ServerStack(
                folder, database_url=stack.database_url, cluster_names=(), migrated=True, env={"LOG_LEVEL": "WARNING"}
            )
            urls.append(others.enter_context(other).port)
        token = stack.token("bench", staff=True)
        with stack.database():
            job = lifecycle.submit(engine.KIND)
        path = f"/api/v1/jobs/{job.pk}/"
        took: list[float] = []
        stop_at = time.monotonic() + seconds
        callers = [
            threading.Thread(target=_ask, args=(urls[number % count], path, token, stop_at, took))
            for number in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return {"requests/s": round(len(took) / seconds, 1), "p50 ms": round(median(took) * 1000, 1)}


def _ask(port: int, path: str, token: str, stop_at: float, took: list[float]) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < stop_at:
        began = time.perf_counter()
        client.request("GET", path, headers={"Authorization": f"Token {token}"})
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        took.append(time.perf_counter() - began)


# --- updates ----------------------------------------------------------------------------------------------------------


def measure_updates(fillfactor: int, jobs: int) -> dict[str, float]:
    """Return what a drain does to the jobs table when it leaves so much of each page free."""
    with running("postgresql", web=False, workers=2) as stack, stack.database():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE jobs_job SET (fillfactor = {fillfactor}, autovacuum_enabled = false)")
        engine.warm_up()
        rate = _drain(jobs, engine.KIND, {})
        time.sleep(1.5)  # until the workers have told their counts
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT n_tup_upd, n_tup_hot_upd, pg_table_size(relid), pg_indexes_size(relid) "
                "FROM pg_stat_user_tables WHERE relname = 'jobs_job'"
            )
            updates, hot, size, indexes = cursor.fetchone()
    return {
        "jobs/s": rate,
        "updates per job": round(updates / jobs, 2),
        "HOT %": round(100 * hot / updates, 1),
        "table KiB per job": round(size / 1024 / jobs, 2),
        "indexes KiB per job": round(indexes / 1024 / jobs, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="of the names above, with commas between them")
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clusters", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--webs", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--fillfactors", type=int, nargs="+", default=[100, 80, 60])
    parser.add_argument("--jobs", type=int, default=2000, help="of one drain (2000)")
    options = parser.parse_args()
    wanted = set(options.only.split(","))
    if unknown := wanted - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    report: dict[str, Any] = {}
    if "operations" in wanted:
        with own_database("postgresql"):
            report["operations"] = {rows: measure_operations(rows, options.rounds) for rows in options.rows}
        print(show_operations(report["operations"]), flush=True)
    several: tuple[tuple[str, list[int], Callable[[int], dict[str, float]]], ...] = (
        ("clusters", options.clusters, lambda count: measure_clusters(count, options.jobs)),
        ("hosts", options.clusters, lambda count: measure_hosts(count, options.jobs)),
        ("web", options.webs, lambda count: measure_webs(count, seconds=8)),
        ("updates", options.fillfactors, lambda fillfactor: measure_updates(fillfactor, options.jobs)),
    )
    for name, values, measure in several:
        if name in wanted:
            report[name] = {}
            for value in values:
                try:
                    report[name][value] = measure(value)
                except NotPossible as reason:
                    print(f"skipped: {name}, because {reason}", flush=True)
                    break
                print(f"{name} {value}: {json.dumps(report[name][value])}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scaling.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
