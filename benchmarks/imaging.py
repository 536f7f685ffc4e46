"""Many pictures at once on one GPU, while everything goes wrong: `python -m benchmarks.imaging --jobs 100 --seed 1`.

Several owners ask through the API; two clusters paint with a provider that fails, hangs, refuses and returns broken
pictures; owners cancel, workers are killed and frozen for longer than their lease. Meanwhile the positions of those
that wait are compared with 1 … n. At the end:
overlaps: two on the device at once, by the painters' own ledger · gaps: a look at which positions were not 1 … n ·
disorder: a start while one before it in claim order waited · lost: not ended · disagreeing: messages that do not say
what their job says · doubled: pictures that are not one for each complete message · left: previews of what has ended.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import requests
from django.db import connection, transaction

from benchmarks.stacks import DATABASES, available, running
from imaging.messages import metadata_of
from imaging.models import Message, Preview
from jobs.models import EventType, Job, JobEvent, JobFile
from jobs.positions import positions_of
from jobs.states import State
from tests.harness.processes import ServerStack

OWNERS = ("ada", "ben", "eve")
FREEZE_SECONDS = 7.0
SETTLE_SECONDS = 240
#: Both a claim and an entry into the queue are dated by the start of their transaction.
BLUR = timedelta(seconds=0.5)
ENV = {
    "IMAGE_PROVIDER": "benchmarks.misbehaving_painter.MisbehavingPainter", "IMAGE_TIMEOUT_SECONDS": "3",
    "LEASE_SECONDS": "4", "HEARTBEAT_SECONDS": "1", "WORKER_QUEUES": "gpu",
}  # fmt: skip
QUEUED = {EventType.CREATED, EventType.QUEUED, EventType.RELEASED, EventType.RESCUED, EventType.REQUEUED}


def ask_for_all(stack: ServerStack, count: int, rng: random.Random) -> list[str]:
    """Ask for `count` pictures at once, through the API; return the ids of their jobs."""
    clients = []
    for owner in OWNERS:
        headers = {"Authorization": f"Token {stack.token(owner)}"}
        made = requests.post(
            f"{stack.base_url}/api/v1/conversations", json={"title": owner}, headers=headers, timeout=30
        )
        clients.append((made.json()["links"]["messages"], headers))

    def ask(number: int) -> str:
        path, headers = clients[number % len(clients)]
        wish = {"prompt": f"Picture {number} of {rng_name}", "width": 64, "height": 64, "steps": 6, "seed": number}
        answer = requests.post(f"{stack.base_url}{path}", json=wish, headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        return answer.json()["job"]["id"]

    rng_name = rng.random()
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, range(count)))


def cancel(stack: ServerStack, job_id: str) -> None:
    owner = Job.objects.select_related("owner").get(pk=job_id).owner
    headers = {"Authorization": f"Token {stack.token(owner.get_username())}"}
    requests.post(f"{stack.base_url}/api/v1/jobs/{job_id}/cancel/", headers=headers, timeout=30)


def positions_are_dense() -> bool:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        waiting = list(Job.objects.queued().filter(queue="gpu").in_claim_order())
        places = positions_of(waiting)
    return [places[job.pk] for job in waiting] == list(range(1, len(waiting) + 1))


class Faults:
    """A seeded schedule of cancels, kills and freezes."""

    def __init__(self, stack: ServerStack, rng: random.Random) -> None:
        self.stack, self.rng = stack, rng
        self.count: Counter[str] = Counter()
        self.killed: dict[int, float] = {}
        self._frozen: dict[int, float] = {}

    def strike(self, jobs: list[str]) -> None:
        fault = self.rng.choices(["cancel", "kill", "freeze"], [3, 3, 1])[0]
        if fault == "cancel":
            cancel(self.stack, self.rng.choice(jobs))
        elif (pid := self._holder()) is None:
            return
        elif fault == "kill":
            self.killed[pid] = time.time()
            os.kill(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGSTOP)
            self._frozen[pid] = time.monotonic() + FREEZE_SECONDS
        self.count[fault] += 1

    def _holder(self) -> int | None:
        """Return the process that paints: there a fault hurts the most."""
        running = Job.objects.running().first()
        pid = int(running.worker.split(":")[1]) if running else None
        return None if pid in self._frozen or pid in self.killed else pid

    def thaw(self, *, everything: bool = False) -> None:
        for pid, due in list(self._frozen.items()):
            if everything or time.monotonic() >= due:
                del self._frozen[pid]
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    self.killed.setdefault(pid, time.time())


# --- what is counted at the end -----------------------------------------------------------------------------------


def find_overlaps(ledger: Path, killed: dict[int, float]) -> list[Any]:
    """Return pairs of stays on the device that share a moment. A stay without an end was ended by a kill."""
    stays: list[tuple[float, float, int]] = []
    open_stays: dict[int, float] = {}
    for line in ledger.read_text().splitlines():
        pid, _seed, what, at = line.split()
        if what == "begin":
            open_stays[int(pid)] = float(at)
        else:
            stays.append((open_stays.pop(int(pid)), float(at), int(pid)))
    # The watchdog ends a process that does not react, without a word: then the stay is as long as it is known to be.
    stays += [(begin, killed.get(pid, begin), pid) for pid, begin in open_stays.items()]
    return [(before, after) for before, after in pairwise(sorted(stays)) if before[1] > after[0] + 1e-6]


def find_disorder(jobs: dict[uuid.UUID, Job]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (started, should have been) for starts that overtook a job that waited all the time.

    Only jobs that came into the queue once are compared: who comes back may get another turn.
    """
    queued: dict[uuid.UUID, list[Any]] = defaultdict(list)
    started: dict[uuid.UUID, Any] = {}
    left: dict[uuid.UUID, Any] = {}
    for event in JobEvent.objects.filter(job__in=jobs).order_by("job", "seq"):
        if event.type in QUEUED and event.state == State.QUEUED:
            queued[event.job_id].append(event.created_at)
        elif event.type in (EventType.STARTED, EventType.CANCELLED):
            left.setdefault(event.job_id, event.created_at)
            if event.type == EventType.STARTED:
                started.setdefault(event.job_id, event.created_at)
    once = [job for job in jobs.values() if len(queued[job.pk]) == 1 and job.pk in left]

    def rank(job: Job) -> tuple[int, int, uuid.UUID]:
        return -job.priority, job.turn, job.pk

    return [
        (job.pk, other.pk)
        for job in once
        if job.pk in started
        for other in once
        if rank(other) < rank(job)
        and queued[other.pk][0] < started[job.pk] - BLUR
        and left[other.pk] > started[job.pk] + BLUR
    ]


