"""Sıra measured by itself: `make bench`. Prints a table and writes bench-results/bench.json.

    python -m benchmarks.bench [--database sqlite] [--jobs 2000] [--pickups 100] [--rounds 3]

drain      no-op jobs a second with two workers, first claim to last result, the median of the rounds
pickup     an idle system: commit of the job to the start of its attempt
submit     one call, one job, one commit
bulk       jobs a second in one transaction of 1,000

The machine decides more than the code does: compare only figures of one run.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from pathlib import Path
from statistics import median
from typing import Any

from django.db.models import Max, Min

from benchmarks.stacks import DATABASES, available, percentile, running
from jobs import lifecycle
from jobs.models import Job
from tests.harness.waiting import wait_until

KIND = "workload.do_nothing"
#: Between two pickups: long enough to be idle again; jittered, or a poll would fall in step with us.
PAUSE_SECONDS = (0.06, 0.14)
RESULTS = Path("bench-results")


def measure_pickup(count: int) -> dict[str, float]:
    waits = []
    for _ in range(count):
        time.sleep(random.uniform(*PAUSE_SECONDS))
        job = lifecycle.submit(KIND)
        committed = time.time()
        started = wait_until(lambda pk=job.pk: Job.objects.get(pk=pk).processing_at, timeout=10)
        waits.append(max(0.0, started.timestamp() - committed) * 1000)
    return {"pickup_p50_ms": round(percentile(waits, 0.5), 1), "pickup_p99_ms": round(percentile(waits, 0.99), 1)}


def measure_drain(count: int, rounds: int) -> dict[str, float]:
    rates, submits, bulks = [], [], []
    for _ in range(rounds):
        Job.objects.all().delete()
        lifecycle.pause_queue("default", by="bench")
        began = time.perf_counter()
        for _ in range(100):
            lifecycle.submit(KIND)
        submits.append(100 / (time.perf_counter() - began))
        began = time.perf_counter()
        for size in [1000] * (count // 1000) or [count]:
            lifecycle.submit_many([lifecycle.Submission(KIND) for _ in range(size)])
        bulks.append(count / (time.perf_counter() - began))
        lifecycle.resume_queue("default")
        wait_until(lambda: not Job.objects.filter(kind=KIND).unfinished().exists(), timeout=600)
        done = Job.objects.filter(kind=KIND)
        assert set(done.values_list("state", "fence").distinct()) == {("succeeded", 1)}, "each ran exactly once"
        span = done.aggregate(first=Min("processing_at"), last=Max("succeeded_at"))
        rates.append(done.count() / (span["last"] - span["first"]).total_seconds())
    return {
        "drain_jobs_per_s": round(median(rates)),
        "submit_per_s": round(median(submits)),
        "bulk_per_s": round(median(bulks)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--pickups", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for database in options.database or DATABASES:
        if not available(database):
            print(f"{database}: not measured, its server is not installed")
            continue
        with running(database, web=False, workers=2) as stack, stack.database():
            for job in [lifecycle.submit(KIND) for _ in range(20)]:  # both workers are up and warm
                wait_until(lambda pk=job.pk: Job.objects.get(pk=pk).is_finished, timeout=60)
            results[database] = measure_pickup(options.pickups) | measure_drain(options.jobs, options.rounds)
    columns = list(next(iter(results.values())))
    print(f"{'':<12}" + "".join(f"{name:>18}" for name in columns))
    for database, row in results.items():
        print(f"{database:<12}" + "".join(f"{row[name]:>18}" for name in columns))
    RESULTS.mkdir(exist_ok=True)
    report = {"machine": platform.platform(), "options": vars(options), "results": results}
    (RESULTS / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {RESULTS / 'bench.json'}")


if __name__ == "__main__":
    main()
