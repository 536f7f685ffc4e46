"""`manage.py backup FOLDER`: the database, then the files, while everything goes on. See docs/upgrading.md."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs import backups


class Command(BaseCommand):
    help = "Write the database and the files into a new folder while Sıra goes on. To restore: docs/upgrading.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder that is new or empty")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            backup = backups.write(folder)
        except (backups.BackupFailed, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"database  {backup.database}")
        if backup.files is None:
            self.stdout.write(
                "files     in a bucket, which has its own means: copy or replicate it now, after the database"
            )
        else:
            self.stdout.write(f"files     {backup.files} in {folder / backups.FILES}")
        if backup.has_secret:
            self.stdout.write(f"secret    {folder / backups.SECRET}: whoever reads it can sign in as anybody")
        else:
            self.stdout.write("secret    SECRET_KEY comes from the environment: keep it elsewhere, and not with this")