def count_all(accepted: list[str], ledger: Path, faults: Faults) -> dict[str, int]:
    jobs = Job.objects.in_bulk([uuid.UUID(job_id) for job_id in accepted])
    answers = list(Message.objects.filter(role=Message.Role.ASSISTANT).select_related("job"))
    complete = {answer.job_id for answer in answers if answer.extra_metadata["status"] == "complete"}
    pictures = Counter(JobFile.objects.filter(role=JobFile.Role.OUTPUT).values_list("job_id", flat=True))
    return {
        "overlaps": len(find_overlaps(ledger, faults.killed)),
        "disorder": len(find_disorder(jobs)),
        "lost": len(accepted) - sum(job.is_finished for job in jobs.values()) + abs(len(answers) - len(accepted)),
        "disagreeing": sum(
            any(answer.extra_metadata[key] != value for key, value in metadata_of(answer.job).items())
            for answer in answers
        ),
        "doubled": sum(pictures[job_id] != 1 for job_id in complete) + len(set(pictures) - complete - {None}),
        "left": Preview.objects.count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES)
    options = parser.parse_args()
    database = options.database or ("postgresql" if available("postgresql") else "sqlite")
    rng = random.Random(options.seed)
    gaps = looks = 0
    ledger = Path(f"/tmp/sira-ledger-{os.getpid()}")
    ledger.write_text("")
    env = ENV | {"SIRA_LEDGER": str(ledger)}
    try:
        with running(database, cluster_names=("sira", "sira"), workers=2, env=env) as stack, stack.database():
            begun = time.monotonic()
            accepted = ask_for_all(stack, options.jobs, rng)
            asked = time.monotonic() - begun
            faults = Faults(stack, rng)
            next_fault = time.monotonic() + 1
            while Job.objects.filter(pk__in=accepted).unfinished().exists():
                if time.monotonic() - begun > SETTLE_SECONDS:
                    print(
                        f"not ended within {SETTLE_SECONDS} s: {Counter(Job.objects.values_list('state', flat=True))}"
                    )
                    break
                gaps += not positions_are_dense()
                looks += 1
                faults.thaw()
                if time.monotonic() >= next_fault:
                    next_fault = time.monotonic() + rng.uniform(0.5, 2.5)
                    faults.strike(accepted)
                time.sleep(0.05)
            took = time.monotonic() - begun
            faults.thaw(everything=True)
            time.sleep(3)  # what was frozen comes to itself, and must change nothing
            counted = count_all(accepted, ledger, faults) | {"gaps": gaps}
            ends = Counter(Job.objects.filter(pk__in=accepted).values_list("state", flat=True))
            retried = JobEvent.objects.filter(type__in=[EventType.RETRY_SCHEDULED, EventType.RESCUED]).count()
    finally:
        ledger.unlink(missing_ok=True)
    print(f"{database}: asked in {asked:.1f} s, all ended after {took:.0f} s, {dict(faults.count)}, retried {retried}")
    print(f"{dict(ends)}, {looks} looks at positions")
    print(f"jobs {len(accepted)} " + " ".join(f"{name} {number}" for name, number in counted.items()))
    return int(any(counted.values()))


if __name__ == "__main__":
    sys.exit(main())
