"""`manage.py jobs`: which jobs there are, how they stand, and why they wait."""

from __future__ import annotations

import sys
import time
import uuid
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count
from django.utils import timezone
from rich.console import Group
from rich.live import Live

from jobs.api.serializers import describe_many, to_json
from jobs.models import Job, JobQuerySet
from jobs.search import id_range
from jobs.terminal import table, watching
from jobs.terminal.asking import SEARCH_LINE, add_filter, find
from jobs.terminal.console import INTERRUPTED, ends_well, is_live, open_console, say
from jobs.terminal.following import Following
from jobs.terminal.given import nonsense

#: Jobs that are shown when nobody says how many: on a screen as many as fit.
LIMIT, LARGEST_LIMIT = 50, 10_000
#: Rows of a screen that are not jobs.
ROOM_FOR_HEADER = 8
REFRESH_SECONDS = 1.0
#: Jobs that are described at once.
PAGE = 200
EXAMPLES = f"""\
{SEARCH_LINE}
examples:
  manage.py jobs                                       live, until Ctrl-C
  manage.py jobs --state failed --since 2h file:cv
  manage.py jobs --kind parsers.parse_cv --format csv --limit 1000 > jobs.csv
  manage.py jobs --watch 0193f2ab-11c3                 bars, until it has ended

exit status: 0; with --watch 0 all succeeded, 1 at least one did not, 130 Ctrl-C; 2 the question makes no sense.
"""


class Command(BaseCommand):
    help = "Shows jobs, the newest first: a table that keeps up on a terminal, printed once in a pipe."

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, **options, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter)

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_filter(parser)
        parser.add_argument("--limit", type=int, metavar="N", help=f"{LIMIT}, or what fits on the screen")
        parser.add_argument("--once", action="store_true", help="print it once, on a terminal as well")
        parser.add_argument(
            "--format", choices=["table", "json", "csv"], default="table", help="json: one on each line"
        )
        parser.add_argument(
            "--watch", nargs="+", metavar="ID", help="show these until they have ended; 8 digits may do"
        )

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        limit = options["limit"]
        if limit is not None and not 1 <= limit <= LARGEST_LIMIT:
            raise nonsense(f"--limit must be 1 to {LARGEST_LIMIT:,}.")
        if options["watch"]:
            sys.exit(self._watch(options))
        found = find(options)
        console = open_console(no_color=options["no_color"])
        if options["format"] == "csv":
            table.write_csv(list(found[: limit or LIMIT]), console.file)
        elif options["format"] == "json":
            jobs = list(found[: limit or LIMIT])
            for start in range(0, len(jobs), PAGE):
                for described in describe_many(jobs[start : start + PAGE]):
                    self.stdout.write(to_json(described))
        elif options["once"] or not is_live(console):
            console.print(_picture(found, console, limit or LIMIT))
        else:
            self._keep_up(found, console, limit)

    def _keep_up(self, found: JobQuerySet, console: Any, limit: int | None) -> None:
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while True:
                    fits = max(1, console.height - ROOM_FOR_HEADER)
                    try:
                        shown: Any = _picture(found.all(), console, min(limit or fits, fits))
                        as_of = say(f"as of {timezone.localtime():%H:%M:%S} · Ctrl-C ends", "dim")
                        live.update(Group(shown, as_of), refresh=True)
                    except (OperationalError, InterfaceError):
                        connection.close()
                        live.update(say("The database does not answer; trying again …", "red"), refresh=True)
                    time.sleep(REFRESH_SECONDS)
        except KeyboardInterrupt:
            pass  # this is how one leaves

    def _watch(self, options: dict[str, Any]) -> int:
        console = open_console(no_color=options["no_color"])
        following = Following([_one(given) for given in options["watch"]], from_start=False)
        view = watching.view_for(console, as_json=options["format"] == "json")
        status = watching.watch(following, view)
        if status == INTERRUPTED:
            self.stderr.write(watching.how_to_go_on(following.left), str)
        return status


def _picture(found: JobQuerySet, console: Any, limit: int) -> Group:
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    return table.picture(list(found[:limit]), counts, console)


def _one(given: str) -> uuid.UUID:
    """Return the job whose id begins like this. Raises CommandError when there is none, or more than one."""
    bounds = id_range(given)
    if bounds is None:
        raise nonsense(f"--watch: {given!r} is no id. `manage.py jobs --once` shows them.")
    ids = list(Job.objects.filter(pk__range=bounds).order_by("pk").values_list("pk", flat=True)[:2])
    if not ids:
        raise nonsense(f"--watch: there is no job {given}; it may have been deleted.")
    if len(ids) > 1:
        raise nonsense(f"--watch: several ids begin with {given}; give more of it.")
    return ids[0]
