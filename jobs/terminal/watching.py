"""Watching jobs until they have ended. Whoever stops watching stops nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Protocol, Self

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from rich.console import Console

from jobs.models import Job
from jobs.terminal.bars import Bars
from jobs.terminal.console import INTERRUPTED, NOT_ALL_SUCCEEDED, TIME_IS_OVER, is_live
from jobs.terminal.following import Following, News
from jobs.terminal.lines import JsonLines, Lines

#: How often the event log is read, and how often it is asked why jobs wait.
LOOK_SECONDS, EXPLAIN_SECONDS = 0.15, 1.0
#: How long a database that is away is left alone.
PAUSE_SECONDS = 1.0
#: Ids that fit into a command which somebody is going to copy.
FEW = 10


class View(Protocol):
    """What shows it: bars, lines or JSON."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def show(self, following: Following, news: list[News]) -> None: ...

    def notice(self, text: str, following: Following) -> None: ...

    def finish(self, following: Following, seconds: float) -> None: ...


def view_for(console: Console, *, as_json: bool, quiet: bool = False) -> View:
    """Return bars for a terminal, lines for a pipe, JSON lines for a program. quiet: only how the jobs end."""
    if as_json:
        return JsonLines(console, quiet=quiet)
    return Bars(console) if is_live(console) and not quiet else Lines(console, quiet=quiet)


def watch(following: Following, view: View, *, at_most: float | None = None) -> int:
    """Show jobs until all have ended, and return the command's exit status.

    at_most: seconds. 0: all succeeded. 1: at least one did not. 124: the time is over. 130: somebody pressed Ctrl-C;
    the jobs go on, and it says so.
    """
    began = time.monotonic()
    status = 0
    try:
        with view:
            explained_at = -EXPLAIN_SECONDS
            while True:
                now = time.monotonic()
                try:
                    news = following.look()
                    if now - explained_at >= EXPLAIN_SECONDS and not following.is_over:
                        news += following.explain()
                        explained_at = now
                except (OperationalError, InterfaceError):
                    connection.close()
                    view.notice("The database does not answer. The jobs are safe; trying again …", following)
                    time.sleep(PAUSE_SECONDS)
                    continue
                view.show(following, news)
                if following.is_over:
                    view.finish(following, time.monotonic() - began)
                    return 0 if following.all_succeeded else NOT_ALL_SUCCEEDED
                if at_most is not None and now - began >= at_most:
                    status = TIME_IS_OVER
                    break
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        status = INTERRUPTED
    return status


def how_to_go_on(jobs: Iterable[Job]) -> str:
    """Say which of the jobs go on, and with which command they can be watched again."""
    left = [job for job in jobs if not job.is_finished]
    if not left:
        return "All of the jobs had ended."
    going = f"{len(left):,} jobs go on" if len(left) > 1 else "The job goes on"
    if len(left) <= FEW:
        again = f"manage.py jobs --watch {' '.join(str(job.pk) for job in left)}"
    else:
        since = timezone.localtime(min(job.created_at for job in left) - timedelta(seconds=1))
        again = f"manage.py jobs --since {since.isoformat(timespec='seconds')}"
    return f"{going}; only the watching has ended. To see more of {'them' if len(left) > 1 else 'it'}:\n  {again}"
