"""`manage.py export_person`: all that is kept about one person, as a folder or a ZIP."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from jobs.people.export import TargetTaken, export
from jobs.terminal import people
from jobs.terminal.console import clean, ends_well
from jobs.terminal.given import nonsense


class Command(BaseCommand):
    help = (
        "Writes all that is kept about one person: data.json, their files, and a manifest with counts and SHA-256. "
        "That it was done stands in the audit log, without the name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        people.add_person(parser)
        parser.add_argument(
            "--output", metavar="PATH", required=True, help="a folder that is not there yet, or a name ending in .zip"
        )

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        person, target = people.asked_for(options), Path(options["output"])
        try:
            manifest = export(person, target)
        except TargetTaken:
            raise nonsense(f"--output: there is something at {target} already.") from None
        except OSError as error:
            raise nonsense(f"--output: {target} cannot be written ({error.strerror}).") from None
        for name, count in manifest["records"].items():
            self.stdout.write(f"{name:<14} {count:>8,}")
        files, missing = len(manifest["files"]) - 1, len(manifest["missing_files"])
        gone = f"; {missing:,} had no content any more" if missing else ""
        self.stdout.write(clean(f"{files:,} files{gone}. Written to {target}."))
