"""Plain lines for a pipe or a log, and JSON lines for programs: each event once, in order."""

from __future__ import annotations

from typing import Any, Self

from django.utils import timezone
from rich.console import Console

from jobs.api.serializers import to_json
from jobs.models import EventType, Job
from jobs.terminal import words
from jobs.terminal.console import clean, shorten
from jobs.terminal.following import Followed, Following, News, describe_news


class Lines:
    """A view of `watching.watch`: `12:01:04 0193abcd-1234 cv.pdf: started, attempt 1 of 3`.

    quiet: only how each ended.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def show(self, following: Following, news: list[News]) -> None:
        if self.quiet or not news:
            return
        short = shorten(one.id for one in following.jobs)
        for one in news:
            at = timezone.localtime(one.event.created_at if one.event is not None else None)
            about = f"{at:%H:%M:%S} {short[one.followed.id]} {one.followed.name}"
            self._write(f"{about}: {_in_words(one)}")

    def notice(self, text: str, following: Following) -> None:
        self._write(f"{timezone.localtime():%H:%M:%S} {text}")

    def finish(self, following: Following, seconds: float) -> None:
        for one in following.jobs if self.quiet else ():
            state = "deleted" if one.gone else one.job.state
            note = words.note(one.job, one.standing, timezone.now())
            self._write(" ".join(part for part in (f"{one.id} {one.name}: {state}", note) if part))
        self._write(words.ending(following.jobs, seconds))

    def _write(self, line: str) -> None:
        print(clean(line), file=self.console.file, flush=True)


class JsonLines(Lines):
    """The same for programs: objects with a `type`; the last ones are `ended`, one for each job."""

    def show(self, following: Following, news: list[News]) -> None:
        for one in () if self.quiet else news:
            self._tell(describe_news(one))

    def notice(self, text: str, following: Following) -> None:
        self._tell({"type": "notice", "message": text})

    def finish(self, following: Following, seconds: float) -> None:
        for one in following.jobs:
            self._tell({"type": "ended", **_end(one)})

    def _tell(self, said: dict[str, Any]) -> None:
        print(to_json(said), file=self.console.file, flush=True)


def _end(one: Followed) -> dict[str, Any]:
    if one.gone:
        return {"job_id": str(one.id), "state": None, "result": None, "error": None}
    job = Job.objects.get(pk=one.id)
    error = {"code": job.error_code, "message": job.error_message} if job.error_code else None
    return {"job_id": str(job.pk), "state": str(job.state), "result": job.result, "error": error}


def _in_words(news: News) -> str:
    job, event = news.followed.job, news.event
    if event is None:
        return "it was deleted" if news.followed.gone else f"waits: {news.followed.standing.sentence}"
    said = event.type.replace("_", " ")
    match event.type:
        case EventType.CREATED:
            return f"created, {event.state}" + (f", position {event.data['position']}" if _position(event) else "")
        case EventType.STARTED:
            return f"started, attempt {event.attempt} of {job.max_attempts}"
        case EventType.PROGRESS:
            return " ".join(part for part in (f"{event.progress:.0f} %", event.stage.replace("_", " ")) if part)
        case EventType.SUCCEEDED if took := job.seconds_processing:
            return f"{said} in {words.duration(took)}"
        case _:
            return said + (f": {why}" if (why := event.data.get("message") or event.data.get("reason")) else "")


def _position(event: Any) -> int:
    return int(event.data.get("position") or 0)
