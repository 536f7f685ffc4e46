"""The client for ordinary code: what `_calls`, `_watching` and `_downloads` ask for is carried out here."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, overload

import httpx2

from . import _calls, _downloads, _watching
from ._calls import JobLike
from ._effects import Answer, Close, Effect, Emit, Lost, Open, Read, Request, Send, Sleep, Steps
from ._http import answer_of, lost, options, prepare
from ._models import Event, File, Job, Kind, Queue, Receipt
from ._retries import Patience
from ._submissions import Submission, request_of, request_of_many
from ._typed import read_as
from ._uploads import FileLike

T = TypeVar("T")


class Sira:
    """A client of one server, as one user. Threads may share it.

    base_url, token: else SIRA_URL and SIRA_TOKEN. timeout: seconds for each step of a request (to connect, to hear
    something). patience: seconds for which a request is tried again when the server is away; 0 for once. http: an
    httpx2.Client of your own, with the server's base_url and the header Authorization; it is yours to close.

    Every call raises ApiError for what the server refuses and Unreachable when it does not answer.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        patience: float = 120.0,
        http: httpx2.Client | None = None,
    ) -> None:
        self._http = http or httpx2.Client(**options(base_url, token, timeout))
        self._is_ours = http is None
        self._patience = Patience(patience, timeout)

    def __enter__(self) -> Sira:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if self._is_ours:
            self._http.close()

    # --- jobs -------------------------------------------------------------------------------------------------
    def submit(
        self,
        kind: str,
        input: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, FileLike | Sequence[FileLike]] | None = None,
        priority: int | None = None,
        run_after: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        user_id: str = "",
        session_id: str = "",
        webhook_url: str = "",
        cancel_after: timedelta | float | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit one job and return it.

        files: by the input field that takes them; a list where it takes many. priority: 0 to 10, 10 first. run_after:
        not before this, with a time zone. user_id, session_id: labels of yours. cancel_after: seconds from when it
        is due to when it fails unless it has ended. idempotency_key: made for each call when you give none, so that a
        submission whose answer got lost is never doubled; give one to be able to call again later.
        """
        submission = Submission(
            kind,
            input or {},
            priority=priority,
            run_after=run_after,
            metadata=metadata or {},
            user_id=user_id,
            session_id=session_id,
            webhook_url=webhook_url,
        )
        request = request_of(submission, files=files, cancel_after=cancel_after, idempotency_key=idempotency_key)
        return self._run(_calls.submit(self._patience, request))

    def submit_many(
        self,
        submissions: Iterable[Submission],
        *,
        cancel_after: timedelta | float | None = None,
        idempotency_key: str | None = None,
    ) -> Sequence[Job]:
        """Submit up to 1,000 jobs at once, all of them or none; return them in the same order.

        What is wrong is named by its number ("jobs.3.input.text"). Of each job only id, kind and state are told.
        """
        submissions = [*submissions]
        request = request_of_many(submissions, cancel_after=cancel_after, idempotency_key=idempotency_key)
        return self._run(_calls.submit_many(self._patience, submissions, request))

    def get(self, job: JobLike) -> Job:
        """Return how the job stands now."""
        return self._run(_calls.get(self._patience, job))

    def list(self, **filters: Any) -> Iterator[Job]:
        """Yield jobs, newest first, page by page.

        filters: state, kind, queue (one or several), parent, session_id, user_id, since, created_after, created_before,
        owner (staff), q (a search line), limit (of one page).
        """
        return self._iterate(_calls.list_jobs(self._patience, filters))

    def events(self, job: JobLike, after: int = 0, *, timeout: float | None = None) -> Iterator[Event]:
        """Yield every event after number `after`, each once and in order, until the job has ended.

        A connection that breaks is made again, and goes on after the last event. Raises WaitTimeout.
        """
        return self._iterate(_watching.follow(self._patience, job, after, timeout))

    def wait(
        self,
        job: JobLike,
        timeout: float | None = None,
        *,
        on_progress: Callable[[Event], object] | None = None,
        check: bool = True,
    ) -> Job:
        """Wait until the job has ended and return it.

        timeout: seconds; the job goes on after a WaitTimeout. on_progress: called with each event that comes. check:
        raise JobFailed or JobCancelled unless it succeeded.
        """
        return self._run(_watching.wait(self._patience, job, timeout, check), on_progress)

    @overload
    def result(self, job: JobLike) -> Any: ...
    @overload
    def result(self, job: JobLike, type: type[T]) -> T: ...
    def result(self, job: JobLike, type: Any = None) -> Any:
        """Return what the job has made.

        type: a dataclass, a TypedDict, list[…] or a pydantic model to read it as; else it is JSON. Raises JobFailed,
        JobCancelled; Conflict ("job_unfinished") before the end; WrongShape.
        """
        said = self._run(_calls.result(self._patience, job))
        return said if type is None else read_as(type, said)

    def cancel(self, job: JobLike, reason: str = "") -> Job:
        """Stop the job; a running one stops within seconds. Raises Conflict ("job_ended")."""
        return self._run(_calls.cancel(self._patience, job, reason))

    def retry(self, job: JobLike, reason: str = "") -> Job:
        """Run a failed or cancelled job again. Raises Conflict ("job_not_retryable")."""
        return self._run(_calls.retry(self._patience, job, reason))

    def delete(self, job: JobLike) -> Receipt:
        """Have a finished job forgotten, with its files, result and events. Raises Conflict ("job_unfinished")."""
        return self._run(_calls.delete(self._patience, job))

    def download(self, file: File, to: str | os.PathLike[str]) -> Path:
        """Save a file of a job as `to`, or in the folder `to`, and return its path. Size and SHA-256 are checked."""
        return self._run(_downloads.download(self._patience, file, to))

    # --- the server -------------------------------------------------------------------------------------------
    def queues(self) -> Sequence[Queue]:
        return self._run(_calls.queues(self._patience))

    def kinds(self) -> Sequence[Kind]:
        return self._run(_calls.kinds(self._patience))

    # --- carrying it out --------------------------------------------------------------------------------------
    def _run(self, steps: Steps[T], tell: Callable[[Any], object] | None = None) -> T:
        with _Line(self._http, steps) as line:
            outcome = None
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration as end:
                    return end.value
                if isinstance(effect, Emit):
                    outcome = None
                    if tell is not None:
                        tell(effect.value)
                else:
                    outcome = line.perform(effect)

    def _iterate(self, steps: Steps[None]) -> Iterator[Any]:
        with _Line(self._http, steps) as line:
            outcome = None
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration:
                    return
                if isinstance(effect, Emit):
                    outcome = None
                    yield effect.value
                else:
                    outcome = line.perform(effect)


class _Line:
    """Carries out the effects of some steps, and holds what is open between them; closes both."""

    def __init__(self, http: httpx2.Client, steps: Steps[Any]) -> None:
        self._http, self._steps = http, steps
        self._response: httpx2.Response | None = None
        self._pieces: Iterator[bytes] = iter(())

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()
        self._steps.close()

    def perform(self, effect: Effect) -> Answer | Lost | bytes | None:
        try:
            match effect:
                case Send(request):
                    return self._send(request, keep_open=False)
                case Open(request):
                    return self._send(request, keep_open=True)
                case Read():
                    return next(self._pieces, b"")
                case Sleep(seconds):
                    time.sleep(seconds)
                case Close():
                    self._close()
        except httpx2.RequestError as error:
            self._close()
            return lost(error)
        return None

    def _send(self, request: Request, *, keep_open: bool) -> Answer:
        self._close()
        with contextlib.ExitStack() as files:
            response = self._http.send(prepare(self._http, request, files), stream=True)
            if keep_open and response.status_code == 200:
                self._response, self._pieces = response, response.iter_bytes()
                return answer_of(response)
            try:
                return answer_of(response, response.read())
            finally:
                response.close()

    def _close(self) -> None:
        response, self._response, self._pieces = self._response, None, iter(())
        if response is not None:
            response.close()
