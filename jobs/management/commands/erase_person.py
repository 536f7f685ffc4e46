"""`manage.py erase_person`: all that is kept about one person, deleted; a receipt stays."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.people import erasure
from jobs.people.registry import NotYet
from jobs.terminal import people
from jobs.terminal.console import NOT_ALL_SUCCEEDED, ends_well

EPILOG = """\
examples:
  manage.py erase_person --user-id ada --owner shop --dry-run
  manage.py erase_person --user-id ada --owner shop --reason "request 4711"
  manage.py erase_person --account ece --reason "request 4713"
  manage.py erase_person --email ada@example.com --reason "request 4712" --yes

exit status: 0 erased, looked at, or there was nothing; 1 something still runs: erase again; 2 the question makes no
sense.
"""


class Command(BaseCommand):
    help = (
        "Shows what is kept about one person and asks; then stops their jobs and deletes jobs, files, results, events, "
        "documents, mails. A receipt with a keyed hash of the name stays. Run it again if it broke off."
    )

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, **options, epilog=EPILOG, formatter_class=RawDescriptionHelpFormatter)

    def add_arguments(self, parser: ArgumentParser) -> None:
        people.add_person(parser)
        parser.add_argument(
            "--reason", default="", help="why, without the name; kept with the receipt and the audit log"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would be erased and do nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--wait", type=float, default=30, metavar="SECONDS", help="for running jobs to stop (30)"
        )  # fmt: skip

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        person = people.asked_for(options)
        reason = "" if options["dry_run"] else people.reason_without(person, options["reason"])
        planned = erasure.plan(person)
        for counts in planned.values():
            for name, count in counts.items():
                self.stdout.write(f"{name:<14} {count:>8,}")
        if not planned:
            self.stdout.write("Nothing is kept about this person.")
        if options["dry_run"]:
            return
        if planned and not options["yes"] and input("Erase all of this? It cannot be undone. [y/N] ").lower() != "y":
            self.stdout.write("Nothing was done.")
            return
        try:
            receipt = erasure.erase(person, reason=reason, seconds=options["wait"])
        except NotYet as problem:
            raise CommandError(str(problem), returncode=NOT_ALL_SUCCEEDED) from None
        self.stdout.write(f"Erased. Receipt {receipt.pk}: {receipt.digest or 'nothing was there'}")
