"""Following jobs by the event log: each job has a cursor, so nothing is missed or told twice.

It asks the database and nobody else: a worker, a web server or a cluster may die and come back meanwhile.
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from django.db.models import Q

from jobs.api.serializers import describe_event, describe_standing
from jobs.models import Job, JobEvent, JobFile
from jobs.positions import Explanation, explain_many
from jobs.states import State

#: Jobs of one statement; OR'ed conditions in one.
BATCH, RANGES = 500, 100
#: More are not asked why they wait: nobody can read that, and each look has to be quick.
MOST_EXPLAINED = 200
#: No reason to speak of: the next free worker takes it.
NEXT = "worker"
#: What a list of jobs has no use for, and may be large.
LARGE = ("input", "result", "metadata", "error_traceback")


@dataclass
class Followed:
    """One job as it was at the last look. cursor: number of the last event that was told. gone: it was deleted."""

    id: uuid.UUID
    name: str
    job: Job
    cursor: int = 0
    standing: Explanation = field(default_factory=Explanation)
    gone: bool = False

    @property
    def is_over(self) -> bool:
        return self.gone or (self.job.is_finished and self.cursor >= self.job.event_seq)

    @property
    def succeeded(self) -> bool:
        return not self.gone and self.job.state == State.SUCCEEDED

    @property
    def percent(self) -> float:
        """0–100, as far as it got."""
        return 100.0 if self.succeeded else self.job.progress


@dataclass(frozen=True)
class News:
    """What has happened to a job: an event, or (event None) another reason for waiting, or that it was deleted."""

    followed: Followed
    event: JobEvent | None = None


class Following:
    """Some jobs, by id, from their first event or from where they are now.

    Raises Job.DoesNotExist for an id that is not there.
    """

    def __init__(self, ids: Iterable[uuid.UUID], *, from_start: bool = True) -> None:
        wanted = list(dict.fromkeys(ids))
        rows = _rows(wanted)
        if missing := [id for id in wanted if id not in rows]:
            raise Job.DoesNotExist(str(missing[0]))
        names = _names(wanted)
        self.jobs = [Followed(id, names.get(id) or _title(rows[id]), rows[id]) for id in wanted]
        if not from_start:
            for followed in self.jobs:
                followed.cursor = followed.job.event_seq

    @property
    def is_over(self) -> bool:
        return all(followed.is_over for followed in self.jobs)

    @property
    def left(self) -> list[Job]:
        """The jobs that have not ended, as they were at the last look."""
        return [followed.job for followed in self.jobs if not followed.is_over]

    @property
    def all_succeeded(self) -> bool:
        return all(followed.succeeded for followed in self.jobs)

    def look(self) -> list[News]:
        """Read the rows afresh and return the events since the last look, each job's in order."""
        rows = _rows([followed.id for followed in self.jobs if not followed.gone])
        news: list[News] = []
        moved: list[Followed] = []
        for followed in self.jobs:
            if followed.gone:
                continue
            if followed.id not in rows:
                followed.gone = True
                news.append(News(followed))
                continue
            if rows[followed.id].state != followed.job.state:
                followed.standing = Explanation()  # of the state before
            followed.job = rows[followed.id]
            if followed.job.event_seq > followed.cursor:
                moved.append(followed)
        for start in range(0, len(moved), RANGES):
            news += _events_of(moved[start : start + RANGES])
        return news

    def explain(self) -> list[News]:
        """Ask why jobs wait and when they may end; return those whose reason is another one than before."""
        unfinished = [followed for followed in self.jobs if not followed.gone and not followed.job.is_finished]
        asked = unfinished[:MOST_EXPLAINED]
        standings = explain_many(followed.job for followed in asked)
        news = []
        for followed in asked:
            before, followed.standing = followed.standing, standings[followed.id]
            if followed.standing.waiting_for not in ("", NEXT, before.waiting_for):
                news.append(News(followed))
        return news


def _rows(ids: list[uuid.UUID]) -> dict[uuid.UUID, Job]:
    rows: dict[uuid.UUID, Job] = {}
    for start in range(0, len(ids), BATCH):
        rows |= Job.objects.defer(*LARGE).in_bulk(ids[start : start + BATCH])
    return rows


def _events_of(moved: list[Followed]) -> list[News]:
    # Up to the number that the row had: what came after the row was read belongs to the next look.
    by_id = {followed.id: followed for followed in moved}
    new = [Q(job_id=one.id, seq__gt=one.cursor, seq__lte=one.job.event_seq) for one in moved]
    events = JobEvent.objects.filter(reduce(operator.or_, new)).order_by("id")
    news = []
    for event in events:
        followed = by_id[event.job_id]
        followed.cursor = max(followed.cursor, event.seq)
        news.append(News(followed, event))
    return news


def _names(ids: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the name of each job's first file that was sent."""
    names: dict[uuid.UUID, str] = {}
    for start in range(0, len(ids), BATCH):
        sent = JobFile.objects.filter(job__in=ids[start : start + BATCH], role=JobFile.Role.INPUT)
        for job_id, name in sent.order_by("-id").values_list("job_id", "name"):
            names[job_id] = name  # the first is the last to be written
    return names


def _title(job: Job) -> str:
    return job.kind.rpartition(".")[2].replace("_", " ")


def describe_news(news: News) -> dict[str, Any]:
    """Return news as JSON lines tell it: {"type": "event" | "position" | "deleted", "job_id", …}."""
    about = {"job_id": str(news.followed.id)}
    if news.event is not None:
        return {"type": "event", **about, "event": describe_event(news.event, news.followed.job.kind)}
    if news.followed.gone:
        return {"type": "deleted", **about}
    return {"type": "position", **about, **describe_standing(news.followed.standing)}
