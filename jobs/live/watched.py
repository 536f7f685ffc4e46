"""What the tailer knows of that which somebody watches: one job, or a stream of many jobs.

A stream numbers its events as they are seen here and keeps the last of them in a ring. A subscriber in the same process
remembers the number that it has had and takes the rest from there, so a message that is lost costs it nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jobs.live import queries
from jobs.live.queries import Seen

#: Events of a stream that are kept for subscribers who lag; who lags more gets a new snapshot.
RING = 1000
#: How long an owner's job is remembered after its last event.
REMEMBERED_SECONDS = 60.0


@dataclass
class WatchedJob:
    """One job. Its events go out whole; each subscriber has a cursor of its own."""

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


@dataclass(eq=False)
class WatchedStream:
    """The events of many jobs. `number` counts them; the ring ends with that one and has no gap."""

    id: Any
    watchers: int = 0
    gone: bool = False
    number: int = 0
    ring: deque[str] = field(default_factory=lambda: deque(maxlen=RING))
    #: job: the number of its last event that was told, and when
    known: dict[uuid.UUID, tuple[int, float]] = field(default_factory=dict)
    is_begun: bool = False
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)

    topic: ClassVar[Any]
    group: ClassVar[Any]

    def read_beginning(self) -> Any:
        """Ask the database, in a thread, where the stream stands when its first subscriber comes."""
        raise NotImplementedError

    def begin(self, found: Any) -> None:
        self.is_begun = True

    def told_up_to(self, job_id: uuid.UUID, first: int) -> int:
        """Return the number of the job's last event that was told; `first` is the lowest that a hint knows of."""
        raise NotImplementedError

    def tell(self, event: Seen) -> bool:
        """Put an event into the ring, unless it is there or was."""
        if event.seq <= self.known.get(event.job_id, (0, 0.0))[0]:
            return False
        self.known[event.job_id] = (event.seq, time.monotonic())
        self.number += 1
        self.ring.append(f'{{"type":"event","topic":"{self.topic}","job_id":"{event.job_id}","event":{event.text}}}')
        return True

    def remember(self, numbers: dict[uuid.UUID, int]) -> None:
        """Take events up to these numbers as told."""
        now = time.monotonic()
        for job_id, seq in numbers.items():
            self.known[job_id] = (max(seq, self.known.get(job_id, (0, now))[0]), now)

    def told_after(self, number: int) -> list[str] | None:
        """Return what was told after that number; None when the ring has no longer all of it."""
        missed = self.number - number
        return None if missed > len(self.ring) else [self.ring[-back] for back in range(missed, 0, -1)]

    def skip(self) -> None:
        """Leave a hole: too much happened to tell, and everybody gets a new snapshot."""
        self.number += 1
        self.ring.clear()


@dataclass(eq=False)
class WatchedOwner(WatchedStream):
    """All jobs of a user: there may be a great many, so only those that moved lately are remembered."""

    since_event: int = 0
    topic = "jobs"

    @property
    def group(self) -> str:
        return f"owner.{self.id}"

    def read_beginning(self) -> int:
        return queries.highest_event()

    def begin(self, found: int) -> None:
        self.since_event = found
        super().begin(found)

    def told_up_to(self, job_id: uuid.UUID, first: int) -> int:
        return self.known.get(job_id, (first - 1, 0.0))[0]

    def forget(self, now: float) -> None:
        old = now - REMEMBERED_SECONDS
        self.known = {job: (seq, at) for job, (seq, at) in self.known.items() if at > old}


@dataclass(eq=False)
class WatchedBatch(WatchedStream):
    """A batch's parent and all of its children. Every member is remembered, so nothing of them can be lost."""

    @property
    def topic(self) -> str:
        return f"batch:{self.id}"

    @property
    def group(self) -> str:
        return f"batch.{self.id}"

    def read_beginning(self) -> dict[uuid.UUID, int]:
        return queries.numbers_of_batch(self.id)

    def begin(self, found: dict[uuid.UUID, int]) -> None:
        # Events that came while this was read are in nobody's list yet, and whoever joins now reads the list later.
        self.remember(found)
        super().begin(found)

    def told_up_to(self, job_id: uuid.UUID, first: int) -> int:
        # A job that was not there at the beginning is a child that came later: all of its events are news.
        return self.known.get(job_id, (0 if self.is_begun else first - 1, 0.0))[0]
