"""What the server describes. Each has `raw`, all that was said, so also what only a newer server says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ._typed import read_as

#: A job that is in none of these is on its way.
FINISHED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class Described:
    """raw: the JSON as it came."""

    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


D = TypeVar("D", bound=Described)


@dataclass(frozen=True)
class Error:
    """Why a job failed. code: stable, for programs. message: for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Span:
    """Between which times something is expected."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class File(Described):
    """A file of a job. role: "input" or "output". size: bytes. url: None when only the name was kept."""

    id: str
    job_id: str
    role: str = ""
    name: str = ""
    size: int = 0
    media_type: str = ""
    expires_at: datetime | None = None
    url: str | None = None


@dataclass(frozen=True)
class Job(Described):
    """How a job stands, as of `as_of`.

    state: pending, queued, processing, succeeded, failed or cancelled; status: the same in the words of its kind.
    progress: 0 to 100. position: 1 is next, 0 when it does not wait. waiting_sentence: why it waits, for people. eta:
    when it ends, by how long its kind usually takes. seq: the number of its last event. children: of a batch, by how
    they stand. webhook: only in the answer to a submission that made one, with its secret.
    """

    id: str
    kind: str
    state: str
    status: str = ""
    title: str = ""
    queue: str = ""
    priority: int = 0
    user_id: str = ""
    session_id: str = ""
    parent: str | None = None
    progress: float = 0.0
    stage: str = ""
    stages: tuple[str, ...] = ()
    attempt: int = 0
    max_attempts: int = 0
    position: int = 0
    waiting_for: str | None = None
    waiting_sentence: str = ""
    waiting_until: datetime | None = None
    eta: Span | None = None
    error: Error | None = None
    cancel_requested: bool = False
    created_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    run_after: datetime | None = None
    deadline_at: datetime | None = None
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    as_of: datetime | None = None
    seq: int = 0
    children: dict[str, int] | None = None
    files: tuple[File, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    webhook: dict[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"


@dataclass(frozen=True)
class Event(Described):
    """One step of a job. seq: 1, 2, 3 … within the job. state, progress, stage: as they are from then on."""

    seq: int
    type: str
    state: str = ""
    status: str = ""
    queue_position: int | None = 0
    attempt: int = 0
    progress: float = 0.0
    stage: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True)
class Queue(Described):
    """A queue in numbers. depth: pending, queued and processing jobs. mode: running, paused or draining."""

    name: str
    depth: dict[str, int] = field(default_factory=dict)
    mode: str = ""
    accepts_jobs: bool = True
    paused: bool = False
    workers: int = 0
    oldest_due_seconds: int = 0


@dataclass(frozen=True)
class InputField(Described):
    """One field of a kind's input. type: "char", "file", "integer" … ; more of it in `raw`."""

    name: str
    type: str
    required: bool = False
    help: str = ""


@dataclass(frozen=True)
class Kind(Described):
    """What can be submitted. documentation: what it does and returns."""

    name: str
    title: str = ""
    documentation: str = ""
    queue: str = ""
    priority: int = 0
    timeout_seconds: float | None = None
    deadline_seconds: float | None = None
    max_attempts: int = 1
    stages: tuple[str, ...] = ()
    input: tuple[InputField, ...] = ()


@dataclass(frozen=True)
class Receipt(Described):
    """What stays of a deleted job."""

    job_id: str
    digest: str
    deleted_at: datetime


def parse(type: type[D], said: Any) -> D:
    """Return what the server said as one of these. Raises WrongShape."""
    value = read_as(type, said, type.__name__.lower())
    return dataclasses.replace(value, raw=said)


def parse_job(said: Any) -> Job:
    job = parse(Job, _without(said, "files"))
    files = tuple(parse(File, file | {"job_id": job.id}) for file in said.get("files", ()))
    return dataclasses.replace(job, files=files, raw=said)


def parse_kind(said: Any) -> Kind:
    kind = parse(Kind, _without(said, "input"))
    return dataclasses.replace(kind, input=tuple(parse(InputField, one) for one in said.get("input", ())), raw=said)


def _without(said: Any, name: str) -> Any:
    """Return what was said without the part that is parsed by itself."""
    return {key: value for key, value in said.items() if key != name} if isinstance(said, dict) else said
