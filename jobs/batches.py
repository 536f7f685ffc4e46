"""Batches: a parent job whose children are ordinary jobs. This room only counts; `lifecycle.py` moves.

Children spread over all workers like any other job. The parent waits in `pending`; when the last child has ended it
is queued, and its kind runs to sum up.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Avg, Case, Count, F, FloatField, Value, When

from jobs.models import Job
from jobs.states import FINISHED, State


@dataclass(frozen=True)
class Summary:
    """How a batch's children stand. counts: number of children by state; progress: 0–100, their average."""

    counts: dict[str, int]
    progress: float

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return sum(self.counts.get(state, 0) for state in FINISHED)

    @property
    def succeeded(self) -> int:
        return self.counts.get(State.SUCCEEDED, 0)

    @property
    def failed(self) -> int:
        return self.counts.get(State.FAILED, 0) + self.counts.get(State.CANCELLED, 0)


def summary(parent_id: uuid.UUID) -> Summary:
    """Count a batch's children. A child that has ended, however it ended, is 100 % done."""
    rows = list(
        Job.objects.filter(parent_id=parent_id)
        .values("state")
        .order_by("state")
        .annotate(
            jobs=Count("pk"),
            done=Avg(
                Case(When(state__in=FINISHED, then=Value(100.0)), default=F("progress"), output_field=FloatField())
            ),
        )
    )
    counts = {row["state"]: row["jobs"] for row in rows}
    total = sum(counts.values())
    progress = sum(row["jobs"] * row["done"] for row in rows) / total if total else 100.0
    return Summary(counts=counts, progress=round(progress, 2))
