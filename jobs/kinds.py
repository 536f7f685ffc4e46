"""`@job_kind`: what a kind of work is called, how it is run, and the registry that finds it by name.

A kind lives in its app's `tasks.py`, which is imported at start-up; nothing else has to know about it.
"""

from __future__ import annotations

import difflib
import inspect
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from jobs.states import Vocabulary

if TYPE_CHECKING:
    from jobs.models import Job

NAME = re.compile(r"^[a-z][a-z0-9]*\.[a-z][a-z0-9]*(_[a-z0-9]+)+$")


@dataclass(frozen=True)
class Backoff:
    """How often an attempt is made and how long a job waits before the next one.

    The wait after attempt n is `base * factor ** n`, at most `limit`, spread by ±`jitter` so that jobs that failed
    together do not return together. The default is 2, 4 minutes … and three attempts.
    steps: the waits one by one, instead; the last one stands for all that follow.
    """

    max_attempts: int = 3
    base: timedelta = timedelta(minutes=1)
    factor: float = 2
    limit: timedelta = timedelta(hours=6)
    jitter: float = 0.1
    steps: tuple[timedelta, ...] = ()

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1")

    def delay(self, attempt: int) -> timedelta:
        """Return how long to wait after the failed attempt number `attempt` (1-based)."""
        exponent = min(attempt, 32)  # 2**32 minutes is past every limit; more would overflow a float
        wait = min(self.base * self.factor**exponent, self.limit)
        if self.steps:
            wait = self.steps[min(attempt, len(self.steps)) - 1]
        return wait * random.uniform(1 - self.jitter, 1 + self.jitter)  # nosec B311 # no secret


class NoInput(serializers.Serializer):
    """For kinds that take nothing."""


@dataclass(frozen=True)
class JobKind:
    """One kind of work. See `job_kind` for what each option means."""

    name: str
    run: Callable[..., Any]
    input: type[serializers.Serializer]
    queue: str
    resource: str
    rate_limit: str
    timeout: timedelta
    backoff: Backoff
    priority: int
    internal: bool
    stages: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    every: timedelta | None = None
    words: Vocabulary | None = None
    mirror: Callable[[list[Job]], None] | None = None
    retention: timedelta | Mapping[str, timedelta] | None = None
    deadline: timedelta | None = None

    def word(self, state: str) -> str:
        """Return what this kind's API calls a state."""
        return self.words.word(state) if self.words else str(state)

    @property
    def title(self) -> str:
        """The first line of the docstring, for pages and the API."""
        return (inspect.getdoc(self.run) or self.name).split("\n", 1)[0]

    @property
    def documentation(self) -> str:
        return inspect.getdoc(self.run) or ""


class UnknownKind(LookupError):
    """No app declares this kind. The message names the nearest one."""


class Registry:
    """The kinds by name."""

    def __init__(self) -> None:
        self._kinds: dict[str, JobKind] = {}
        self.version = 0  # grows with every change, for those who keep what they made of the kinds

    def add(self, kind: JobKind) -> None:
        known = self._kinds.get(kind.name)
        if known is not None and (known.run.__module__, known.run.__qualname__) != (
            kind.run.__module__,
            kind.run.__qualname__,
        ):
            raise ValueError(f"kind {kind.name!r} is declared twice: {known.run.__module__} and {kind.run.__module__}")
        self._kinds[kind.name] = kind
        self.version += 1

    def remove(self, name: str) -> None:
        """Forget a kind (a test's own)."""
        self._kinds.pop(name, None)
        self.version += 1

    def get(self, name: str) -> JobKind:
        kind = self._kinds.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, self._kinds, n=1)
            hint = f", did you mean {near[0]!r}?" if near else "."
            raise UnknownKind(f"unknown kind {name!r}{hint}")
        return kind

    def find(self, name: str) -> JobKind | None:
        return self._kinds.get(name)

    def in_queues(self, queues: frozenset[str] | None) -> list[JobKind]:
        """Return the kinds of these queues; of every queue for None."""
        return [kind for kind in self._kinds.values() if queues is None or kind.queue in queues]

    def queues(self) -> list[str]:
        return sorted({kind.queue for kind in self._kinds.values()})

    def __iter__(self) -> Iterator[JobKind]:
        return iter(sorted(self._kinds.values(), key=lambda kind: kind.name))

    def __contains__(self, name: str) -> bool:
        return name in self._kinds


