"""The tailer: one task in each web process that reads the event log for everybody who watches.

Subscribers (WebSockets, SSE) never query in a loop. They tell the tailer what they watch, and it sends what happens
to Channels groups. Those are lossy by design, so a message is a copy with a number, and each subscriber keeps its own
cursor (`feeds.py`), fills what it missed from the database and drops what it has had.

How news arrives:
- PostgreSQL: LISTEN on a connection of its own. A notification names job, number and owner, so exactly the rows that
  somebody watches are read. `id > last` would skip for ever a row whose transaction commits late. Behind it once a
  second one query compares the numbers of all watched jobs; after a reconnect the owners' events are looked through.
- SQLite: the rows after the last id, ten times a second. There is one writer at a time, so ids appear in order.

Nobody watches: no task, no connection, no query.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F, Max, Q

from jobs.api.serializers import describe_event, describe_standing, to_json
from jobs.live.database import read
from jobs.live.events import EVENT_CHANNEL
from jobs.models import Job, JobEvent
from jobs.positions import explain_many
from jobs.states import FINISHED, UNFINISHED

logger = logging.getLogger(__name__)

#: SQLite has no notifications: this is how old an event is when it is seen, at most.
SQLITE_POLL_SECONDS = 0.1
#: The comparison behind everything else: what it finds, a notification or a message had lost.
LOOK_SECONDS = 1.0
#: PostgreSQL: a transaction that writes an event is over within this; owners' events are looked through so far back.
OVERLAP_SECONDS = 10.0
OWNER_LOOK_SECONDS = 5.0
#: Positions of one queue are computed at most four times a second, and this often when nothing happens: workers
#: come and go and queues are paused without an event.
STANDINGS_EVERY_SECONDS = 0.25
STANDINGS_AT_LEAST_EVERY_SECONDS = 2.0
#: A computation may take this part of one processor: a very deep queue is numbered less often.
STANDINGS_SHARE = 0.1
#: Rows of one read. A subscriber that is further behind than this catches up by itself.
BATCH = 500
#: Events of an owner that are kept for subscribers who lag; who lags more gets a new snapshot.
RING = 1000
#: Waits between two tries to reach a database that is away.
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0)


@dataclass
class WatchedJob:
    """What the tailer knows of a job that somebody watches."""

    id: uuid.UUID
    watchers: int = 0
    seq: int = 0
    state: str = ""
    queue: str = ""
    gone: bool = False
    standing: Any = None
    standing_version: int = 0
    standing_text: str = ""

    @property
    def group(self) -> str:
        return f"job.{self.id}"

    @property
    def topic(self) -> str:
        return f"job:{self.id}"


@dataclass
class WatchedOwner:
    """What the tailer knows of a user who watches all of their jobs. `number` counts events as they are seen here."""

    id: int
    watchers: int = 0
    number: int = 0
    ring: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=RING))
    since_event: int = 0
    known: dict[uuid.UUID, tuple[int, float]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return f"owner.{self.id}"

    def skip(self) -> None:
        """Leave a hole: too much happened to tell, and everybody gets a new snapshot."""
        self.number += 1
        self.ring.clear()


@dataclass(frozen=True)
class Seen:
    """One event as it was read."""

    id: int
    job_id: uuid.UUID
    seq: int
    type: str
    state: str
    owner_id: int | None
    queue: str
    text: str


class Tailer:
    """See above. Belongs to one event loop."""

    def __init__(self) -> None:
        self.jobs: dict[uuid.UUID, WatchedJob] = {}
        self.owners: dict[int, WatchedOwner] = {}
        self.queries = 0  # for tests: nobody watches, nothing is asked
        self._layer = get_channel_layer()
        self._task: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._reset()

    def _reset(self) -> None:
        self._wake = asyncio.Event()
        self._hints: dict[uuid.UUID, tuple[int, int, int | None]] = {}  # job: first, last number, owner
        self._touched: set[uuid.UUID] = set()
        self._dirty: set[str] = set()
        self._standings_at: dict[str, tuple[float, float]] = {}  # queue: when, how long it took
        self._last_event = 0  # SQLite: rows up to here have been read
        self._marks: deque[tuple[float, int]] = deque()  # PostgreSQL: when, highest event id
        self._next_look = 0.0
        self._next_owner_look = 0.0
        self._reconnected = False
        self._failures = 0

    # --- subscribers come and go ------------------------------------------------------------------------------

    async def watch_job(self, job_id: uuid.UUID) -> WatchedJob:
        """Begin to send a job's events to its group. What is committed after this returns is sent."""
        watched = self.jobs.setdefault(job_id, WatchedJob(job_id))
        watched.watchers += 1
        try:
            await self._ensure_started()
        except BaseException:
            self.unwatch_job(watched)
            raise
        return watched

    def unwatch_job(self, watched: WatchedJob) -> None:
        watched.watchers -= 1
        if watched.watchers == 0 and self.jobs.get(watched.id) is watched:
            del self.jobs[watched.id]
            self._stop_if_idle()

    async def watch_owner(self, owner_id: int) -> WatchedOwner:
        """Begin to send the events of all of a user's jobs to their group."""
        watched = self.owners.setdefault(owner_id, WatchedOwner(owner_id))
        watched.watchers += 1
        try:
            await self._ensure_started()
            if watched.watchers == 1:
                watched.since_event = await self._read(_highest_event)
        except BaseException:
            self.unwatch_owner(watched)
            raise
        return watched

    def unwatch_owner(self, watched: WatchedOwner) -> None:
        watched.watchers -= 1
        if watched.watchers == 0 and self.owners.get(watched.id) is watched:
            del self.owners[watched.id]
            self._stop_if_idle()

    def saw(self, watched: WatchedJob, job: Job, standing: Any = None) -> None:
        """Learn from a subscriber's own read of the job's row."""
        if job.event_seq >= watched.seq:
            watched.seq, watched.state, watched.queue = job.event_seq, job.state, job.queue
            if standing is not None and watched.standing is None:
                watched.standing = standing

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _ensure_started(self) -> None:
        async with self._starting:
            if self.is_running:
                return
            self.stop()  # what a start that was cut short has left
            self._reset()
            listens = connection.vendor == "postgresql"
            highest = await self._read(_highest_event)
            self._last_event = highest
            self._marks.append((time.monotonic(), highest))
            if listens:
                listening = asyncio.Event()
                self._listener = asyncio.create_task(self._listen(listening), name="tailer-listen")
                # Without it the comparison once a second still works; so a LISTEN that fails holds up nobody.
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await listening.wait()
            self._task = asyncio.create_task(self._run(listens), name="tailer")

    def _stop_if_idle(self) -> None:
        if not self.jobs and not self.owners:
            self.stop()

    def stop(self) -> None:
        for task in (self._task, self._listener):
            if task is not None:
                task.cancel()
        self._task = self._listener = None

    # --- the loop ---------------------------------------------------------------------------------------------

    async def _run(self, listens: bool) -> None:
        me = asyncio.current_task()
        while self._task is me:
            try:
                more = await self._step(listens)
                self._failures = 0
                if not more:
                    await self._pause(listens)
            except (DatabaseError, InterfaceError) as error:
                if self._failures == 0:
                    logger.warning("tailer: the database is away (%s)", type(error).__name__)
                await self._back_off()
            except Exception:
                logger.exception("tailer")
                await self._back_off()

    async def _back_off(self) -> None:
        self._reconnected = True
        await asyncio.sleep(BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)])
        self._failures += 1

    async def _step(self, listens: bool) -> bool:
        """Read and send what is new. Returns whether there is more already."""
        if listens:
            more = await self._read_hinted()
        else:
            more = await self._read_after_last()
        now = time.monotonic()
        if now >= self._next_look or self._reconnected:
            self._next_look = now + LOOK_SECONDS
            await self._look(listens, now)
        await self._push_standings()
        return more

    async def _pause(self, listens: bool) -> None:
        now = time.monotonic()
        until = min([self._next_look, *(self._standings_due(queue) for queue in self._waiting_queues())])
        if not listens:
            await asyncio.sleep(max(0.0, min(SQLITE_POLL_SECONDS, until - now)))
            return
        # Not `wait_for`: Python 3.11's forgets that it was cancelled when what it waits for comes at the same moment.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        self._wake.clear()

    async def _read(self, function: Any, *args: Any) -> Any:
        self.queries += 1
        return await read(function, *args)

    # --- SQLite -----------------------------------------------------------------------------------------------

    async def _read_after_last(self) -> bool:
        seen = await self._read(_events_after_id, self._last_event)
        if not seen:
            return False
        self._last_event = seen[-1].id
        self._dirty.update(event.queue for event in seen)
        for event in seen:
            owner = self.owners.get(event.owner_id or 0)
            if owner is not None:
                owner.known[event.job_id] = (event.seq, time.monotonic())
        await self._send(seen, owned=seen)
        return len(seen) >= BATCH

    # --- PostgreSQL -------------------------------------------------------------------------------------------

    async def _listen(self, listening: asyncio.Event) -> None:
        """Turn notifications into hints, for ever."""
        failures = 0
        me = asyncio.current_task()
        while self._listener is me:
            try:
                async with await _connect() as source:
                    await source.execute(f"LISTEN {EVENT_CHANNEL}")
                    # LISTEN first, then catch up: what was committed in between is seen by one of the two.
                    self._reconnected = listening.is_set()
                    listening.set()
                    self._wake.set()
                    failures = 0
                    async for note in source.notifies():
                        self._hint(note.payload)
            except (psycopg.Error, OSError) as error:
                logger.warning("tailer: LISTEN was interrupted (%s)", type(error).__name__)
            except ValueError:
                logger.exception("tailer: a notification that is none of ours")
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1

    def _hint(self, payload: str) -> None:
        job, number, owner = payload.split(" ")
        job_id, seq, owner_id = uuid.UUID(job), int(number), int(owner) if owner else None
        if job_id in self.jobs or owner_id in self.owners:
            self._hint_at(job_id, seq, seq, owner_id)
        if len(self._touched) < BATCH:
            self._touched.add(job_id)

    def _hint_at(self, job_id: uuid.UUID, first: int, last: int, owner_id: int | None = None) -> None:
        known_first, known_last, known_owner = self._hints.get(job_id, (first, last, None))
        self._hints[job_id] = (min(first, known_first), max(last, known_last), owner_id or known_owner)
        self._wake.set()

    async def _read_hinted(self) -> bool:
        if not self._hints:
            return False
        taken = dict(list(self._hints.items())[:50])
        ranges: list[tuple[uuid.UUID, int, int]] = []
        for job_id, (first, last, owner_id) in taken.items():
            after = first - 1
            if (watched := self.jobs.get(job_id)) is not None and watched.seq:
                after = min(after, watched.seq) if watched.seq < last else after
            owner = self.owners.get(owner_id or 0)
            if owner is not None and job_id in owner.known:
                after = min(after, owner.known[job_id][0])
            if last - after > BATCH // 10:  # they were away for long: watchers of the job catch up by themselves
                after = last - BATCH // 10
                if owner is not None:
                    owner.skip()
            ranges.append((job_id, after, last))
        seen = await self._read(_events_in_ranges, ranges)
        for job_id in taken:  # only now: a read that failed is tried again
            if self._hints.get(job_id) == taken[job_id]:
                del self._hints[job_id]
        owned = []
        for event in seen:
            owner = self.owners.get(event.owner_id or 0)
            if owner is not None and event.seq > owner.known.get(event.job_id, (0, 0.0))[0]:
                owner.known[event.job_id] = (event.seq, time.monotonic())
                owned.append(event)
        await self._send(seen, owned)
        return bool(self._hints)

    # --- the look behind it all -------------------------------------------------------------------------------

    async def _look(self, listens: bool, now: float) -> None:
        """Compare what is known with the database: lost notifications, deleted jobs, a database that was away."""
        after_break, self._reconnected = self._reconnected, False
        try:
            looked_at = list(self.jobs.values())
            # A job that somebody begins to watch while we read was not asked for, or did not exist yet: not missing.
            known = {watched.id for watched in looked_at if watched.seq}
            rows, highest = await self._read(_look_at, [watched.id for watched in looked_at])
            for watched in looked_at:
                row = rows.get(watched.id)
                if row is None:
                    # Not there, or it was deleted: its watchers find out by themselves.
                    if not watched.gone and watched.id in known:
                        watched.gone = True
                        await self._layer.group_send(watched.group, {"type": "live.gone", "topic": watched.topic})
                    continue
                seq, state, queue = row
                watched.state, watched.queue = state, queue
                watched.gone = False
                if seq > watched.seq > 0 and listens:
                    self._hint_at(watched.id, watched.seq + 1, seq)
                else:
                    watched.seq = max(seq, watched.seq)
            if not listens:
                self._last_event = min(self._last_event, highest)  # a smaller database was put in its place
                return
            if self.owners and (after_break or now >= self._next_owner_look):
                self._next_owner_look = now + OWNER_LOOK_SECONDS
                await self._look_through_owners(now)
            self._marks.append((now, highest))
            while len(self._marks) > 1 and self._marks[1][0] <= now - OVERLAP_SECONDS:
                self._marks.popleft()
        except BaseException:
            self._reconnected = True
            raise

    async def _look_through_owners(self, now: float) -> None:
        """Find the events of watched owners that no notification told of."""
        since = self._marks[0][1] if self._marks else 0
        rows = await self._read(_owned_after_id, since, list(self.owners))
        if len(rows) >= BATCH:
            for owner in self.owners.values():
                owner.skip()
            return
        for event_id, job_id, seq, owner_id in rows:
            watched = self.owners.get(owner_id)
            if watched is None or event_id <= watched.since_event or seq <= watched.known.get(job_id, (0, 0.0))[0]:
                continue
            self._hint_at(job_id, seq, seq, owner_id)
        for owner in self.owners.values():
            old = now - 6 * OVERLAP_SECONDS
            owner.known = {job: (seq, at) for job, (seq, at) in owner.known.items() if at > old}

    # --- to the subscribers -----------------------------------------------------------------------------------

    async def _send(self, seen: list[Seen], owned: Iterable[Seen]) -> None:
        by_job: dict[uuid.UUID, list[list[Any]]] = {}
        for event in seen:
            watched = self.jobs.get(event.job_id)
            if watched is None:
                continue
            if event.seq > watched.seq or not watched.state:
                watched.seq, watched.state, watched.queue = event.seq, event.state, event.queue
            if event.queue and event.type != "progress":
                self._dirty.add(event.queue)
            by_job.setdefault(event.job_id, []).append([event.seq, event.type, event.state, event.text])
        for job_id, events in by_job.items():
            watched = self.jobs.get(job_id)
            if watched is not None:
                message = {"type": "live.events", "topic": watched.topic, "events": events}
                await self._layer.group_send(watched.group, message)
        by_owner: dict[int, list[list[Any]]] = {}
        for event in owned:
            owner = self.owners.get(event.owner_id or 0)
            if owner is None:
                continue
            owner.number += 1
            text = f'{{"type":"event","topic":"jobs","job_id":"{event.job_id}","event":{event.text}}}'
            owner.ring.append((owner.number, text))
            by_owner.setdefault(owner.id, []).append([owner.number, text])
        for owner_id, entries in by_owner.items():
            message = {"type": "live.events", "topic": "jobs", "events": entries}
            await self._layer.group_send(f"owner.{owner_id}", message)

    # --- where watched jobs stand -----------------------------------------------------------------------------

    def _waiting_queues(self) -> set[str]:
        return {job.queue for job in self.jobs.values() if job.queue and job.state in UNFINISHED}

    def _standings_due(self, queue: str) -> float:
        at, took = self._standings_at.get(queue, (0.0, 0.0))
        if queue in self._dirty or self._touched:
            return at + max(STANDINGS_EVERY_SECONDS, took / STANDINGS_SHARE)
        return at + max(STANDINGS_AT_LEAST_EVERY_SECONDS, took / STANDINGS_SHARE)

    async def _push_standings(self) -> None:
        """Send where watched jobs stand when that has changed: one computation a queue, for all its watchers."""
        queues = self._waiting_queues()
        now = time.monotonic()
        due = [queue for queue in queues if self._standings_due(queue) <= now]
        if not due:
            if not queues:
                self._touched.clear()
                self._dirty.clear()
            return
        if self._touched:
            touched, self._touched = self._touched, set()
            self._dirty |= queues if len(touched) >= BATCH else await self._read(_queues_of, list(touched))
            due = [queue for queue in queues if self._standings_due(queue) <= now]
        for queue in due:
            self._dirty.discard(queue)
            begun = time.monotonic()
            wanted = [job.id for job in self.jobs.values() if job.queue == queue and job.state in UNFINISHED]
            for job_id, state, standing, described in await self._read(_standings, wanted):
                watched = self.jobs.get(job_id)
                if watched is None or standing == watched.standing or state in FINISHED:
                    continue
                watched.standing = standing
                watched.standing_version += 1
                watched.standing_text = to_json({"type": "position", "topic": watched.topic, **described})
                await self._layer.group_send(watched.group, {"type": "live.position", "topic": watched.topic})
            self._standings_at[queue] = (now, time.monotonic() - begun)


