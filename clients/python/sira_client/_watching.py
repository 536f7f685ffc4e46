"""A job's events, each once and in order, whatever happens to the connection; and waiting, which is made of them.

A stream is as good as its connection, so it is never trusted with the end: whenever one ends, the log is read from the
last number on (`events/?after=`), which says what was missed and whether the job has ended. Then comes the next stream.

A stream gives the turn back only when something comes. So there is none when a deadline is nearer than the longest
silence: then the log is read again and again.
"""

from __future__ import annotations

import json
from typing import Any

from . import _models as models
from ._calls import JobLike, get, id_of, path_of
from ._effects import Close, Emit, Lost, Open, Read, Request, Sleep, Steps
from ._errors import JobCancelled, JobFailed, WaitTimeout, WrongShape
from ._models import FINISHED, Event, Job
from ._retries import Patience, Pauses, TimeIsUp, send
from ._sse import Frame, Frames

#: The server says something every 15 s. After this silence nobody is there, whatever TCP believes.
SILENCE_SECONDS = 25.0
#: Streams that were opened and never said anything: something on the way holds them back.
MOST_MUTE_STREAMS = 2
#: Between two looks at the log, without a stream.
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.1, 1.0
PAGE = 500
#: These answers are for the log to tell, and to wait for.
NOT_ABOUT_STREAMS = {401, 403, 404, 408, 429, 500, 502, 503, 504}


def follow(patience: Patience, job: JobLike, after: int, timeout: float | None) -> Steps[None]:
    """Emit every event after number `after`, and end when the job has ended. Raises WaitTimeout, and as `send` does."""
    until = None if timeout is None else patience.clock() + timeout
    watch = Watch(patience, job, after, until)
    try:
        yield from watch.to_the_end()
    except TimeIsUp:
        raise WaitTimeout(id_of(job), timeout or 0, watch.after) from None


def wait(patience: Patience, job: JobLike, timeout: float | None, check: bool) -> Steps[Job]:
    """Emit the job's events (of a Job: those that came after it was described) and return it when it has ended.

    check: raise JobFailed or JobCancelled unless it succeeded.
    """
    until = None if timeout is None else patience.clock() + timeout
    watch = Watch(patience, job, job.seq if isinstance(job, Job) else 0, until)
    try:
        found = job if isinstance(job, Job) else (yield from get(patience, job, until=until))
        if not isinstance(job, Job):
            watch.after = found.seq
        while True:
            if not found.is_finished:
                yield from watch.to_the_end()
            found = yield from get(patience, job, until=until)
            if found.is_finished:  # unless somebody has it run again
                break
    except TimeIsUp:
        raise WaitTimeout(id_of(job), timeout or 0, watch.after) from None
    if check and found.state == "failed":
        error = found.error or models.Error("", "")
        raise JobFailed(found.id, error.code, error.message)
    if check and found.state == "cancelled":
        raise JobCancelled(found.id)
    return found


class Watch:
    """A place in a job's log. after: the number of the last event that was emitted."""

    def __init__(self, patience: Patience, job: JobLike, after: int, until: float | None) -> None:
        self.patience, self.after, self.until = patience, after, until
        self.path = path_of(job, "events/")
        self.streams_work = True
        self.mute_streams = 0

    def to_the_end(self) -> Steps[None]:
        """Emit until the job has ended. Raises TimeIsUp."""
        reconnects, looks = Pauses(), Pauses(FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS)
        while True:
            before, streamed = self.after, self._may_stream()
            if streamed:
                yield from self._stream()
            if (yield from self._read_log()):
                return
            if self.after > before:
                reconnects.reset()
                looks.reset()
                if streamed:
                    continue
            yield from self._sleep((reconnects if streamed else looks).next())

    def _may_stream(self) -> bool:
        return self.streams_work and (self._left() is None or self._left() > SILENCE_SECONDS)  # type: ignore[operator]

    def _left(self) -> float | None:
        return None if self.until is None else self.until - self.patience.clock()

    def _sleep(self, seconds: float) -> Steps[None]:
        left = self._left()
        if left is not None and seconds >= left:
            yield Sleep(max(0.0, left))
            raise TimeIsUp
        yield Sleep(seconds)

    # --- the stream -------------------------------------------------------------------------------------------
    def _stream(self) -> Steps[None]:
        """Emit what a stream brings until it ends, breaks, or leaves something out."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.after)}
        answer = yield Open(Request("GET", self.path, headers=headers, timeout=SILENCE_SECONDS))
        if isinstance(answer, Lost):
            return
        if answer.status != 200:
            self.streams_work = answer.status in NOT_ABOUT_STREAMS
            return
        self.streams_work = answer.headers.get("content-type", "").startswith("text/event-stream")
        if self.streams_work:
            yield from self._read_stream()
        yield Close()

    def _read_stream(self) -> Steps[None]:
        frames, said = Frames(), False
        while self._may_stream():
            piece = yield Read()
            if isinstance(piece, Lost) or not piece:
                if not said and isinstance(piece, Lost) and piece.silent:
                    self.mute_streams += 1
                    self.streams_work = self.mute_streams < MOST_MUTE_STREAMS
                return
            said = True
            for frame in frames.feed(piece):
                event = _event_of(frame)
                if event is None or event.seq > self.after + 1:
                    return  # the log knows
                if event.seq == self.after + 1:
                    self.after = event.seq
                    yield Emit(event)

    # --- the log ----------------------------------------------------------------------------------------------
    def _read_log(self) -> Steps[bool]:
        """Emit what the log has after our place; return whether the job has ended."""
        while True:
            request = Request("GET", self.path, query={"after": str(self.after), "limit": str(PAGE)})
            page = yield from send(request, self.patience, repeatable=True, until=self.until)
            ended = page["job_state"] in FINISHED
            for said in page["events"]:
                event = models.parse(Event, said)
                self.after = event.seq
                ended = event.state in FINISHED and page["job_state"] in FINISHED
                yield Emit(event)
            if len(page["events"]) < PAGE:
                return ended


def _event_of(frame: Frame) -> Event | None:
    try:
        said: Any = json.loads(frame.data)
        return models.parse(Event, said)
    except (ValueError, WrongShape):
        return None
