"""A batch in the default queue, and a worker that ends what it claims."""

from __future__ import annotations

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import InvalidInput
from jobs.lifecycle import Submission
from jobs.models import Job


def batch(size: int) -> Job:
    child = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}
    return lifecycle.submit_batch(
        Submission("workload.sum_up"), [Submission("workload.act_out", child) for _ in range(size)]
    )


def claim() -> Job:
    job = claiming.claim("w")
    assert job is not None
    return job


def succeed() -> Job:
    return lifecycle.succeed(claim(), {"value": 1})


def fail() -> Job:
    return lifecycle.fail(claim(), InvalidInput("The file is empty."))


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)