_tailers: WeakKeyDictionary[asyncio.AbstractEventLoop, Tailer] = WeakKeyDictionary()


def get_tailer() -> Tailer:
    """Return the tailer of the running event loop: one for a web process."""
    loop = asyncio.get_running_loop()
    if loop not in _tailers:
        _tailers[loop] = Tailer()
    return _tailers[loop]


# --- what is asked of the database, in a thread ---------------------------------------------------------------


async def _connect() -> psycopg.AsyncConnection:
    params = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        params.pop(django_only, None)
    params.setdefault("connect_timeout", 5)
    params.setdefault("application_name", "sira tailer")
    # A host that vanished without a word would otherwise be listened to for hours.
    params |= {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
    return await psycopg.AsyncConnection.connect(**params, autocommit=True)


def _highest_event() -> int:
    return JobEvent.objects.aggregate(highest=Max("id"))["highest"] or 0


def _events() -> Any:
    return JobEvent.objects.annotate(owner_id=F("job__owner_id"), queue=F("job__queue"))


def _seen(event: Any) -> Seen:
    return Seen(
        id=event.pk,
        job_id=event.job_id,
        seq=event.seq,
        type=event.type,
        state=event.state,
        owner_id=event.owner_id,
        queue=event.queue,
        text=to_json(describe_event(event)),
    )


def _events_after_id(last: int) -> list[Seen]:
    return [_seen(event) for event in _events().filter(id__gt=last).order_by("id")[:BATCH]]


def _events_in_ranges(ranges: list[tuple[uuid.UUID, int, int]]) -> list[Seen]:
    wanted = Q()
    for job_id, after, last in ranges:
        wanted |= Q(job_id=job_id, seq__gt=after, seq__lte=last)
    return [_seen(event) for event in _events().filter(wanted).order_by("job_id", "seq")]


def _owned_after_id(last: int, owners: list[int]) -> list[tuple[int, uuid.UUID, int, int]]:
    rows = JobEvent.objects.filter(id__gt=last, job__owner_id__in=owners).order_by("id")
    return list(rows.values_list("id", "job_id", "seq", "job__owner_id")[:BATCH])


def _look_at(jobs: list[uuid.UUID]) -> tuple[dict[uuid.UUID, tuple[int, str, str]], int]:
    rows: dict[uuid.UUID, tuple[int, str, str]] = {}
    for start in range(0, len(jobs), BATCH):
        found = Job.objects.filter(pk__in=jobs[start : start + BATCH])
        rows |= {pk: rest for pk, *rest in found.values_list("pk", "event_seq", "state", "queue")}  # type: ignore[misc]
    return rows, _highest_event()


def _queues_of(jobs: list[uuid.UUID]) -> set[str]:
    return set(Job.objects.filter(pk__in=jobs).order_by().values_list("queue", flat=True).distinct())


#: What makes two standings the same: an ETA alone moves with every second.
Standing = tuple[int, str, str, datetime | None]


def _standings(wanted: list[uuid.UUID]) -> list[tuple[uuid.UUID, str, Standing, dict[str, Any]]]:
    found = []
    for start in range(0, len(wanted), BATCH):
        rows = Job.objects.filter(pk__in=wanted[start : start + BATCH])
        jobs = {job.pk: job for job in rows.defer("input", "result", "metadata", "error_traceback")}
        for pk, standing in explain_many(jobs.values()).items():
            key = (standing.position, standing.waiting_for, standing.sentence, standing.until)
            found.append((pk, jobs[pk].state, key, describe_standing(standing)))
    return found