registry = Registry()


def job_kind(
    name: str,
    *,
    input: type[serializers.Serializer] = NoInput,
    queue: str = "default",
    resource: str = "",
    rate_limit: str = "",
    timeout: timedelta = timedelta(minutes=5),
    backoff: Backoff | None = None,
    priority: int = 5,
    internal: bool = False,
    stages: tuple[str, ...] = (),
    prepare: Callable[[], None] | None = None,
    every: timedelta | None = None,
    words: Vocabulary | None = None,
    mirror: Callable[[list[Job]], None] | None = None,
    retention: timedelta | Mapping[str, timedelta] | None = None,
    deadline: timedelta | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated function as a kind of job.

    name: `<app>.<verb>_<noun>`. input: a serializer class; it checks the input once, at the door, and its validated
    fields become the function's keyword arguments. A FileField arrives as the id of a JobFile. queue: which clusters
    serve it. resource: held while processing, e.g. "gpu" (capacities: RESOURCES setting). rate_limit: the name of a
    RateLimit; jobs wait, without a worker, while it is used up. timeout: one attempt's longest run. backoff: attempts
    and waits. priority: 0–10 when the caller names none. internal: the engine's own; not offered by the API. stages:
    the names `job.progress` will use, in order, for pages; the last one is shown when the result is stored. prepare:
    run once in each cluster before its workers are forked from it, for what is slow to load into memory; no threads,
    connections or devices. every: whole minutes; one job without input is submitted that often, unless one waits or
    runs (see `engine/schedules.py`). words: what the kind's own API calls the states; events and descriptions then say
    it as `status`. mirror: called in the transaction of every event of these jobs, with the rows as they are now, to
    keep the app's own rows level with them; it locks rows in the order of their keys, and what it raises undoes the
    event. retention: how long its jobs are kept, once they have ended, after they were due; by state, {"failed":
    timedelta(days=90)}, counted from the end (see `expiry.py`); RETENTION_DAYS, RETENTION_DAYS_FAILED and
    RETENTION_DAYS_CANCELLED for what it does not say. deadline: its jobs have ended so long after they were due, one
    way or other, unless the caller says otherwise; JOB_DEADLINE_DAYS for None.

    The function gets a `RunningJob` and returns the result, a JSON-able dict. It may run twice: the second run must
    do no harm. It raises `InvalidInput` or `Unavailable`; anything else counts as our bug.
    """
    if not NAME.match(name):
        raise ValueError(f"kind {name!r} should read <app>.<verb>_<noun>, for example 'imaging.generate_image'")
    if not 0 <= priority <= 10:
        raise ValueError(f"kind {name!r}: priority {priority} is outside 0–10")
    if every is not None and (every < timedelta(minutes=1) or every % timedelta(minutes=1)):
        raise ValueError(f"kind {name!r}: every {every} is not a number of whole minutes")

    def declare(run: Callable[..., Any]) -> Callable[..., Any]:
        registry.add(
            JobKind(
                name=name,
                run=run,
                input=input,
                queue=queue,
                resource=resource,
                rate_limit=rate_limit,
                timeout=timeout,
                backoff=backoff or Backoff(),
                priority=priority,
                internal=internal,
                stages=stages,
                prepare=prepare,
                every=every,
                words=words,
                mirror=mirror,
                retention=retention,
                deadline=deadline,
            )
        )
        return run

    return declare
