"""The same to all jobs that a filter fits: looked at without a trace, or written down as a plan.

A batch goes with its parts: of those that are touched by what is done to it, no step of their own is planned.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.models import Job, JobQuerySet, OperationPlan
from jobs.operations.base import Operation, Plan, chunks
from jobs.operations.plans import HEAVY, LOOKED_AT_TOGETHER, MOST_PLANNED, TooMany, plan
from jobs.search import JobFilter

#: So many are shown of what would be done.
SAMPLES = 20


@dataclass(frozen=True)
class Chosen:
    """Which jobs. ids: batches first; with_batch: how many go with theirs."""

    ids: list[uuid.UUID]
    with_batch: int

    @property
    def matched(self) -> int:
        return len(self.ids) + self.with_batch


@dataclass
class Preview:
    """What would be done: how many get a step and a few of them; why the others are left alone, by code."""

    planned: int = 0
    samples: list[Plan] = field(default_factory=list)
    left_alone: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Plan] = field(default_factory=dict)


def choose(operation: Operation, asked: JobFilter, jobs: JobQuerySet, user: Any) -> Chosen:
    """Return which of `jobs` a valid filter fits. Raises TooMany."""
    rows = list(asked.find(jobs, user).values_list("pk", "parent_id")[: MOST_PLANNED + 1])
    if len(rows) > MOST_PLANNED:
        raise TooMany
    ids = {id for id, _ in rows}
    batches = {parent for _, parent in rows if parent in ids}
    touched = {planned.job.pk for planned in _look(operation, list(batches)) if planned.step is not None}
    left = [(parent is not None, id) for id, parent in rows if parent not in touched]
    # Whatever becomes of a part is told to its batch, which then is no longer as it was.
    return Chosen([id for _, id in sorted(left)], len(rows) - len(left))


def preview(operation: Operation, chosen: Chosen) -> Preview:
    """Say what would be done. Nothing is written."""
    seen = Preview()
    for planned in _look(operation, chosen.ids):
        if planned.step is not None:
            seen.planned += 1
            if len(seen.samples) < SAMPLES:
                seen.samples.append(planned)
        else:
            code = str(planned.evidence["code"])
            seen.left_alone[code] += 1
            seen.examples.setdefault(code, planned)
    return seen


def write_down(
    operation: Operation, chosen: Chosen, *, actor: Any, via: str, reason: str, asked: dict[str, Any], own_only: bool
) -> OperationPlan:
    """Make the plan. own_only: `chosen` are the actor's own jobs, for which nobody needs a permission."""
    return plan(operation.name, chosen.ids, actor=actor, via=via, reason=reason, asked=asked, own_only=own_only)


def _look(operation: Operation, ids: list[uuid.UUID]) -> Iterator[Plan]:
    for part in chunks(ids, LOOKED_AT_TOGETHER):
        jobs = {job.pk: job for job in Job.objects.filter(pk__in=part).defer(*HEAVY)}
        yield from operation.plan([jobs[id] for id in part if id in jobs])
