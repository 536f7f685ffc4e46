"""What is said of a job in a few words: the same in bars, lines and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from jobs.models import Job
from jobs.positions import Explanation
from jobs.states import State
from jobs.terminal.following import Followed

#: Named colours of the terminal's own palette, so that they can be read on light and on dark.
STYLES = {
    State.PENDING: "cyan",
    State.QUEUED: "blue",
    State.PROCESSING: "yellow",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "magenta",
}


def note(job: Job, standing: Explanation, now: datetime) -> str:
    """Say what a person wants to know next: why it waits, what it does and until when, or how it ended."""
    if job.state == State.SUCCEEDED:
        return _took(job)
    if job.state == State.FAILED:
        return job.error_message or job.error_code
    if job.state == State.CANCELLED:
        return "stopped because somebody asked for it"
    parts = [part for part in (_doing(job, now), standing.sentence.removesuffix(".")) if part]
    if standing.until is not None and standing.until > now:
        parts.append(f"until {timezone.localtime(standing.until):%H:%M:%S}")
    if standing.eta is not None:
        parts.append(_left(standing.eta, now))
    return " · ".join(parts)


def _doing(job: Job, now: datetime) -> str:
    if job.state != State.PROCESSING:
        return ""
    parts = [job.stage.replace("_", " ")]
    if job.attempt > 1:
        parts.append(f"attempt {job.attempt} of {job.max_attempts}")
    if job.cancel_requested_at is not None:
        parts.append("told to stop")
    if job.lease_expires_at is not None and job.lease_expires_at < now:
        parts.append("its worker is silent, another one takes it over")
    return " · ".join(part for part in parts if part)


def _took(job: Job) -> str:
    return "" if job.seconds_processing is None else f"in {duration(job.seconds_processing)}"


def _left(eta: tuple[datetime, datetime], now: datetime) -> str:
    earliest, latest = (max(0, round((moment - now).total_seconds())) for moment in eta)
    if latest < 1:
        return "any moment now"
    if earliest < 1 or duration(earliest, whole=True) == duration(latest, whole=True):
        return f"{duration(latest, whole=True)} left"
    if latest < 60:
        return f"{earliest}–{latest} s left"
    return f"{duration(earliest, whole=True)} to {duration(latest, whole=True)} left"


def age(seconds: float) -> str:
    """Return "4 s", "12 min", "3 h" or "5 d": enough to see what is old."""
    return " ".join(duration(seconds, whole=True).split()[:2])


def duration(seconds: float, *, whole: bool = False) -> str:
    """Return "0.4 s", "12 s", "3 min 5 s", "2 h 10 min" or "4 d 3 h". whole: no tenths."""
    if seconds < 10 and not whole:
        return f"{seconds:.1f} s"
    whole_seconds = max(1, round(seconds))
    for size, name, rest_size, rest_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole_seconds >= size:
            rest = whole_seconds % size // rest_size
            return f"{whole_seconds // size} {name}" + (f" {rest} {rest_name}" if rest else "")
    return f"{whole_seconds} s"


def counts_in_words(states: Iterable[str]) -> str:
    """Return "2 succeeded, 1 failed", in the order of a job's life."""
    counted = Counter(states)
    return ", ".join(f"{counted[state]:,} {state}" for state in State.values if counted[state])


def ending(jobs: Iterable[Followed], seconds: float) -> str:
    """Say in one line how all of them ended."""
    jobs = list(jobs)
    parts = [counts_in_words(one.job.state for one in jobs if not one.gone)]
    parts.append(f"{gone:,} deleted" if (gone := sum(one.gone for one in jobs)) else "")
    return f"{', '.join(part for part in parts if part)}; watched for {duration(seconds)}."
