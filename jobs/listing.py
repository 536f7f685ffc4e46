"""One page of a list of jobs, in a time that does not grow with the table.

What an index finds is found at once. A word that has to be looked for in each job is looked for in the newest ones
first, a stretch of them at a time, until the page is full or the time is up: then the page says how far it came.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.models import Job, JobQuerySet
from jobs.search import JobFilter, Window

#: Jobs of one stretch of the table: looking into each of so many takes some 20 to 60 ms.
STRETCH = 10_000
#: Where the other filters leave less than a tenth, a stretch is so many of those that are left, by their ids.
SPARSE = 1_000
#: No further stretch is begun after this.
PATIENCE_SECONDS = 0.08
#: Nobody reads a larger number; counting stops here.
COUNT_AT_MOST = 1_000


@dataclass(frozen=True)
class Listed:
    """A page, newest first. older: go on before this id; None: nothing that is older matches.

    searched_all: False when jobs before `older` have not been looked at; the page may then be short, or empty.
    matches: how many there are in all, COUNT_AT_MOST + 1 for more than COUNT_AT_MOST; None: they were not counted.
    """

    jobs: Sequence[Job]
    older: uuid.UUID | None
    searched_all: bool = True
    matches: int | None = None


def find_page(
    wanted: JobFilter, jobs: JobQuerySet, user: Any, limit: int, *, before: uuid.UUID | None = None
) -> Listed:
    """Return up to `limit` matching jobs that come before an id, newest first. jobs: those that `user` may see."""
    if not wanted.looks_closely:
        return _cut(list(wanted.find(jobs, user, Window(before=before))[: limit + 1]), limit)
    found: list[Job] = []
    stop_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        window, rest = _next_stretch(wanted.narrow(jobs, user), before)
        found += wanted.find(jobs, user, window)[: limit + 1 - len(found)]
        if rest is None or len(found) > limit:
            return _cut(found, limit)
        before = rest
        if time.monotonic() >= stop_at:
            return Listed(found, before, searched_all=False)


def find_newer(wanted: JobFilter, jobs: JobQuerySet, user: Any, limit: int, *, after: uuid.UUID) -> list[Job]:
    """Return the `limit` matching jobs that come right after an id, newest first."""
    found = wanted.find(jobs, user).filter(pk__gt=after).order_by("id")[:limit]
    return list(reversed(found))


def find_first_page(wanted: JobFilter, jobs: JobQuerySet, user: Any, limit: int) -> Listed:
    """Return the newest jobs that match, counted where that costs no second look at the table."""
    if wanted.looks_closely:
        return find_page(wanted, jobs, user, limit)
    ids = list(wanted.find(jobs, user).values_list("pk", flat=True)[: COUNT_AT_MOST + 1])
    page = list(jobs.filter(pk__in=ids[:limit]).order_by("-id"))
    return Listed(page, ids[limit - 1] if len(ids) > limit else None, matches=len(ids))


def _cut(found: list[Job], limit: int) -> Listed:
    page = found[:limit]
    return Listed(page, page[-1].pk if len(found) > limit else None)


def _next_stretch(jobs: JobQuerySet, before: uuid.UUID | None) -> tuple[Window, uuid.UUID | None]:
    """Return what to look at next, and the id before which the rest begins; None: there is no rest."""
    reach = Window(before=before).holds("pk")
    ids = list(jobs.filter(reach).order_by("-id").values_list("pk", flat=True)[:SPARSE])
    if len(ids) < SPARSE:
        return Window(ids=ids), None
    all_ids = Job.objects.filter(reach).order_by("-id").values_list("pk", flat=True)
    floor = next(iter(all_ids[STRETCH - 1 : STRETCH]), None)
    if floor is None or floor <= ids[-1]:
        return Window(floor, before), floor
    return Window(ids=ids), ids[-1]
