"""A subscriber's place in the event log: what it has had, what it has missed, and how it gets that.

A feed joins the tailer and a Channels group first and reads the database then, so nothing can fall between. After that
it takes the group's messages: an event that it has had is dropped, one that leaves a gap makes it read the gap, and
`catch_up` compares it with the tailer, so that even a lost last message is noticed. A stream of many jobs takes all
that it has not had from the tailer's ring, whatever made it look.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from django.db.models import Count, F

from jobs.api.serializers import describe, describe_event, to_json
from jobs.live.database import read
from jobs.live.messages import EventText
from jobs.live.tailer import Tailer
from jobs.live.watched import WatchedJob, WatchedStream
from jobs.models import Job, JobEvent
from jobs.states import State

#: Events of one read when a gap is filled.
PAGE = 200
#: A larger description does not fit into a WebSocket message (daphne: 1 MiB); it goes without its metadata.
LARGEST_DESCRIPTION = 768 * 1024


class NotVisible(Exception):
    """There is no such job, or it is somebody else's: a subscriber cannot tell which."""


class Feed:
    """What all feeds share."""

    topic: str
    group: str

    def __init__(self, tailer: Tailer, user: Any) -> None:
        self.tailer = tailer
        self.user = user
        self.is_started = False

    async def is_still_visible(self, user: Any) -> bool:
        """Whether the user, as they are now, may still hear of this."""
        return True

    def is_late(self) -> bool:
        """Whether the subscriber has not had by now what the tailer knew of at the last call, or has not begun.

        What it does not have in this moment may be on its way: a thousand sockets are told one after the other.
        """
        raise NotImplementedError

    async def rejoin(self, layer: Any, channel: str) -> None:
        """Be in the group, for certain: a message that expired has thrown the channel out of it."""
        await layer.group_add(self.group, channel)


class JobFeed(Feed):
    """One job's events after `after`; only those to come for None."""

    watched: WatchedJob | None = None

    def __init__(self, tailer: Tailer, job_id: uuid.UUID, user: Any, after: int | None) -> None:
        super().__init__(tailer, user)
        self.job_id = job_id
        self.topic, self.group = f"job:{job_id}", f"job.{job_id}"
        self.after = after
        self.cursor = 0
        self.standing_version = 0
        self._finished_at_start = False
        self._has_ended = False
        self._known = (0, 0)

    async def is_still_visible(self, user: Any) -> bool:
        return await read(_is_visible, self.job_id, user)

    async def join(self, layer: Any, channel: str) -> None:
        self.watched = await self.tailer.watch_job(self.job_id)
        await layer.group_add(self.group, channel)

    async def leave(self, layer: Any, channel: str) -> None:
        if self.watched is not None:
            watched, self.watched = self.watched, None
            self.tailer.unwatch_job(watched)
            await layer.group_discard(self.group, channel)

    async def start(self, *, with_snapshot: bool = False) -> str:
        """Read where the job stands and return its snapshot message. Raises NotVisible, DatabaseError."""
        assert self.watched is not None
        self.standing_version = self.watched.standing_version
        job, description = await read(_read_job, self.job_id, self.user, with_snapshot)
        self.cursor = job.event_seq if self.after is None else min(self.after, job.event_seq)
        self._finished_at_start = job.is_finished
        standing = _standing_of(description) if description else None
        self.tailer.saw(self.watched, job, standing)
        if standing is not None and standing == self.watched.standing:
            self.standing_version = self.watched.standing_version  # computed meanwhile, and the snapshot says it
        self.is_started = True
        if not description:
            return ""
        return _job_snapshot(self.topic, job, description)

    def is_late(self) -> bool:
        watched = self.watched
        if watched is None or not self.is_started or watched.gone:
            return True
        (seq, version), self._known = self._known, (watched.seq, watched.standing_version)
        return self.cursor < seq or self.standing_version < version

    @property
    def is_level(self) -> bool:
        """Whether the subscriber has had every event that the tailer knows of."""
        return self.watched is None or self.cursor >= self.watched.seq

    @property
    def is_over(self) -> bool:
        """Whether the job had ended, and every event of it has been had, when the subscriber came."""
        return self.is_started and self._finished_at_start and self.is_level

    def take_now(self, message: dict[str, Any]) -> list[EventText] | None:
        """Return what a group message brings that is new; None if something is missing before it."""
        if not self.is_started:
            return None
        new = [event for event in message["events"] if event.seq > self.cursor]
        if any(event.seq != seq for seq, event in enumerate(new, start=self.cursor + 1)):
            return None
        for event in new:
            self._has_had(event)
        return new

    async def take(self, message: dict[str, Any]) -> AsyncIterator[EventText]:
        """Yield what a group message brings that is new, gaps filled."""
        if message["type"] != "live.events" or not self.is_started:
            return
        for event in message["events"]:
            if event.seq > self.cursor + 1:
                async for missed in self._fill():
                    yield missed
            if event.seq == self.cursor + 1:
                self._has_had(event)
                yield event

    async def catch_up(self) -> AsyncIterator[EventText]:
        """Yield what the tailer knows of and this subscriber has not had. Raises NotVisible for a deleted job."""
        if self.is_started and self.watched is not None:
            if self.watched.gone:
                raise NotVisible
            if self.cursor < self.watched.seq:
                async for event in self._fill():
                    yield event

    async def _fill(self) -> AsyncIterator[EventText]:
        while True:
            events = await read(_read_events, self.job_id, self.cursor)
            for event in events:
                if event.seq != self.cursor + 1:
                    raise NotVisible  # events are gapless for as long as their job lives: it is being deleted
                self._has_had(event)
                yield event
            if len(events) < PAGE:
                return

    def _has_had(self, event: EventText) -> None:
        self.cursor = event.seq
        self._has_ended = event.is_of_ended

    def new_position(self) -> str:
        """Return the position message that this subscriber has not had; "" for none."""
        if self.watched is None or not self.is_started or self.standing_version == self.watched.standing_version:
            return ""
        self.standing_version = self.watched.standing_version
        return "" if self._has_ended else self.watched.standing_text  # computed before the end, it is no news


