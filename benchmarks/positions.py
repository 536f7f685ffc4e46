"""How fast places in a deep queue are found: `python -m benchmarks.positions --waiting 1000 100000`.

    python -m benchmarks.positions [--waiting 1000 100000] [--database postgresql] [--database-url postgres://…]
                                   [--rounds 9] [--sockets 100]

one           the place of one job, in the middle of the queue
hundred       the places of 100 jobs from all over the queue
explain       all that is told of those 100: place, reason, ETA
submit        one more job, with its place
                of a hundred owners and three priorities; medians in milliseconds. PostgreSQL runs with its own
                defaults, right after the rows were written ("fresh") and after a VACUUM.
--sockets N   instead: N open WebSockets, each watching one waiting job, over a real web server. From the end of the
                job that runs to the new place on each of them; the slowest one, median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks.stacks import DATABASES, available, running
from jobs import lifecycle, positions
from jobs.engine import claiming
from jobs.models import Job, Worker
from jobs.states import State
from tests.harness import databases, postgres

KIND = "workload.use_gpu"
OWNERS, PRIORITIES = 100, (0, 5, 10)
WATCHED = 100
#: What PostgreSQL starts with when nobody tells it anything; the tests' servers are smaller.
DEFAULTS = {"shared_buffers": "128MB"}
#: Our one worker is alive for as long as a measurement takes.
LONG = timedelta(hours=1)


def fill(count: int, seed: int = 1) -> list[Job]:
    """Write `count` waiting jobs of many owners, as fair queueing would have numbered them."""
    from django.contrib.auth import get_user_model

    users = get_user_model()
    owners = [users.objects.get_or_create(username=f"owner-{number}")[0] for number in range(OWNERS)]
    chance = random.Random(seed)
    turns: dict[tuple[int, int], int] = {}
    now = timezone.now()
    jobs = []
    for _ in range(count):
        owner, priority = chance.choice(owners), chance.choice(PRIORITIES)
        turn = turns[owner.pk, priority] = turns.get((owner.pk, priority), -1) + 1
        jobs.append(
            Job(
                kind=KIND, queue="gpu", resource="gpu", state=State.QUEUED, priority=priority, turn=turn, owner=owner,
                input={"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}, pending_at=now, queued_at=now,
                event_seq=1,
            )
        )  # fmt: skip
    return Job.objects.bulk_create(jobs, batch_size=2000)


def measure(waiting: int, rounds: int) -> dict[str, float]:
    """Return medians in milliseconds."""
    chance = random.Random(2)
    Worker.objects.get_or_create(name="bench:1:0", defaults={"cluster": "bench"})
    ids = list(Job.objects.queued().order_by("?").values_list("pk", flat=True)[:WATCHED])
    watched = list(Job.objects.filter(pk__in=ids))
    figures = {
        "one": _median(lambda: positions.position(chance.choice(watched)), rounds),
        "hundred": _median(lambda: positions.positions_of(watched), rounds),
        "explain": _median(lambda: positions.explain_many(watched), rounds),
    }
    owner = watched[0].owner
    act = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}
    figures["submit"] = _median(lambda: lifecycle.submit(KIND, act, owner=owner), rounds)
    return figures


def _median(function: Callable[[], Any], rounds: int) -> float:
    function()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        function()
        took.append((time.perf_counter() - began) * 1000)
    return round(median(took), 2)


@contextlib.contextmanager
def own_database(name: str, url: str = "") -> Iterator[None]:
    """Let this process use an empty database with our tables: of `url`, or a throw-away one."""
    from django.core.management import call_command

    with contextlib.ExitStack() as stack:
        if not url and name == "postgresql":
            server = postgres.PostgresServer(fsync=True, settings=DEFAULTS)
            server.start()
            stack.callback(server.remove)
            url = server.create_database("bench")
        elif not url:
            url = databases.sqlite_url(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bench.sqlite3")
        stack.enter_context(databases.use_database(url))
        call_command("migrate", interactive=False, verbosity=0)
        yield


def vacuum() -> None:
    """Do what autovacuum would have done by now; SQLite has nothing like it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def in_this_process(database: str, options: argparse.Namespace) -> None:
    with own_database(database, options.database_url):
        for waiting in options.waiting:
            Job.objects.all().delete()
            fill(waiting)
            report(database, waiting, "fresh", measure(waiting, options.rounds))
            if connection.vendor == "postgresql":
                vacuum()
                report(database, waiting, "vacuumed", measure(waiting, options.rounds))


