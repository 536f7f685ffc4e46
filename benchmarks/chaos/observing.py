"""What the watched system has besides its own: an app, by EXTRA_APPS, that adds to each kind and changes none of them.

Each result writes a row of the side ledger in its own transaction; each holder of a GPU takes a lock of ours, which
only one process of a host can have, and notes when it could not; and every kind is tried often enough, and soon, that
a job which fails here was not given up because of the faults alone.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from benchmarks.chaos.device import held
from jobs.kinds import Backoff, JobKind, registry
from jobs.running import RunningJob
from tests.workload.tasks import write_ledger

#: Attempts enough for any number of faults, soon one after another.
PATIENT = Backoff(max_attempts=200, steps=tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4)))
APPS = ("parsers", "classifier", "imaging", "orders", "workload")


def observe_all() -> None:
    """Put every kind's function behind ours, for this process and what it forks."""
    for kind in list(registry):
        app = kind.name.partition(".")[0]
        if app in APPS:
            registry.add(replace(kind, run=_observed(kind, writes_ledger=app == "workload"), backoff=PATIENT))


def _observed(kind: JobKind, *, writes_ledger: bool) -> Callable[..., Any]:
    """writes_ledger: it does so itself."""

    @functools.wraps(kind.run)
    def run(job: RunningJob, **fields: Any) -> Any:
        if not writes_ledger:
            write_ledger(job)
        if kind.resource != "gpu":
            return kind.run(job, **fields)
        with held(os.environ["SIRA_CHAOS_DEVICE"], job.id):
            return kind.run(job, **fields)

    return run
