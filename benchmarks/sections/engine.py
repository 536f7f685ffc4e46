"""The engine without a web server: how soon a job is picked up, how fast jobs are submitted and worked off."""

from __future__ import annotations

import random
import time
from statistics import median

from django.db.models import Max, Min

from benchmarks.sections.scale import Scale
from benchmarks.stacks import percentile
from jobs import lifecycle
from jobs.models import Job
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until

KIND = "workload.do_nothing"
#: Jobs of one call of `submit_many`: as many as one request may bring.
BULK = 1000
#: Between two pickups: long enough to be idle again; jittered, or a poll would fall in step with us.
PAUSE_SECONDS = (0.06, 0.14)
#: After so many jobs every worker has loaded what it needs.
WARM_UP = 20


def warm_up() -> None:
    """Run a few jobs, so that all workers are up and warm."""
    for job in [lifecycle.submit(KIND) for _ in range(WARM_UP)]:
        wait_until(lambda pk=job.pk: Job.objects.get(pk=pk).is_finished, timeout=60)


def pickup(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure an idle system: commit of the job to the start of its attempt."""
    waits = []
    for _ in range(scale.pickups):
        time.sleep(random.uniform(*PAUSE_SECONDS))
        job = lifecycle.submit(KIND)
        committed = time.time()
        started = wait_until(lambda pk=job.pk: Job.objects.get(pk=pk).processing_at, timeout=10)
        waits.append(max(0.0, started.timestamp() - committed) * 1000)
    return {"pickup_p50_ms": round(percentile(waits, 0.5), 1), "pickup_p99_ms": round(percentile(waits, 0.99), 1)}


def submit(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure one call, one job, one commit, while nobody works."""
    lifecycle.pause_queue("default", by="bench")
    took = []
    for _ in range(scale.submits):
        began = time.perf_counter()
        lifecycle.submit(KIND)
        took.append((time.perf_counter() - began) * 1000)
    lifecycle.resume_queue("default")
    drained()
    return {"submit_p50_ms": round(percentile(took, 0.5), 2), "submit_p99_ms": round(percentile(took, 0.99), 2)}


def drain(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure how fast jobs go in in bulk, and how fast the workers work them off: first claim to last result."""
    rates, bulks = [], []
    for _ in range(scale.rounds):
        Job.objects.all().delete()
        lifecycle.pause_queue("default", by="bench")
        began = time.perf_counter()
        submit_in_bulk(scale.jobs)
        bulks.append(scale.jobs / (time.perf_counter() - began))
        lifecycle.resume_queue("default")
        drained()
        done = Job.objects.filter(kind=KIND)
        assert set(done.values_list("state", "fence").distinct()) == {("succeeded", 1)}, "each ran exactly once"
        span = done.aggregate(first=Min("processing_at"), last=Max("succeeded_at"))
        rates.append(done.count() / (span["last"] - span["first"]).total_seconds())
    return {"bulk_jobs_per_s": round(median(bulks)), "drain_jobs_per_s": round(median(rates))}


def submit_in_bulk(count: int) -> None:
    """Submit so many jobs, `BULK` in one transaction."""
    for begin in range(0, count, BULK):
        lifecycle.submit_many([lifecycle.Submission(KIND) for _ in range(min(BULK, count - begin))])


def drained(kind: str = KIND, timeout: float = 600.0) -> None:
    """Wait until no job of a kind is left. timeout: seconds."""
    wait_until(lambda: not Job.objects.filter(kind=kind).unfinished().exists(), timeout=timeout)