# --- over sockets ---------------------------------------------------------------------------------------------


def over_sockets(database: str, options: argparse.Namespace) -> None:
    """Measure from the end of the holder's job, as this process commits it, to the new places on all sockets."""
    for waiting in options.waiting:
        with running(database, cluster_names=()) as stack:
            token = stack.token("bench", staff=True)
            with stack.database():
                Worker.objects.create(name="bench:1:0", cluster="bench", heartbeat_at=timezone.now() + LONG)
                jobs = sorted(fill(waiting + options.rounds + 1), key=lambda job: (-job.priority, job.turn, job.pk))
                last = jobs[-options.sockets :]
                slowest = asyncio.run(_watch(stack.base_url, token, last, options.rounds))
        report(database, waiting, f"{options.sockets} sockets", {"slowest": round(median(slowest), 1), "all": slowest})


async def _watch(base_url: str, token: str, jobs: list[Job], rounds: int) -> list[float]:
    from websockets.asyncio.client import connect

    url = base_url.replace("http", "ws", 1) + "/ws/live/"
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for job in jobs:
            socket = await stack.enter_async_context(
                connect(url, additional_headers={"Authorization": f"Token {token}"}, max_queue=None)
            )
            await socket.send(json.dumps({"subscribe": f"job:{job.pk}"}))
            sockets.append(socket)
        places: list[int] = [0] * len(jobs)
        seen_at: list[float] = [0.0] * len(jobs)

        async def read(number: int) -> None:
            async for text in sockets[number]:
                message = json.loads(text)
                told = message.get("job", message) if message.get("type") in ("snapshot", "position") else None
                if told is not None and told.get("position"):
                    places[number], seen_at[number] = told["position"], time.perf_counter()

        readers = [asyncio.create_task(read(number)) for number in range(len(jobs))]
        slowest = []
        try:
            await _until(lambda: all(places))
            running_job = await asyncio.to_thread(claiming.claim, "bench:1:0")
            before = min(places)
            await _until(lambda: min(places) < before or max(seen_at) < time.perf_counter() - 4)
            for _ in range(rounds):
                await asyncio.sleep(random.uniform(1.0, 2.0))  # quiet, and not in step with any poll
                aim = [place - 1 for place in places]
                ended = time.perf_counter()
                await asyncio.to_thread(lifecycle.succeed, running_job, {})
                running_job = await asyncio.to_thread(claiming.claim, "bench:1:0")
                await _until(lambda aim=aim: places == aim)
                slowest.append(round((max(seen_at) - ended) * 1000, 1))
        finally:
            for reader in readers:
                reader.cancel()
        return slowest


async def _until(condition: Callable[[], bool], timeout: float = 30) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


def report(database: str, waiting: int, when: str, figures: dict[str, Any]) -> None:
    print(f"{database:<10} {waiting:>7} waiting  {when:<12} {json.dumps(figures)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--database-url", default="", help="an empty database instead of a throw-away one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sockets", type=int, default=0)
    options = parser.parse_args()
    if options.sockets and options.database_url:
        parser.error("--sockets starts a system with a database of its own; leave out --database-url")
    for database in ["given"] if options.database_url else options.database or DATABASES:
        if database != "given" and not available(database):
            print(f"{database}: not installed")
        elif options.sockets:
            over_sockets(database, options)
        else:
            in_this_process(database, options)


if __name__ == "__main__":
    main()
