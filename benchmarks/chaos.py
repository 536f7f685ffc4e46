"""Kill processes at random while jobs run, then count: `make chaos MINUTES=5 SEED=1`.

Two clusters on PostgreSQL (or SQLite: --database sqlite) work on jobs of mixed priority, kind and behaviour.
A seeded schedule SIGKILLs workers, brokers, sentinels and whole clusters, and freezes workers for longer than their
lease. At the end an independent ledger is compared with the jobs: a side table written in
the transaction of each result, and what this program itself saw accepted.

The last line reads: jobs N faults N lost N doubled N stale N overlaps N recovery_p99 S
lost: accepted, but not ended · doubled: more than one committed result · stale: not the last attempt's result ·
overlaps: two holders of the gpu at once · recovery_p99: seconds from an expired attempt's start to the job's end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from collections import Counter
from itertools import pairwise

from benchmarks.stacks import DATABASES, available, percentile, running
from jobs import lifecycle
from jobs.models import EventType, Job, JobEvent
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.workload.models import LedgerEntry

#: Leases short enough that a minute of chaos has many of them run out.
ENV = {"LEASE_SECONDS": "4", "HEARTBEAT_SECONDS": "1", "DRAIN_GRACE_SECONDS": "2"}
FREEZE_SECONDS = 6.0
CLUSTERS = ("sira", "sira-2")
#: Jobs kept waiting at most: chaos is about faults, not about depth.
DEPTH = 60
SETTLE_SECONDS = 180


def submit_some(rng: random.Random) -> list[str]:
    submissions = []
    for _ in range(rng.randint(4, 16)):
        values = {"act": "ok", "seconds": 0.0, "until_attempt": 0, "value": rng.randrange(1000)}
        kind = "workload.use_gpu" if rng.random() < 0.2 else "workload.act_out"
        match rng.randrange(8):
            case 0:
                values |= {"act": "unavailable", "until_attempt": 2}
            case 1:
                values |= {"act": "steps", "seconds": 0.5}
            case 2 | 3:
                values |= {"act": "sleep", "seconds": rng.choice([0.05, 0.2, 0.5])}
        # Attempts enough for any number of faults: a job that fails here is a job that we lost.
        submissions.append(lifecycle.Submission(kind, values, priority=rng.randrange(11), max_attempts=200))
    return [str(job.pk) for job in lifecycle.submit_many(submissions)]


class Faults:
    """A seeded schedule of things that go wrong."""

    def __init__(self, stack: ServerStack, rng: random.Random) -> None:
        self.stack, self.rng = stack, rng
        self.count: Counter[str] = Counter()
        self._frozen: list[tuple[float, int]] = []

    def strike(self) -> None:
        name = self.rng.choice(CLUSTERS)
        fault = self.rng.choices(["worker", "freeze", "pusher", "sentinel", "main", "cluster"], [6, 3, 2, 1, 1, 1])[0]
        roles = self.stack.children(name)
        match fault:
            case "worker":
                os.kill(self.rng.choice(roles.workers), signal.SIGKILL)
            case "freeze":
                pid = self.rng.choice(roles.workers)
                os.kill(pid, signal.SIGSTOP)
                self._frozen.append((time.monotonic() + FREEZE_SECONDS, pid))
            case "pusher":
                os.kill(roles.pusher, signal.SIGKILL)
            case "sentinel" | "main":
                os.kill(getattr(roles, fault), signal.SIGKILL)
                wait_until(lambda: self.stack.services[name].reap() is not None, timeout=30)
                self.stack.start(name)
            case "cluster":
                self.stack.kill_whole(name)
                self.stack.start(name)
        self.count[fault] += 1

    def thaw(self, *, everything: bool = False) -> None:
        now = time.monotonic()
        for due, pid in list(self._frozen):
            if everything or now >= due:
                self._frozen.remove((due, pid))
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    continue


def compare(accepted: list[str], faults: Counter[str]) -> str:
    """Return the closing line."""
    jobs = {str(job.pk): job for job in Job.objects.filter(pk__in=accepted).iterator()}
    lost = [pk for pk in accepted if pk not in jobs or jobs[pk].state != "succeeded"]
    entries = Counter(str(pk) for pk in LedgerEntry.objects.values_list("job_id", flat=True))
    succeeded = JobEvent.objects.filter(type=EventType.SUCCEEDED).values_list("job_id", flat=True)
    ends = Counter(str(pk) for pk in succeeded)
    doubled = [pk for pk in accepted if entries[pk] > 1 or ends[pk] > 1]
    stale = [pk for pk, job in jobs.items() if job.result and job.result["attempt"] != job.attempt]
    # By the clock of who held it: a claim may have waited for its slot after `processing_at` was written.
    held = sorted((*job.result["ran"], pk) for pk, job in jobs.items() if job.result and "ran" in job.result)
    overlaps = [pair for pair in pairwise(held) if pair[0][1] > pair[1][0]]
    for pair in overlaps:
        print(f"overlap: {pair}")
    recoveries = []
    for rescue in JobEvent.objects.filter(type=EventType.RESCUED).select_related("job"):
        started = rescue.job.events.filter(type=EventType.STARTED, seq__lt=rescue.seq).last()
        if started is not None and rescue.job.succeeded_at is not None:
            recoveries.append((rescue.job.succeeded_at - started.created_at).total_seconds())
    return (
        f"jobs {len(accepted)} faults {faults.total()} lost {len(lost)} doubled {len(doubled)} stale {len(stale)} "
        f"overlaps {len(overlaps)} recovery_p99 {percentile(recoveries, 0.99) if recoveries else 0:.1f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES)
    options = parser.parse_args()
    database = options.database or ("postgresql" if available("postgresql") else "sqlite")
    rng = random.Random(options.seed)
    accepted: list[str] = []
    with running(database, web=False, cluster_names=("sira", "sira"), env=ENV) as stack, stack.database():
        faults = Faults(stack, rng)
        ends = time.monotonic() + options.minutes * 60
        while time.monotonic() < ends:
            if Job.objects.unfinished().count() < DEPTH:
                accepted += submit_some(rng)
            time.sleep(rng.uniform(0.3, 1.2))
            if rng.random() < 0.5:
                faults.strike()
            faults.thaw()
        faults.thaw(everything=True)
        print(f"{database}: {dict(faults.count)}; waiting for {Job.objects.unfinished().count()} jobs to end")
        wait_until(lambda: not Job.objects.unfinished().exists(), timeout=SETTLE_SECONDS)
        line = compare(accepted, faults.count)
    print(line)
    return int(any(f" {name} 0" not in line for name in ("lost", "doubled", "stale", "overlaps")))


if __name__ == "__main__":
    raise SystemExit(main())
