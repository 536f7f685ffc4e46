"""`manage.py repair_jobs`: stuck jobs, as a plan first."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from rich.console import Console

from jobs import operations
from jobs.api.serializers import to_json
from jobs.kinds import registry
from jobs.models import AuditEntry, OperationPlan, PlannedStep, QueueControl
from jobs.positions import live_workers
from jobs.terminal import plans, watching
from jobs.terminal.asking import SEARCH_LINE, add_filter, asked_for
from jobs.terminal.console import INTERRUPTED, NOT_ALL_SUCCEEDED, clean, ends_well, open_console, say
from jobs.terminal.following import Following
from jobs.terminal.given import nonsense

REPAIR = "repair"
LONGEST_REASON = 300
#: Steps that are shown in full.
LIMIT = 50
EPILOG = f"""\
{SEARCH_LINE}
examples:
  manage.py repair_jobs --dry-run
  manage.py repair_jobs --queue gpu --reason "host 3 burnt down"
  manage.py repair_jobs --reason "after the power cut" --yes --format json

exit status: 0 looked at, repaired, or nothing was stuck; 1 something was left alone; 2 the question makes no sense;
130 Ctrl-C.
"""


class Command(BaseCommand):
    help = (
        "Shows which jobs are stuck, by what evidence, what would be done and what that risks; then asks. What is done "
        "stands in the audit log. As a job when a worker is there to do it, else here."
    )

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, **options, epilog=EPILOG, formatter_class=RawDescriptionHelpFormatter)

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_filter(parser)
        parser.add_argument("--dry-run", action="store_true", help="show the plan and do nothing")
        parser.add_argument("--reason", metavar="TEXT", default="", help="why; it is kept in the audit log")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"steps to show in full ({LIMIT})")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="json: a step on each line")

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        which, reason = asked_for(options), options["reason"].strip()
        if not options["dry_run"]:
            _require(reason, options)
        console = open_console(no_color=options["no_color"])
        with transaction.atomic():
            try:
                made = operations.plan(REPAIR, which, via=AuditEntry.Via.TERMINAL, reason=reason)
            except operations.TooMany:
                most = f"More than {operations.MOST_PLANNED:,} jobs are stuck."
                raise nonsense(f"{most} Take fewer at once, by --queue, --kind or --until.") from None
            steps = list(made.steps.all())
            can_be_repaired = any(step.step for step in steps)
            if options["dry_run"] or not can_be_repaired:
                transaction.set_rollback(True)  # it was only looked at
        self._show(console, steps, options)
        if options["dry_run"] or not can_be_repaired:
            return
        if not options["yes"] and not self._agreed(sum(bool(step.step) for step in steps)):
            self.stdout.write("Nothing was done.")
            return
        self._carry_out(made, console, options)
        steps = [step for step in made.steps.all() if step.step]
        self._show(console, steps, options)
        if any(step.outcome != PlannedStep.Outcome.DONE for step in steps):
            sys.exit(NOT_ALL_SUCCEEDED)

    def _show(self, console: Console, steps: list[PlannedStep], options: dict[str, Any]) -> None:
        if options["format"] == "json":
            for step in steps:
                self.stdout.write(to_json(plans.as_json(REPAIR, step)))
        else:
            console.print(plans.picture(REPAIR, steps, limit=options["limit"]))

    def _agreed(self, count: int) -> bool:
        what = "this step" if count == 1 else f"these {count:,} steps"
        try:
            return input(f"Take {what}? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False
        except KeyboardInterrupt:
            self.stderr.write("\nNothing was done.", str)
            sys.exit(INTERRUPTED)

    def _carry_out(self, made: OperationPlan, console: Console, options: dict[str, Any]) -> None:
        if not _somebody_is_there():
            operations.carry_out_here(made)
            return
        job = operations.carry_out(made)
        if options["format"] == "text":
            console.print(say(f"A worker does it: job {job.pk}."))
        following = Following([job.pk])
        view = watching.view_for(console, as_json=False, quiet=options["format"] == "json" or not console.is_terminal)
        if watching.watch(following, view) == INTERRUPTED:
            self.stderr.write(clean(watching.how_to_go_on(following.left)), str)
            sys.exit(INTERRUPTED)


def _require(reason: str, options: dict[str, Any]) -> None:
    if not reason:
        raise nonsense("--reason is missing: why stands in the audit log. To look only: --dry-run.")
    if len(reason) > LONGEST_REASON:
        raise nonsense(f"--reason may have {LONGEST_REASON} characters.")
    if not options["yes"] and (options["format"] == "json" or not sys.stdin.isatty()):
        raise nonsense("Nobody can be asked here. To do it without: --yes. To look only: --dry-run.")


def _somebody_is_there() -> bool:
    """Whether a worker would carry a plan out."""
    queue = registry.get(operations.CARRY_OUT).queue
    return bool(live_workers(queue)) and not QueueControl.objects.filter(queue=queue, paused_at__isnull=False).exists()
