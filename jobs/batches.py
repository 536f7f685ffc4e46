"""Batches: a parent job whose children are ordinary jobs. This room only counts; `lifecycle.py` moves.

Children spread over all workers like any other job. The parent waits in `pending`; when the last child has ended it
is queued, and its kind runs to sum up.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, FloatField, Sum, Value, When
from django.db.models.fields.json import KeyTransform

from jobs.models import Job, JobFile
from jobs.states import FINISHED, WAITING, State


@dataclass(frozen=True)
class Summary:
    """How a batch's children stand.

    counts: number of children by state. progress: 0–100, their average. begun: how many a worker has ever claimed.
    """

    counts: dict[str, int]
    progress: float
    begun: int = 0

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
    return summaries([parent_id])[parent_id]


def summaries(parent_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Summary]:
    """Count the children of several batches in one query. A batch without children is 100 % done."""
    done = Case(When(state__in=FINISHED, then=Value(100.0)), default=F("progress"), output_field=FloatField())
    by_parent: dict[uuid.UUID, list[Any]] = {id: [] for id in parent_ids}
    rows = Job.objects.filter(parent_id__in=by_parent).values("parent_id", "state").order_by("state")
    for row in rows.annotate(jobs=Count("pk"), done=Sum(done), claimed=Count("processing_at")):
        by_parent[row["parent_id"]].append(row)
    return {id: _summary(rows) for id, rows in by_parent.items()}


def _summary(rows: list[Any]) -> Summary:
    counts = {row["state"]: row["jobs"] for row in rows}
    total = sum(counts.values())
    progress = sum(row["done"] for row in rows) / total if total else 100.0
    return Summary(counts=counts, progress=round(progress, 2), begun=sum(row["claimed"] for row in rows))


def word_state(parent: Job, summary: Summary) -> State:
    """Return the state that people should read.

    A waiting parent whose children have begun is being worked on; so is one that was told to stop while they run.
    """
    if parent.state in WAITING and (summary.begun or 0 < summary.total == summary.ended):
        return State.PROCESSING
    if parent.state in FINISHED and summary.ended < summary.total:
        return State.PROCESSING
    return State(parent.state)


@dataclass(frozen=True, slots=True)
class Member:
    """One child as a list of the batch shows it.

    name: of its input file, made safe; "" without one. progress: 0–100, the last it reached. seq: number of its latest
    event. extra: the values asked for from its result; None while there is no result.
    """

    id: uuid.UUID
    name: str
    state: State
    progress: float
    stage: str
    error_code: str
    error_message: str
    seq: int
    extra: dict[str, Any]


def members(parent_id: uuid.UUID, *, result_keys: Sequence[str] = ()) -> list[Member]:
    """Return a batch's children in the order in which they were sent: two queries, whatever their number."""
    files = JobFile.objects.filter(job__parent_id=parent_id, role=JobFile.Role.INPUT)
    names: dict[uuid.UUID, str] = dict(files.order_by().values_list("job_id", "name"))
    rows = (
        Job.objects.filter(parent_id=parent_id)
        .order_by("id")
        .values_list(
            "id", "state", "progress", "stage", "error_code", "error_message", "event_seq",
            *(KeyTransform(key, "result") for key in result_keys),
        )
    )  # fmt: skip
    return [
        Member(
            id, names.get(id, ""), State(state), progress, stage, code, message, seq,
            dict(zip(result_keys, values, strict=True)),
        )
        for id, state, progress, stage, code, message, seq, *values in rows
    ]  # fmt: skip