class StreamFeed(Feed):
    """The events of many jobs, as they come. There is no cursor to resume from: a snapshot begins it.

    After a gap that the tailer can no longer fill a new snapshot begins it again.
    """

    watched: WatchedStream | None = None

    def __init__(self, tailer: Tailer, user: Any) -> None:
        super().__init__(tailer, user)
        self.number = self._known = 0

    async def join(self, layer: Any, channel: str) -> None:
        self.watched = await self._watch()
        await layer.group_add(self.group, channel)

    async def leave(self, layer: Any, channel: str) -> None:
        if self.watched is not None:
            watched, self.watched = self.watched, None
            self.tailer.unwatch_stream(watched)
            await layer.group_discard(self.group, channel)

    def is_late(self) -> bool:
        if self.watched is None or not self.is_started or self.watched.gone:
            return True
        known, self._known = self._known, self.watched.number
        return self.number < known

    async def start(self, *, with_snapshot: bool = True) -> str:
        """Return the snapshot message. Raises NotVisible, DatabaseError."""
        assert self.watched is not None
        number = self.watched.number  # before the read: what happens meanwhile is told, not lost
        text = await self._snapshot()
        self.number = number  # not before: a read that fails is done again
        self.is_started = True
        return text

    def missed(self) -> list[str] | None:
        """Return what was told since the last call; None when that is too much: start again. Raises NotVisible."""
        if self.watched is None or not self.is_started:
            return []
        if self.watched.gone:
            raise NotVisible
        texts = self.watched.told_after(self.number)
        if texts is not None:
            self.number = self.watched.number
        return texts

    async def _watch(self) -> WatchedStream:
        raise NotImplementedError

    async def _snapshot(self) -> str:
        raise NotImplementedError


class OwnerFeed(StreamFeed):
    """All of a user's own jobs. The snapshot counts them."""

    topic = "jobs"

    def __init__(self, tailer: Tailer, user: Any) -> None:
        super().__init__(tailer, user)
        self.group = f"owner.{user.pk}"

    async def _watch(self) -> WatchedStream:
        return await self.tailer.watch_owner(self.user.pk)

    async def _snapshot(self) -> str:
        counts = await read(_count_jobs, self.user.pk)
        return to_json({"type": "snapshot", "topic": self.topic, "counts": counts})


class BatchFeed(StreamFeed):
    """A batch's parent and all of its children. The snapshot describes the parent; who sees it sees the children."""

    def __init__(self, tailer: Tailer, parent_id: uuid.UUID, user: Any) -> None:
        super().__init__(tailer, user)
        self.parent_id = parent_id
        self.topic, self.group = f"batch:{parent_id}", f"batch.{parent_id}"

    async def is_still_visible(self, user: Any) -> bool:
        return await read(_is_visible, self.parent_id, user)

    async def _watch(self) -> WatchedStream:
        return await self.tailer.watch_batch(self.parent_id)

    async def _snapshot(self) -> str:
        job, description = await read(_read_job, self.parent_id, self.user, True)
        return _job_snapshot(self.topic, job, description or {})


def _job_snapshot(topic: str, job: Job, description: dict[str, Any]) -> str:
    snapshot = {"type": "snapshot", "topic": topic, "seq": job.event_seq, "job": description}
    text = to_json(snapshot)
    if len(text) > LARGEST_DESCRIPTION:
        text = to_json(snapshot | {"job": description | {"metadata": {}}})
    return text


def _read_job(job_id: uuid.UUID, user: Any, with_description: bool) -> tuple[Job, dict[str, Any] | None]:
    job = Job.objects.visible_to(user).filter(pk=job_id).first()
    if job is None:
        raise NotVisible
    return job, describe(job) if with_description else None


def _is_visible(job_id: uuid.UUID, user: Any) -> bool:
    return Job.objects.visible_to(user).filter(pk=job_id).exists()


def _read_events(job_id: uuid.UUID, after: int) -> list[EventText]:
    events: Any = JobEvent.objects.filter(job_id=job_id, seq__gt=after).annotate(kind=F("job__kind"))
    return [
        EventText.of(job_id, event.seq, event.type, event.state, to_json(describe_event(event, event.kind)))
        for event in events.order_by("seq")[:PAGE]
    ]


def _count_jobs(owner_id: int) -> dict[str, int]:
    rows = Job.objects.filter(owner_id=owner_id).values("state").order_by().annotate(jobs=Count("pk"))
    return dict.fromkeys(State.values, 0) | {row["state"]: row["jobs"] for row in rows}


def _standing_of(job: dict[str, Any]) -> tuple[Any, ...]:
    has_eta = job["eta"] is not None
    return job["position"], job["waiting_for"] or "", job["waiting_sentence"], job["waiting_until"], has_eta
