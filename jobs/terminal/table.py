"""A table of jobs below a few lines of numbers; the same for a terminal, JSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import IO, Any

from django.utils import timezone
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from jobs.cells import plain_cell
from jobs.models import Job
from jobs.positions import Explanation, explain_many, live_workers
from jobs.queues import Queue, describe
from jobs.states import State
from jobs.terminal import words
from jobs.terminal.console import say, shorten

#: Columns of CSV: names of the API's description of a job.
COLUMNS = (
    "id", "kind", "queue", "state", "progress", "stage", "attempt", "max_attempts", "priority", "owner", "user_id",
    "session_id", "position", "waiting_for", "waiting_sentence", "error_code", "error_message", "created_at",
    "started_at", "finished_at",
)  # fmt: skip
#: On a narrower screen whose job it is and where it waits make room for why it waits.
WIDE = 120


def picture(jobs: Sequence[Job], counts: Mapping[str, int], console: Console) -> Group:
    """Return header and table. counts: of all that match, by state; jobs: the newest of them."""
    return Group(_header(counts), *_table(jobs, console), *_left_out(len(jobs), sum(counts.values())))


def _header(counts: Mapping[str, int]) -> Table:
    workers = live_workers()
    header = Table.grid(padding=(0, 1))
    header.add_column(style="bold", no_wrap=True)
    header.add_column()
    total = Text(f"{sum(counts.values()):,}")
    for state in State.values:
        if counts.get(state):
            total.append(" · ").append(f"{counts[state]:,} {state}", style=words.STYLES[State(state)])
    header.add_row("jobs", total)
    header.add_row("queues", Text(" · ").join(_queue(queue) for queue in describe(workers=workers)))
    alive = len(workers)
    header.add_row("workers", say(f"{alive:,} alive") if alive else say("none alive: jobs are safe and wait", "red"))
    return header


def _queue(queue: Queue) -> Text:
    waiting, running = queue.waiting + queue.later, queue.running
    if not waiting and not running:
        told = say(f"{queue.name} 0", "dim")
    else:
        told = say(f"{queue.name} {waiting:,} waiting" if waiting else queue.name)
        if running:
            told.append(", " if waiting else " ").append(f"{running:,} running", words.STYLES[State.PROCESSING])
    if queue.paused or queue.draining:
        reason = f": {queue.control.reason}" if queue.control.reason else ""
        told.append_text(say(f" ({queue.mode} by {queue.control.by or 'somebody'}{reason})", "magenta"))
    elif queue.waits_in_vain:
        told.append(" (no worker serves it)", style="red")
    return told


def _table(jobs: Sequence[Job], console: Console) -> list[Any]:
    if not jobs:
        return [say("No job matches.", "dim")]
    wide = console.width >= WIDE
    table = Table(
        box=box.SIMPLE_HEAD, expand=console.is_terminal, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False
    )
    table.add_column("id", no_wrap=True)
    table.add_column("kind", no_wrap=True, overflow="ellipsis", max_width=None if wide else console.width // 4)
    table.add_column("state", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    if wide:
        table.add_column("queue", no_wrap=True)
        table.add_column("owner", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("what", no_wrap=True, overflow="ellipsis", ratio=1 if console.is_terminal else None)
    standings, now, short = explain_many(jobs), timezone.now(), shorten(job.pk for job in jobs)
    for job in jobs:
        state = State(job.state)
        cells = [say(short[job.pk]), say(job.kind), say(state, words.STYLES[state]), say(f"{_percent(job):.0f}")]
        if wide:
            cells += [say(job.queue), say(_owner(job))]
        age = words.age((now - job.created_at).total_seconds())
        table.add_row(*cells, say(age), say(words.note(job, standings[job.pk], now)))
    return [table]


def _left_out(shown: int, total: int) -> list[Text]:
    return [say(f"… and {total - shown:,} older.", "dim")] if total > shown else []


def write_csv(jobs: Sequence[Job], out: IO[str]) -> None:
    """Write a row for each job, names of columns first."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    standings = explain_many(jobs)
    for job in jobs:
        writer.writerow([plain_cell(value) for value in _row(job, standings[job.pk])])


def _row(job: Job, standing: Explanation) -> list[Any]:
    values: dict[str, Any] = {name: getattr(job, name) for name in COLUMNS if hasattr(job, name)}
    values |= {"owner": _owner(job), "position": standing.position, "waiting_for": standing.waiting_for}
    return [(values | {"waiting_sentence": standing.sentence})[name] for name in COLUMNS]


def _percent(job: Job) -> float:
    return 100.0 if job.state == State.SUCCEEDED else job.progress


def _owner(job: Job) -> str:
    return job.owner.get_username() if job.owner is not None else ""
