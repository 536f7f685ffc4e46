"""How a kind has been doing: counted from the Job rows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F

from jobs.models import Job
from jobs.states import State


@dataclass(frozen=True)
class KindStatistics:
    """counts: jobs by state; average_seconds: mean run of those that succeeded; failure_rate: failed / ended, 0–1.

    errors: failed jobs by error code. None where nothing has ended yet.
    """

    counts: dict[str, int]
    average_seconds: float | None
    failure_rate: float | None
    errors: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def of_kind(kind: str, *, since: datetime) -> KindStatistics:
    """Count the jobs of `kind` that were created since then."""
    jobs = Job.objects.filter(kind=kind, created_at__gte=since)
    counts = dict(jobs.order_by().values_list("state").annotate(Count("pk")))
    run = ExpressionWrapper(F("succeeded_at") - F("processing_at"), output_field=DurationField())
    average: timedelta | None = jobs.filter(state=State.SUCCEEDED).aggregate(mean=Avg(run))["mean"]
    failed = counts.get(State.FAILED, 0)
    ended = failed + counts.get(State.SUCCEEDED, 0)
    return KindStatistics(
        counts=counts,
        average_seconds=None if average is None else round(average.total_seconds(), 3),
        failure_rate=round(failed / ended, 4) if ended else None,
        errors=dict(jobs.filter(state=State.FAILED).order_by().values_list("error_code").annotate(Count("pk"))),
    )
