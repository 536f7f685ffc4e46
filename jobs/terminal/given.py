"""What somebody typed, as the door takes it: files by their paths, fields as key=value, times as "2h"."""

from __future__ import annotations

import hashlib
import re
import stat
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import UploadedFile
from django.core.management.base import CommandError
from django.utils import timezone
from rest_framework.exceptions import ParseError

from jobs import door
from jobs.api.parsers import parse_object
from jobs.kinds import JobKind
from jobs.terminal.console import BAD_INPUT, clean

#: How a value says that it is a file's path, and that the JSON is in a file.
AT = "@"
PIECE = 1024 * 1024
_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def nonsense(message: str) -> CommandError:
    return CommandError(clean(message), returncode=BAD_INPUT)


class DiskFile(UploadedFile):
    """A file of this machine, as if it had been sent. It is open only while somebody reads it: there may be thousands.

    Raises CommandError (there is none, it is a folder, it may not be read).
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        try:
            found = self.path.stat()
            if stat.S_ISDIR(found.st_mode):
                raise nonsense(f"{path} is a folder. Name its files: {path.rstrip('/')}/*")
            if not stat.S_ISREG(found.st_mode):
                raise nonsense(f"{path} is no ordinary file. Write what it says to a file, and send that.")
            super().__init__(self.path.open("rb"), self.path.name, size=found.st_size)
        except FileNotFoundError:
            raise nonsense(f"There is no file {path} (looked in {Path.cwd()}). Nothing was submitted.") from None
        except OSError as error:
            raise nonsense(f"{path} cannot be read: {error.strerror}. Nothing was submitted.") from None
        self.close()

    def open(self, mode: str | None = None, *_args: Any, **_options: Any) -> DiskFile:
        if self.closed:
            self.file = self.path.open("rb")
        self.seek(0)
        return self

    def digest(self) -> str:
        """Return a hash of its name and content."""
        found = hashlib.sha256(f"{self.name}\0".encode(errors="surrogatepass"))
        with self.open():
            while piece := self.read(PIECE):
                found.update(piece)
        return found.hexdigest()


def read_json(given: str) -> dict[str, Any]:
    """Return the object that --json gives: as it is, in a file (@path), or on standard input (-)."""
    try:
        if given == "-":
            given = sys.stdin.read()
        elif given.startswith(AT):
            given = Path(given[1:]).read_text("utf-8")
        return parse_object(given)
    except OSError as error:
        raise nonsense(f"--json: {given[1:]} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise nonsense(f"--json: {given[1:]} is not UTF-8.") from None
    except ParseError as error:
        raise nonsense(f"--json: {str(error.detail).replace('The body', 'It')}") from None


def read_fields(pairs: Iterable[str], kind: JobKind) -> dict[str, Any]:
    """Return key=value pairs as fields. A value for a field that takes a file is `@` and the file's path."""
    takes = door.file_fields(kind)
    fields: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise nonsense(f"--input: {pair!r} should read key=value.")
        if name in fields and not takes.get(name):
            raise nonsense(f"--input: {name} is there twice.")
        if name not in takes:
            fields[name] = value
        elif not value.startswith(AT):
            raise nonsense(f"--input: {name} takes a file: name it after the kind, or write {name}=@{value or 'path'}.")
        elif takes[name]:
            fields.setdefault(name, []).append(DiskFile(value[1:]))
        else:
            fields[name] = DiskFile(value[1:])
    return fields


def give_files(kind: JobKind, fields: Mapping[str, Any], paths: list[str]) -> list[dict[str, Any]]:
    """Return one input for each job: one for each file, or a single one where the kind takes many files."""
    if not paths:
        return [dict(fields)]
    takes = {name: many for name, many in door.file_fields(kind).items() if name not in fields}
    if not takes:
        raise nonsense(f"{kind.name} takes no file. It takes: {what_it_takes(kind)}.")
    if len(takes) > 1:
        names = list(takes)
        raise nonsense(
            f"{kind.name} takes several files ({', '.join(names)}). Say which is which: --input {names[0]}=@{paths[0]}"
        )
    ((name, many),) = takes.items()
    files = [DiskFile(path) for path in paths]
    return [{**fields, name: files}] if many else [{**fields, name: file} for file in files]


def files_of(data: Mapping[str, Any]) -> list[DiskFile]:
    found: list[DiskFile] = []
    for value in data.values():
        found += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, DiskFile)]
    return found


def what_it_takes(kind: JobKind) -> str:
    """Return the fields of a kind for a sentence; those that must be given come first."""
    fields = [(name, field) for name, field in kind.input().fields.items() if not field.read_only]
    fields.sort(key=lambda one: not one[1].required)
    return ", ".join(name if field.required else f"[{name}]" for name, field in fields) or "nothing"


def find_user(name: str, option: str = "USER: ") -> Any:
    """Return the user of this name. Raises CommandError, which begins with the option and guesses at who was meant."""
    users = get_user_model().objects
    if (user := users.filter(username=name).first()) is not None:
        return user
    near = get_close_matches(name, users.values_list("username", flat=True)[:10_000], n=1)
    raise nonsense(f"{option}there is no user {name!r}." + (f" Did you mean {near[0]}?" if near else ""))


def time_ahead(given: str, option: str) -> datetime:
    """Return when "90d" or "12h" from now is, or the beginning of a day like 2030-01-31. Raises CommandError."""
    if (span := _SPAN.fullmatch(given.strip())) is not None:
        return timezone.now() + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        return timezone.make_aware(datetime.combine(date.fromisoformat(given.strip()), time()))
    except ValueError:
        raise nonsense(f"{option}: {given!r} is no time. Say 90d, 12h or a day like 2030-01-31.") from None


def moment(given: str) -> str:
    """Return a time as the filter reads it: "90s", "2h" and "3d" are so long ago."""
    if (ago := _SPAN.fullmatch(given.strip())) is None:
        return given
    return (timezone.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
