"""Kinds whose input picks how they end."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from datetime import timedelta
from typing import Any

from rest_framework import serializers

from jobs.errors import InvalidInput, RateLimited, Unavailable
from jobs.kinds import Backoff, job_kind
from jobs.running import RunningJob

#: Roughly, on the machines of 2026; "stuck" only has to take longer than the test is willing to wait.
HASHES_PER_SECOND = 3_000_000

QUICK = Backoff(max_attempts=3, base=timedelta(milliseconds=50))


class ActInput(serializers.Serializer):
    act = serializers.ChoiceField(
        choices=[
            "ok",
            "bug",
            "invalid",
            "unavailable",
            "limited",
            "kill",
            "sleep",
            "stuck",
            "steps",
            "many_steps",
            "unstorable",
        ],
        default="ok",
    )
    seconds = serializers.FloatField(default=0)
    until_attempt = serializers.IntegerField(default=0)
    value = serializers.IntegerField(default=0)


def write_ledger(job: RunningJob) -> None:
    """Have a row written in the transaction of the job's result."""
    from tests.workload.models import LedgerEntry

    row = {"job_id": job.job.pk, "attempt": job.attempt, "fence": job.job.fence, "worker": job.job.worker}
    # A new row each time: after a rollback SQLite gives the number of an old one to somebody else.
    job.save_with_result(lambda: LedgerEntry.objects.create(**row))


def _act(job: RunningJob, act: str, seconds: float, until_attempt: int, value: int) -> dict[str, Any]:
    write_ledger(job)
    misbehave = until_attempt == 0 or job.attempt < until_attempt
    if act == "sleep":
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(0.02)
    elif act in ("steps", "many_steps"):
        steps = value if act == "many_steps" else 10
        for step in range(steps):
            time.sleep(seconds / steps)
            job.progress(step * 100 / steps, stage=f"step{step}")
    elif act == "stuck":
        # One long call into C: it lets other threads run, but no signal handler of Python.
        hashlib.pbkdf2_hmac("sha256", b"password", b"salt", int(seconds * HASHES_PER_SECOND))
    elif act == "unstorable":
        return {"value": object()}
    elif act == "kill" and misbehave:
        os.kill(os.getpid(), signal.SIGKILL)
    elif act == "bug" and misbehave:
        raise ZeroDivisionError(f"a document said {value}")
    elif act == "invalid":
        raise InvalidInput("The file is empty. Send one with content.", code="empty_file")
    elif act == "unavailable" and misbehave:
        raise Unavailable("The provider is down.")
    elif act == "limited" and job.job.fence < until_attempt:
        raise RateLimited("Slow down.", retry_after=timedelta(seconds=seconds))
    return {"value": value, "attempt": job.attempt}


@job_kind("workload.act_out", input=ActInput, backoff=QUICK, timeout=timedelta(seconds=60))
def act_out(job: RunningJob, *, act: str, seconds: float, until_attempt: int, value: int) -> dict[str, Any]:
    """Do as the input says, in the default queue."""
    return _act(job, act, seconds, until_attempt, value)


@job_kind("workload.act_briefly", input=ActInput, backoff=QUICK, timeout=timedelta(seconds=1))
def act_briefly(job: RunningJob, *, act: str, seconds: float, until_attempt: int, value: int) -> dict[str, Any]:
    """Do as the input says, within one second."""
    return _act(job, act, seconds, until_attempt, value)


@job_kind("workload.use_gpu", input=ActInput, queue="gpu", resource="gpu", backoff=QUICK, timeout=timedelta(seconds=60))
def use_gpu(job: RunningJob, *, act: str, seconds: float, until_attempt: int, value: int) -> dict[str, Any]:
    """Do as the input says while holding the gpu. The result says from when to when it really ran, in seconds."""
    began = time.time()
    return _act(job, act, seconds, until_attempt, value) | {"ran": [began, time.time()]}


@job_kind("workload.call_limited", input=ActInput, rate_limit="workload", backoff=QUICK)
def call_limited(job: RunningJob, *, act: str, seconds: float, until_attempt: int, value: int) -> dict[str, Any]:
    """Take one request of the rate limit "workload": five a second, two at once."""
    from jobs.providers.rates import Rate, take

    take("workload", Rate(requests=5, per=timedelta(seconds=1), burst=2))
    return _act(job, act, seconds, until_attempt, value)


@job_kind("workload.sum_up", backoff=QUICK)
def sum_up(job: RunningJob) -> dict[str, Any]:
    """Add up the values of a batch's children."""
    write_ledger(job)
    done = [child.result["value"] for child in job.children.filter(state="succeeded")]
    return {"sum": sum(done), "children": len(done)}


@job_kind("workload.do_nothing")
def do_nothing(job: RunningJob) -> None:
    """Nothing, as fast as possible: for benchmarks."""


_loaded_in: list[int] = []


@job_kind("workload.tell_loader", prepare=lambda: _loaded_in.append(os.getpid()))
def tell_loader(job: RunningJob) -> dict[str, Any]:
    """Tell which processes have loaded what this kind needs, and which one runs it."""
    return {"loaded_in": list(_loaded_in), "ran_in": os.getpid()}


_dies_after_this_ring = False


@job_kind("workload.die_afterwards")
def die_afterwards(job: RunningJob) -> None:
    """Succeed, and let the worker be killed while it tells django-q2 about the ring."""
    global _dies_after_this_ring
    _dies_after_this_ring = True


@job_kind("workload.die_counting")
def die_counting(job: RunningJob) -> None:
    """Succeed, and let the worker be killed while it counts what it puts into a queue of django-q2."""
    from django_q import queues

    def die(counter: Any, n: int = 1) -> None:
        if (count := getattr(counter, "count", None)) is not None:
            count.get_lock().acquire()  # as django-q2's own does
        os.kill(os.getpid(), signal.SIGKILL)

    queues.SharedCounter.increment = die


def die_if_told(**_: Any) -> None:
    if _dies_after_this_ring:
        os.kill(os.getpid(), signal.SIGKILL)
