"""Progress bars, for who sits at a terminal: one for each job, as many as fit, and one for all of them."""

from __future__ import annotations

from typing import Any, Self

from django.utils import timezone
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.states import State
from jobs.terminal import words
from jobs.terminal.console import say, shorten
from jobs.terminal.following import Followed, Following, News

#: Lines of the screen that are not rows: those that are not shown, the bar of all, a notice, the prompt.
ROOM_FOR_OTHERS = 5
FRAMES_PER_SECOND = 10
#: What is running is looked at first, then what went wrong, what waits, and what is done.
FIRST = (State.PROCESSING, State.FAILED, State.CANCELLED, State.QUEUED, State.PENDING, State.SUCCEEDED)
#: On a narrow screen the reason is what a person needs most; the bar goes first.
NARROW = 70


class Bars:
    """A view of `watching.watch`: a picture that is drawn over, and stays when all is over."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, refresh_per_second=FRAMES_PER_SECOND, transient=False)
        self._notice = ""

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def show(self, following: Following, news: list[News]) -> None:
        self._notice = ""
        self._live.update(self._picture(following.jobs))

    def notice(self, text: str, following: Following) -> None:
        """Say something about the watching itself, below the bars."""
        self._notice = text
        self._live.update(self._picture(following.jobs))

    def finish(self, following: Following, seconds: float) -> None:
        """Tell of each failure in full: a row has no room for its reason."""
        self._live.update(self._picture(following.jobs))
        self._live.stop()
        short = shorten(one.id for one in following.jobs)
        for one in following.jobs:
            if one.job.state == State.FAILED and not one.gone:
                reason = f"{one.name} ({short[one.id]}): {one.job.error_message} [{one.job.error_code}]"
                self.console.print(say(reason, "red"), soft_wrap=True)
        self.console.print(say(words.ending(following.jobs, seconds)))

    def _picture(self, jobs: list[Followed]) -> Group:
        room = max(1, self.console.height - ROOM_FOR_OTHERS)
        ranked = sorted(jobs, key=lambda one: FIRST.index(State(one.job.state)))
        shown = {one.id for one in ranked[:room]}
        rows = [one for one in jobs if one.id in shown]  # in the order in which they were named: rows must not jump
        parts: list[Any] = [self._rows(rows, repeated=len({one.name for one in jobs}) < len(jobs))]
        if hidden := [one.job.state for one in jobs if one.id not in shown]:
            parts.append(say(f"… and {len(hidden):,} more: {words.counts_in_words(hidden)}", "dim"))
        if len(jobs) > 1:
            parts.append(self._all(jobs))
        if self._notice:
            parts.append(say(self._notice, "yellow"))
        return Group(*parts)

    def _rows(self, jobs: list[Followed], *, repeated: bool) -> Table:
        wide = self.console.width >= NARROW
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(12, self.console.width // 3))
        table.add_column(no_wrap=True, width=10)
        if wide:
            table.add_column(width=max(10, self.console.width // 6))
        table.add_column(no_wrap=True, width=5, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        now = timezone.now()
        short = shorten(one.id for one in jobs)
        for one in jobs:
            state = State(one.job.state)
            style = words.STYLES[state]
            name = f"{short[one.id]} {one.name}" if repeated else one.name
            note = "it was deleted" if one.gone else words.note(one.job, one.standing, now)
            cells: list[Any] = [say(name), say("deleted" if one.gone else state, style)]
            if wide:
                cells.append(_bar(one.percent, style))
            table.add_row(*cells, say(f"{one.percent:.0f} %"), say(note))
        return table

    def _all(self, jobs: list[Followed]) -> Table:
        ended = sum(one.is_over for one in jobs)
        percent = sum(100.0 if one.is_over else one.percent for one in jobs) / len(jobs)
        failed = any(one.gone or one.job.state in (State.FAILED, State.CANCELLED) for one in jobs)
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True, justify="right")
        told = Text(f"{ended:,} of {len(jobs):,} ended", style="bold")
        table.add_row(told, _bar(percent, "red" if failed else "green"), say(f"{percent:.0f} %"))
        return table


def _bar(percent: float, style: str) -> ProgressBar:
    return ProgressBar(total=100, completed=percent, complete_style=style, finished_style=style, style="bright_black")
