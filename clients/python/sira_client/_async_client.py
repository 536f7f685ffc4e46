"""The client for asyncio. It differs from `_client` in how effects are carried out, and in nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
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


class AsyncSira:
    """`Sira` for asyncio: the same calls, to be awaited; `list` and `events` are for `async for`.

    base_url, token: else SIRA_URL and SIRA_TOKEN. timeout: seconds for each step of a request (to connect, to hear
    something). patience: seconds for which a request is tried again when the server is away; 0 for once. http: an
    httpx2.AsyncClient of your own, with the server's base_url and the header Authorization; it is yours to close.

    Every call raises ApiError for what the server refuses and Unreachable when it does not answer.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        patience: float = 120.0,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx2.AsyncClient(**options(base_url, token, timeout))
        self._is_ours = http is None
        self._patience = Patience(patience, timeout)

    async def __aenter__(self) -> AsyncSira:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._is_ours:
            await self._http.aclose()

    # --- jobs -------------------------------------------------------------------------------------------------
    async def submit(
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
        return await self._run(_calls.submit(self._patience, request))

    async def submit_many(
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
        return await self._run(_calls.submit_many(self._patience, submissions, request))

    async def get(self, job: JobLike) -> Job:
        """Return how the job stands now."""
        return await self._run(_calls.get(self._patience, job))

    def list(self, **filters: Any) -> AsyncIterator[Job]:
        """Yield jobs, newest first, page by page.

        filters: state, kind, queue (one or several), parent, session_id, user_id, since, created_after, created_before,
        owner (staff), q (a search line), limit (of one page).
        """
        return self._iterate(_calls.list_jobs(self._patience, filters))

    def events(self, job: JobLike, after: int = 0, *, timeout: float | None = None) -> AsyncIterator[Event]:
        """Yield every event after number `after`, each once and in order, until the job has ended.

        A connection that breaks is made again, and goes on after the last event. Raises WaitTimeout.
        """
        return self._iterate(_watching.follow(self._patience, job, after, timeout))

    async def wait(
        self,
        job: JobLike,
        timeout: float | None = None,
        *,
        on_progress: Callable[[Event], object] | None = None,
        check: bool = True,
    ) -> Job:
        """Wait until the job has ended and return it.

        timeout: seconds; the job goes on after a WaitTimeout. on_progress: called with each event that comes, and
        awaited if it is async. check: raise JobFailed or JobCancelled unless it succeeded.
        """
        return await self._run(_watching.wait(self._patience, job, timeout, check), on_progress)

    @overload
    async def result(self, job: JobLike) -> Any: ...
    @overload
    async def result(self, job: JobLike, type: type[T]) -> T: ...
    async def result(self, job: JobLike, type: Any = None) -> Any:
        """Return what the job has made.

        type: a dataclass, a TypedDict, list[…] or a pydantic model to read it as; else it is JSON. Raises JobFailed,
        JobCancelled; Conflict ("job_unfinished") before the end; WrongShape.
        """
        said = await self._run(_calls.result(self._patience, job))
        return said if type is None else read_as(type, said)

    async def cancel(self, job: JobLike, reason: str = "") -> Job:
        """Stop the job; a running one stops within seconds. Raises Conflict ("job_ended")."""
        return await self._run(_calls.cancel(self._patience, job, reason))

    async def retry(self, job: JobLike, reason: str = "") -> Job:
        """Run a failed or cancelled job again. Raises Conflict ("job_not_retryable")."""
        return await self._run(_calls.retry(self._patience, job, reason))

    async def delete(self, job: JobLike) -> Receipt:
        """Have a finished job forgotten, with its files, result and events. Raises Conflict ("job_unfinished")."""
        return await self._run(_calls.delete(self._patience, job))

    async def download(self, file: File, to: str | os.PathLike[str]) -> Path:
        """Save a file of a job as `to`, or in the folder `to`, and return its path. Size and SHA-256 are checked."""
        return await self._run(_downloads.download(self._patience, file, to))

    # --- the server -------------------------------------------------------------------------------------------
    async def queues(self) -> Sequence[Queue]:
        return await self._run(_calls.queues(self._patience))

    async def kinds(self) -> Sequence[Kind]:
        return await self._run(_calls.kinds(self._patience))

    # --- carrying it out --------------------------------------------------------------------------------------
    async def _run(self, steps: Steps[T], tell: Callable[[Any], object] | None = None) -> T:
        async with _Line(self._http, steps) as line:
            outcome = None
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration as end:
                    return end.value
                if isinstance(effect, Emit):
                    outcome = None
                    if tell is not None and inspect.isawaitable(told := tell(effect.value)):
                        await told
                else:
                    outcome = await line.perform(effect)

    async def _iterate(self, steps: Steps[None]) -> AsyncIterator[Any]:
        async with _Line(self._http, steps) as line:
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
                    outcome = await line.perform(effect)


class _Line:
    """Carries out the effects of some steps, and holds what is open between them; closes both."""

    def __init__(self, http: httpx2.AsyncClient, steps: Steps[Any]) -> None:
        self._http, self._steps = http, steps
        self._response: httpx2.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> _Line:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._close()
        self._steps.close()

    async def perform(self, effect: Effect) -> Answer | Lost | bytes | None:
        try:
            match effect:
                case Send(request):
                    return await self._send(request, keep_open=False)
                case Open(request):
                    return await self._send(request, keep_open=True)
                case Read():
                    return b"" if self._pieces is None else await anext(self._pieces, b"")
                case Sleep(seconds):
                    await asyncio.sleep(seconds)
                case Close():
                    await self._close()
        except httpx2.RequestError as error:
            await self._close()
            return lost(error)
        return None

    async def _send(self, request: Request, *, keep_open: bool) -> Answer:
        await self._close()
        with contextlib.ExitStack() as files:
            response = await self._http.send(prepare(self._http, request, files), stream=True)
            if keep_open and response.status_code == 200:
                self._response, self._pieces = response, response.aiter_bytes()
                return answer_of(response)
            try:
                return answer_of(response, await response.aread())
            finally:
                await response.aclose()

    async def _close(self) -> None:
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            await response.aclose()
