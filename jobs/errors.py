"""Whose fault is it? The answer alone decides whether a job runs again.

`InvalidInput` is the caller's: it is shown to them and never retried. `Unavailable` is the world's: it is
retried with backoff. Everything else that a kind raises is our bug: the job fails with a generic message and
the traceback is kept for staff.
"""

from __future__ import annotations

from datetime import timedelta


class JobError(Exception):
    """An ending that a person may read.

    code: stable and machine-readable, lower_snake_case. message: one or two sentences that say what happened and
    what to do; it never quotes the input, because errors outlive the files they are about.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidInput(JobError):
    """The input can never succeed. Never retried; answered with 4xx when it is seen at the door."""

    code = "invalid_input"


class Unavailable(JobError):
    """Something outside our process did not answer as it should. Retried with the kind's backoff.

    retry_after: how long the other side asked us to wait, if it said so.
    """

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: timedelta | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """A limit, ours or the provider's, was reached. The job waits and its attempt is given back."""

    code = "rate_limited"


class TimedOut(Unavailable):
    """The attempt ran longer than its kind allows."""

    code = "timed_out"


class WorkerLost(Unavailable):
    """The worker died or froze and its lease ran out."""

    code = "worker_lost"


class StorageUnavailable(Unavailable):
    """A file could not be written, read or deleted, through no fault of its own."""

    sentence = ""

    def __init__(self) -> None:
        super().__init__(f"{self.sentence} Nothing was changed; try again later.")


class StorageAway(StorageUnavailable):
    """Where files are kept did not answer, or could not do what it was asked."""

    code = "storage_unavailable"
    sentence = "The storage of files did not answer."


class StorageRefused(StorageUnavailable):
    """Where files are kept would not do it for us. The operator has to look at keys and settings."""

    code = "storage_refused"
    sentence = "The storage of files refused the request; the operator has to check its settings."


class StorageFull(StorageUnavailable):
    """There is no room left for a file."""

    code = "storage_full"
    sentence = "There is no room left for files; the operator has to make some."


class Interrupt(BaseException):
    """The engine ends an attempt from outside. A BaseException, so that a kind's `except Exception` lets it through."""


class Superseded(Interrupt):
    """The fence has moved on: this attempt is no longer the job's, and nothing it writes counts."""


class CancelRequested(Interrupt):
    """Somebody asked for the job to stop."""


class TimeLimitReached(Interrupt):
    """The attempt ran for longer than its kind allows."""


class DeadlineReached(Interrupt):
    """The job as a whole should have ended by now."""


class Draining(Interrupt):
    """The worker was asked to stop and the grace time is over."""
