"""A backup: the database as it was at one moment, then the files, all below one folder.

The database comes first. A file is written before its row, so whatever a row of the copy names is there when the files
are copied, unless it was deleted in between. Workers and web processes go on meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection

#: What a backup is made of, by the names in its folder.
SQLITE, POSTGRESQL, FILES, SECRET = "sira.sqlite3", "sira.dump", "files", "secret-key"


class BackupFailed(Exception):
    """Nothing that could be used was written. The message says what to do."""


@dataclass(frozen=True)
class Backup:
    """database: the copy of it. files: how many were copied; None when they are kept elsewhere.

    has_secret: whether the generated SECRET_KEY is in it.
    """

    database: Path
    files: int | None
    has_secret: bool


def write(folder: Path) -> Backup:
    """Write a backup into a new or empty folder, for its owner's eyes alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupFailed(f"{folder} is not empty. Name a new folder: a backup never replaces another.")
    folder.chmod(0o700)
    database = _dump(folder / POSTGRESQL) if connection.vendor == "postgresql" else _copy(folder / SQLITE)
    files = _copy_files(folder / FILES) if isinstance(default_storage, FileSystemStorage) else None
    secret = settings.DATA_DIR / SECRET
    has_secret = secret.is_file() and secret.read_text().strip() == settings.SECRET_KEY
    if has_secret:
        shutil.copy(secret, folder / SECRET)
    return Backup(database, files, has_secret)


def _copy(to: Path) -> Path:
    """Copy a SQLite database in one read transaction, which in WAL mode keeps nobody from writing."""
    part = to.with_suffix(".part")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(part)])
    copy = sqlite3.connect(part)
    try:
        (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    finally:
        copy.close()
    if verdict != "ok":
        raise BackupFailed(f"The copy of the database is damaged: {verdict}. Look at the disk, then at the database.")
    part.chmod(0o600)
    return part.rename(to)


def _dump(to: Path) -> Path:
    """Dump a PostgreSQL database: one snapshot, which keeps nobody from writing."""
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed("pg_dump is not installed here. Install PostgreSQL's client programs, as new as the server.")
    part = to.with_suffix(".part")
    command = [program, "--format=custom", "--no-owner", "--no-privileges", "--no-password", f"--file={part}"]
    env = os.environ | dict(_where())
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # nosec B603 # no shell
    if ended.returncode:
        part.unlink(missing_ok=True)
        raise BackupFailed(f"pg_dump failed: {ended.stderr.strip()}")
    part.chmod(0o600)
    return part.rename(to)


def _where() -> Iterator[tuple[str, str]]:
    """Return libpq's variables for our database: a password in an argument could be read by everybody on the host."""
    database: dict[str, Any] = connection.settings_dict
    options = database.get("OPTIONS", {})
    for variable, value in (
        ("PGHOST", database["HOST"]),
        ("PGPORT", database["PORT"]),
        ("PGUSER", database["USER"]),
        ("PGPASSWORD", database["PASSWORD"]),
        ("PGDATABASE", database["NAME"]),
        ("PGSSLMODE", options.get("sslmode")),
        ("PGSSLROOTCERT", options.get("sslrootcert")),
    ):
        if value:
            yield variable, str(value)


def _copy_files(to: Path) -> int:
    """Copy the files of jobs. One that is deleted meanwhile is left out."""
    to.mkdir(mode=0o700)
    copied = 0
    for source in sorted(Path(settings.MEDIA_ROOT).rglob("*")):
        target = to / source.relative_to(settings.MEDIA_ROOT)
        try:
            if source.is_dir():
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif source.is_file():
                shutil.copy2(source, target)
                copied += 1
        except FileNotFoundError:
            target.unlink(missing_ok=True)
    return copied
