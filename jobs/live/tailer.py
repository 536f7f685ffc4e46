"""The tailer: one task in each web process that reads the event log for everybody who watches.

Subscribers (WebSockets, SSE) never query in a loop. They tell the tailer what they watch, and it sends what happens
to Channels groups. Those are lossy by design, so a message is a copy with a number, and each subscriber keeps its own
cursor (`feeds.py`), fills what it missed from the database and drops what it has had.

How news arrives:
- PostgreSQL: LISTEN on a connection of its own. A notification names job, number, owner and parent, so exactly the
  rows that somebody watches are read. `id > last` would skip for ever a row whose transaction commits late. Behind it
  once a second one query compares the numbers of all watched jobs; every few seconds and after a reconnect those of
  all members of watched batches are compared, and the owners' events are looked through.
- SQLite: the rows after the last id, ten times a second. There is one writer at a time, so ids appear in order.

Nobody watches: no task, no connection, no query.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, connection

from jobs.api.serializers import to_json
from jobs.live import queries
from jobs.live.database import read
from jobs.live.events import EVENT_CHANNEL, GONE_SECONDS, SIGN_SECONDS
from jobs.live.messages import EventText
from jobs.live.queries import BATCH, Seen
from jobs.live.watched import WatchedBatch, WatchedJob, WatchedOwner, WatchedStream
from jobs.metrics import process
from jobs.models import Job
from jobs.states import FINISHED, UNFINISHED

logger = logging.getLogger(__name__)

#: SQLite has no notifications: this is how old an event is when it is seen, at most.
SQLITE_POLL_SECONDS = 0.1
#: The comparison behind everything else: what it finds, a notification or a message had lost.
LOOK_SECONDS = 1.0
FIRST_LOOK_SECONDS = 0.2
#: PostgreSQL: a transaction that writes an event is over within this; owners' events are looked through so far back.
OVERLAP_SECONDS = 10.0
STREAM_LOOK_SECONDS = 5.0
#: PostgreSQL: an event that comes alone is read at once; in a rush of them reads keep this distance.
BREATH_SECONDS = 0.05
#: Positions of one queue are computed at most four times a second, and this often when nothing happens: workers
#: come and go and queues are paused without an event.
STANDINGS_EVERY_SECONDS = 0.25
STANDINGS_AT_LEAST_EVERY_SECONDS = 2.0
#: A computation may take this part of one processor: a very deep queue is numbered less often.
STANDINGS_SHARE = 0.2
#: Jobs whose events a look has found missing; of more it does not tell, but lets everybody begin again.
MOST_MISSED = 1000
#: Unknown events of one job that are told to a stream; of more likewise.
LONGEST_RANGE = 50
#: Waits between two tries to reach a database that is away.
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Hint:
    """Events of a job that are to be read: first to last. Owner and parent as far as they are known."""

    first: int
    last: int
    owner_id: int | None = None
    parent_id: uuid.UUID | None = None

    def merge(self, other: Hint) -> Hint:
        return Hint(
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            owner_id=other.owner_id or self.owner_id,
            parent_id=other.parent_id or self.parent_id,
        )


class Tailer:
    """See above. Belongs to one event loop."""

    def __init__(self) -> None:
        self.jobs: dict[uuid.UUID, WatchedJob] = {}
        self.owners: dict[int, WatchedOwner] = {}
        self.batches: dict[uuid.UUID, WatchedBatch] = {}
        self.queries = 0  # for tests: nobody watches, nothing is asked
        self._layer = get_channel_layer()
        self._task: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._reset()

    def _reset(self) -> None:
        self._wake = asyncio.Event()
        self._hints: dict[uuid.UUID, Hint] = {}
        self._read_at = 0.0
        self._touched: set[uuid.UUID] = set()
        self._dirty: set[str] = set()
        self._standings_at: dict[str, tuple[float, float]] = {}  # queue: when, how long it took
        self._last_event = 0  # SQLite: rows up to here have been read
        self._marks: deque[tuple[float, int]] = deque()  # PostgreSQL: when, highest event id
        self._next_look = 0.0
        self._next_stream_look = 0.0
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
        """Begin to tell the events of all of a user's jobs."""
        watched = self.owners.setdefault(owner_id, WatchedOwner(owner_id))
        await self._watch_stream(watched)
        return watched

    async def watch_batch(self, parent_id: uuid.UUID) -> WatchedBatch:
        """Begin to tell the events of a batch's parent and of all its children."""
        watched = self.batches.setdefault(parent_id, WatchedBatch(parent_id))
        await self._watch_stream(watched)
        return watched

    async def _watch_stream(self, watched: WatchedStream) -> None:
        watched.watchers += 1
        try:
            await self._ensure_started()
            async with watched.beginning:
                if not watched.is_begun:
                    watched.begin(await self._read(watched.read_beginning))
        except BaseException:
            self.unwatch_stream(watched)
            raise

    def unwatch_stream(self, watched: WatchedStream) -> None:
        watched.watchers -= 1
        among: dict[Any, Any] = self.owners if isinstance(watched, WatchedOwner) else self.batches
        if watched.watchers == 0 and among.get(watched.id) is watched:
            del among[watched.id]
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
            highest = await self._read(queries.highest_event)
            self._last_event = highest
            self._marks.append((time.monotonic(), highest))
            if listens:
                listening = asyncio.Event()
                self._listener = asyncio.create_task(self._listen(listening), name="tailer-listen")
                # Without it the comparison once a second still works; so a LISTEN that fails holds up nobody.
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await listening.wait()
            # What was on its way when we began to listen notified nobody, and is committed by then.
            self._next_look = time.monotonic() + FIRST_LOOK_SECONDS
            self._task = asyncio.create_task(self._run(listens), name="tailer")

    def _stop_if_idle(self) -> None:
        if not self.jobs and not self.owners and not self.batches:
            self.stop()

    def stop(self) -> None:
        for task in (self._task, self._listener):
            if task is not None:
                task.cancel()
        self._task = self._listener = None
        process.tailer_stopped(self)

    # --- the loop ---------------------------------------------------------------------------------------------

    async def _run(self, listens: bool) -> None:
        me = asyncio.current_task()
        while self._task is me:
            try:
                more = await self._step(listens)
                self._failures = 0
                process.tailer_looked(self)
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
                # Nothing to read: jobs that nobody watches have moved others along. An end is followed by a claim.
                breathes_from = self._read_at if self._hints else time.monotonic()
                await asyncio.sleep(breathes_from + BREATH_SECONDS - time.monotonic())
        self._wake.clear()

    async def _read(self, function: Any, *args: Any) -> Any:
        self.queries += 1
        return await read(function, *args)

    # --- SQLite -----------------------------------------------------------------------------------------------

    async def _read_after_last(self) -> bool:
        seen = await self._read(queries.events_after_id, self._last_event)
        if not seen:
            return False
        self._last_event = seen[-1].id
        self._dirty.update(event.queue for event in seen)
        await self._send(seen)
        return len(seen) >= BATCH

    # --- PostgreSQL -------------------------------------------------------------------------------------------

    async def _listen(self, listening: asyncio.Event) -> None:
        """Turn notifications into hints, for ever."""
        failures = 0
        me = asyncio.current_task()
        while self._listener is me:
            try:
                async with await _connect() as source, _presence(source) as say_so:
                    await source.execute(f"LISTEN {EVENT_CHANNEL}")
                    # LISTEN first, then catch up: what was committed in between is seen by one of the two.
                    self._reconnected = listening.is_set()
                    listening.set()
                    self._wake.set()
                    failures = 0
                    while True:
                        async for note in source.notifies(timeout=SIGN_SECONDS):
                            self._hint(note.payload)
                        await say_so()
            except (psycopg.Error, OSError) as error:
                logger.warning("tailer: LISTEN was interrupted (%s)", type(error).__name__)
            except ValueError:
                logger.exception("tailer: a notification that is none of ours")
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1

    def _hint(self, payload: str) -> None:
        job, number, owner, parent = payload.split(" ")
        job_id, seq, owner_id = uuid.UUID(job), int(number), int(owner) if owner else None
        parent_id = uuid.UUID(parent) if parent else None
        if job_id in self.jobs or any(self._streams_of(job_id, owner_id, parent_id)):
            self._hint_at(job_id, Hint(seq, seq, owner_id, parent_id))
        if len(self._touched) < BATCH:
            if self.jobs and not self._touched:  # it may have moved those that somebody watches along
                self._wake.set()
            self._touched.add(job_id)

    def _hint_at(self, job_id: uuid.UUID, hint: Hint) -> None:
        known = self._hints.get(job_id)
        self._hints[job_id] = known.merge(hint) if known else hint
        self._wake.set()

    def _streams_of(
        self, job_id: uuid.UUID, owner_id: int | None, parent_id: uuid.UUID | None
    ) -> Iterator[WatchedStream]:
        """Yield the watched streams that a job belongs to."""
        if owner_id in self.owners:
            yield self.owners[owner_id]
        for batch_id in (parent_id, job_id):
            if batch_id in self.batches:
                yield self.batches[batch_id]

    async def _read_hinted(self) -> bool:
        if not self._hints:
            return False
        taken = dict(itertools.islice(self._hints.items(), BATCH))
        self._read_at = time.monotonic()
        seen = await self._read(queries.events_in_ranges, [self._range(job_id, hint) for job_id, hint in taken.items()])
        for job_id in taken:  # only now: a read that failed is tried again
            if self._hints.get(job_id) == taken[job_id]:
                del self._hints[job_id]
        await self._send(seen)
        return bool(self._hints)

    def _range(self, job_id: uuid.UUID, hint: Hint) -> tuple[uuid.UUID, int, int]:
        """Return (job, after, last): what the hint tells of, and what was not told before it."""
        after = hint.first - 1
        if (watched := self.jobs.get(job_id)) is not None and 0 < watched.seq < hint.last:
            after = min(after, watched.seq)
        streams = list(self._streams_of(job_id, hint.owner_id, hint.parent_id))
        after = min([after, *(stream.told_up_to(job_id, hint.first) for stream in streams)])
        if hint.last - after > LONGEST_RANGE:  # we were away for long: watchers of the job catch up by themselves
            after = hint.last - LONGEST_RANGE
            for stream in streams:
                if stream.told_up_to(job_id, hint.first) < after:
                    stream.skip()
        return job_id, after, hint.last

    # --- the look behind it all -------------------------------------------------------------------------------

    async def _look(self, listens: bool, now: float) -> None:
        """Compare what is known with the database: lost notifications, deleted jobs, a database that was away."""
        after_break, self._reconnected = self._reconnected, False
        try:
            looked_at, batches = list(self.jobs.values()), list(self.batches.values())
            # A job that somebody begins to watch while we read was not asked for, or did not exist yet: not missing.
            known = {watched.id for watched in looked_at if watched.seq}
            known |= {batch.id for batch in batches if batch.id in batch.known}
            rows, highest = await self._read(
                queries.look_at, [*(job.id for job in looked_at), *(batch.id for batch in batches)]
            )
            for batch in batches:
                await self._notice_gone(batch, batch.id in known and batch.id not in rows)
            for watched in looked_at:
                row = rows.get(watched.id)
                await self._notice_gone(watched, row is None and watched.id in known)
                if row is None:
                    continue
                seq, state, queue = row
                watched.state, watched.queue = state, queue
                if seq > watched.seq > 0 and listens:
                    self._hint_at(watched.id, Hint(watched.seq + 1, seq))
                else:
                    watched.seq = max(seq, watched.seq)
            for owner in self.owners.values():
                owner.forget(now)
            if not listens:
                self._last_event = min(self._last_event, highest)  # a smaller database was put in its place
                return
            if after_break or now >= self._next_stream_look:
                self._next_stream_look = now + STREAM_LOOK_SECONDS
                await self._look_through_owners()
                await self._look_through_batches()
            self._marks.append((now, highest))
            while len(self._marks) > 1 and self._marks[1][0] <= now - OVERLAP_SECONDS:
                self._marks.popleft()
        except BaseException:
            self._reconnected = True
            raise

    async def _notice_gone(self, watched: WatchedJob | WatchedStream, gone: bool) -> None:
        """Let the watchers of a job that was deleted find out by themselves."""
        if gone and not watched.gone:
            await self._layer.group_send(watched.group, {"type": "live.gone", "topic": watched.topic})
        watched.gone = gone

    async def _look_through_owners(self) -> None:
        """Find the events of watched owners that no notification told of."""
        owners = {owner.id: owner for owner in self.owners.values() if owner.is_begun}
        if not owners:
            return
        since = self._marks[0][1] if self._marks else 0
        begun = {owner.id: owner.since_event for owner in owners.values()}
        found = await self._read(queries.owned_after_ids, since, begun)
        for owner in owners.values():
            self._catch_up(owner, found[owner.id])

    async def _look_through_batches(self) -> None:
        """Find the events of members of watched batches that no notification told of."""
        for batch in [batch for batch in self.batches.values() if batch.is_begun]:
            numbers = await self._read(queries.numbers_of_batch, batch.id)
            self._catch_up(batch, {job_id: (1, last) for job_id, last in numbers.items()})

    def _catch_up(self, stream: WatchedStream, found: dict[uuid.UUID, tuple[int, int]]) -> None:
        """Have told what a look has found (job: first and last number) and what was not told yet."""
        missing = {
            job_id: Hint(told + 1, last)
            for job_id, (first, last) in found.items()
            if (told := stream.told_up_to(job_id, first)) < last
        }
        if len(missing) > MOST_MISSED:
            stream.skip()
            stream.remember({job_id: hint.last for job_id, hint in missing.items()})
            return
        owner_id, parent_id = (stream.id, None) if isinstance(stream, WatchedOwner) else (None, stream.id)
        for job_id, hint in missing.items():
            self._hint_at(job_id, replace(hint, owner_id=owner_id, parent_id=parent_id))

    # --- to the subscribers -----------------------------------------------------------------------------------

    async def _send(self, seen: list[Seen]) -> None:
        now = time.time()
        for event in seen:
            process.event_age.observe(max(0.0, now - event.created_at.timestamp()))
        await self._send_to_jobs(seen)
        streams: set[WatchedStream] = set()
        for event in seen:
            for stream in self._streams_of(event.job_id, event.owner_id, event.parent_id):
                if stream.tell(event):
                    streams.add(stream)
        for stream in streams:
            # No more than a nudge: the ring is at hand for them all.
            await self._layer.group_send(stream.group, {"type": "live.more", "topic": stream.topic})

    async def _send_to_jobs(self, seen: list[Seen]) -> None:
        by_job: dict[uuid.UUID, list[EventText]] = {}
        for event in seen:
            watched = self.jobs.get(event.job_id)
            if watched is None:
                continue
            if event.seq > watched.seq or not watched.state:
                watched.seq, watched.state, watched.queue = event.seq, event.state, event.queue
            if event.queue and event.type != "progress":
                self._dirty.add(event.queue)
            text = EventText.of(watched.id, event.seq, event.type, event.state, event.text)
            by_job.setdefault(event.job_id, []).append(text)
        for job_id, events in by_job.items():
            watched = self.jobs.get(job_id)
            if watched is not None:
                message = {"type": "live.events", "topic": watched.topic, "events": events}
                await self._layer.group_send(watched.group, message)

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
            self._dirty |= queues if len(touched) >= BATCH else await self._read(queries.queues_of, list(touched))
            due = [queue for queue in queues if self._standings_due(queue) <= now]
        for queue in due:
            self._dirty.discard(queue)
            begun = time.monotonic()
            wanted = [job.id for job in self.jobs.values() if job.queue == queue and job.state in UNFINISHED]
            for job_id, state, standing, described in await self._read(queries.standings, wanted):
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


async def _connect() -> psycopg.AsyncConnection:
    params = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        params.pop(django_only, None)
    params.setdefault("connect_timeout", 5)
    params.setdefault("application_name", "sira tailer")
    # A host that vanished without a word would otherwise be listened to for hours.
    params |= {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
    return await psycopg.AsyncConnection.connect(**params, autocommit=True)


@asynccontextmanager
async def _presence(source: psycopg.AsyncConnection) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Let everybody know that somebody listens here. Yields what says so again: every SIGN_SECONDS is enough."""
    name = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"

    async def say_so() -> None:
        await source.execute(
            "INSERT INTO jobs_listener (name, heard_at) VALUES (%s, statement_timestamp()) "
            "ON CONFLICT (name) DO UPDATE SET heard_at = EXCLUDED.heard_at",
            [name],
        )

    gone = f"heard_at < statement_timestamp() - interval '{GONE_SECONDS} seconds'"
    await source.execute(f"DELETE FROM jobs_listener WHERE {gone}")
    await say_so()
    try:
        yield say_so
    finally:
        with suppress(psycopg.Error, OSError):  # a row that stays is passed over before long
            await source.execute("DELETE FROM jobs_listener WHERE name = %s", [name])
