"""The terminal itself: what may be written to it, and how a command ends."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from rich.console import Console
from rich.text import Text

from jobs.api.problems import as_problem
from jobs.errors import JobError

#: How a command ends: what it was given makes no sense, and nothing was done.
BAD_INPUT = 2
#: Something that was watched did not succeed.
NOT_ALL_SUCCEEDED = 1
#: Something that is needed is away (sysexits.h).
UNAVAILABLE = 69
#: Somebody pressed Ctrl-C (128 + SIGINT).
INTERRUPTED = 130
#: The time that one would wait is over, as timeout(1) has it.
TIME_IS_OVER = 124
#: Nobody reads any more (128 + SIGPIPE).
NO_READER = 141

#: In a pipe nothing is cut off for want of columns, unless COLUMNS says so.
WIDTH_OF_A_PIPE = 200
#: An id is shortened to its time, 12 digits, at least: that is what differs between two requests.
SHORTEST_ID = 13


def open_console(*, no_color: bool = False, to: Any = None) -> Console:
    """Return the console for what a command has to say."""
    out = to or sys.stdout
    if "utf" not in (getattr(out, "encoding", None) or "utf").lower() and hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")  # a question mark is better than a traceback
    piped = not out.isatty() and "COLUMNS" not in os.environ
    return Console(file=out, no_color=no_color or None, width=WIDTH_OF_A_PIPE if piped else None, highlight=False)


def is_live(console: Console) -> bool:
    """Whether what was written can be written over."""
    return console.is_terminal and not console.is_dumb_terminal


def clean(text: object) -> str:
    """Return `text` without what would move the cursor or colour the screen: names and errors come from outside."""
    return "".join(char if char.isprintable() else " " for char in str(text))


def say(text: object, style: str = "") -> Text:
    """Return text as it is, never read as markup."""
    return Text(clean(text), style=style)


def shorten(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return for each id the shortest beginning that none of the others has; `id:` finds it by that."""
    known = sorted(set(ids))
    short: dict[uuid.UUID, str] = {}
    for index, id in enumerate(known):
        near = known[max(0, index - 1) : index + 2]  # in order, so the most alike stand side by side
        length = max([SHORTEST_ID, *(_alike(id, other) + 1 for other in near if other != id)])
        short[id] = str(id)[: length + (str(id)[length - 1] == "-")]
    return short


def _alike(one: uuid.UUID, other: uuid.UUID) -> int:
    """Return how many characters both begin with."""
    return next(place for place, (a, b) in enumerate(zip(str(one), str(other), strict=True)) if a != b)


def refused(error: Exception, names: Mapping[str, str] | None = None) -> CommandError:
    """Return how a command says that it was given nonsense: the API's own words, a line for each field.

    names: what a field is called here, where that is not its name.
    """
    problem = as_problem(error)
    rows = problem.extra.get("errors", [])
    lines = [f"{(names or {}).get(row['field'], row['field'])}: {row['message']}".lstrip(": ") for row in rows]
    return CommandError(clean_lines(lines or [problem.detail]), returncode=BAD_INPUT)


def clean_lines(lines: Iterable[str]) -> str:
    return "\n".join(clean(line) for line in lines)


def ends_well(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command's `handle` end without a traceback when a job's error is for people, or when its reader leaves."""

    @functools.wraps(handle)
    def ending(*args: Any, **options: Any) -> Any:
        try:
            return handle(*args, **options)
        except JobError as error:
            raise refused(error) from None
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database does not answer as it should: {error}", returncode=UNAVAILABLE) from None
        except BrokenPipeError:
            with contextlib.suppress(OSError, ValueError):  # or Python complains about it once more when it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(NO_READER)

    return ending
