"""`manage.py submit`: files and fields become jobs, checked as at the API's door."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import ExitStack
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException, ValidationError

from jobs import door
from jobs.api.serializers import SubmissionInput, to_json
from jobs.errors import InvalidInput
from jobs.kinds import JobKind, UnknownKind, registry
from jobs.models import Job
from jobs.terminal import given, watching
from jobs.terminal.console import (
    BAD_INPUT,
    INTERRUPTED,
    TIME_IS_OVER,
    clean,
    ends_well,
    open_console,
    refused,
)
from jobs.terminal.following import Following
from jobs.terminal.given import DiskFile, nonsense

#: What is left of an Idempotency-Key's 255 characters when a file's hash follows.
KEY = r"[\x21-\x7e]{1,190}"
#: Files that are told of, of many that are refused.
MOST_REFUSALS = 20
EXAMPLES = """\
examples:
  manage.py submit parsers.parse_cv ~/cvs/*.pdf --user ada --watch
  manage.py submit imaging.generate_image --input prompt="a quiet sea" width=512 height=512 --wait 60
  manage.py submit parsers.parse_cv cv.pdf --format json --wait | jq 'select(.type == "ended").result'

exit status: 0 submitted, or (with --watch, --wait) all succeeded; 1 at least one did not; 2 nothing was submitted;
124 the time of --wait is over; 130 Ctrl-C, and what was submitted goes on.
"""


class Command(BaseCommand):
    help = (
        "Submits one job for each file; a single one where the kind takes many files or none. What is wrong with any "
        "of them is told before any is submitted."
    )

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, **options, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", metavar="KIND", help="such as parsers.parse_cv")
        parser.add_argument("files", metavar="FILE", nargs="*")
        parser.add_argument(
            "--input", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
            help="other fields; KEY=@PATH where a field takes a file",
        )  # fmt: skip
        parser.add_argument("--json", metavar="JSON", help="other fields as an object; @PATH or - reads it from there")
        parser.add_argument("--user", metavar="NAME", help="whose jobs they are; without it they are the system's")
        parser.add_argument("--priority", metavar="0-10", help="10 is first")
        parser.add_argument("--session", metavar="LABEL", default="", help="the caller's own label")
        parser.add_argument("--user-id", metavar="LABEL", default="", help="the caller's own label")
        parser.add_argument(
            "--idempotency-key", metavar="KEY",
            help="the same key and the same file again are the same job; each file has its own",
        )  # fmt: skip
        parser.add_argument("--watch", action="store_true", help="show them until they have ended")
        parser.add_argument(
            "--wait", nargs="?", type=float, const=float("inf"), metavar="SECONDS",
            help="the same without a picture: say only how they ended",
        )  # fmt: skip
        parser.add_argument("--format", choices=["text", "json"], default="text", help="json: an object on each line")

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        kind = _kind(options["kind"])
        owner = given.find_user(options["user"], "--user: ") if options["user"] is not None else None
        envelope = _envelope(options)
        fields = given.read_json(options["json"]) if options["json"] else {}
        fields |= given.read_fields(options["input"], kind)
        checked = _check_all(kind, given.give_files(kind, fields, options["files"]))
        if not re.fullmatch(KEY, options["idempotency_key"] or "."):
            raise nonsense("--idempotency-key must be 1 to 190 visible ASCII characters.")
        jobs: list[Job] = []
        try:
            for one, files in checked:
                jobs.append(_enter(one, files, owner=owner, key=options["idempotency_key"], **envelope))
                self._tell(jobs[-1], files, as_json=options["format"] == "json")
        except KeyboardInterrupt:
            self.stderr.write(f"Stopped: {len(jobs):,} of {len(checked):,} were submitted.", str)
            self._leave(jobs, INTERRUPTED)
        except APIException as error:
            raise refused(error) from None
        if options["watch"] or options["wait"] is not None:
            self._watch(Following(job.pk for job in jobs), options)

    def _tell(self, job: Job, files: list[DiskFile], *, as_json: bool) -> None:
        name, replayed = ", ".join(file.name or "" for file in files), door.was_replayed(job)
        if as_json:
            said = {"type": "accepted", "job_id": str(job.pk), "kind": job.kind, "file": name or None}
            line = to_json(said | {"state": str(job.state), "replayed": replayed})
        else:
            line = f"{job.pk}  {clean(name)}".rstrip() + ("  (submitted before)" if replayed else "")
        self.stdout.write(line)
        self.stdout.flush()

    def _watch(self, following: Following, options: dict[str, Any]) -> None:
        console = open_console(no_color=options["no_color"])
        view = watching.view_for(console, as_json=options["format"] == "json", quiet=not options["watch"])
        status = watching.watch(following, view, at_most=options["wait"])
        if status in (INTERRUPTED, TIME_IS_OVER):
            self._leave(following.left, status)
        sys.exit(status)

    def _leave(self, jobs: list[Job], status: int) -> None:
        """End before the jobs do, and say so."""
        if jobs:
            self.stderr.write(watching.how_to_go_on(jobs), str)
        sys.exit(status)


def _kind(name: str) -> JobKind:
    try:
        return door.open_kind(name)
    except UnknownKind:
        known = sorted(kind.name for kind in registry if not kind.internal)
        # The part behind the dot alone is what people remember.
        near = get_close_matches(name, known, n=1) or [one for one in known if name and name in one][:1]
        hint = f" Did you mean {near[0]}?" if near else ""
        raise nonsense(f"There is no kind {name!r}.{hint} There are {', '.join(known)}.") from None


def _envelope(options: dict[str, Any]) -> dict[str, Any]:
    sent = {"kind": options["kind"], "session_id": options["session"], "user_id": options["user_id"]}
    envelope = SubmissionInput(data=sent | {"priority": options["priority"]})
    if not envelope.is_valid():
        raise refused(
            ValidationError(envelope.errors),
            {"session_id": "--session", "user_id": "--user-id", "priority": "--priority"},
        )
    return {name: envelope.validated_data[name] for name in ("priority", "session_id", "user_id")}


def _check_all(kind: JobKind, inputs: list[dict[str, Any]]) -> list[tuple[door.Checked, list[DiskFile]]]:
    """Check every input, and leave the files closed. Raises CommandError, which tells of each that is refused."""
    checked: list[tuple[door.Checked, list[DiskFile]]] = []
    wrong: dict[str, list[str]] = {}  # what is said: of which files
    for data in inputs:
        files = given.files_of(data)
        try:
            checked.append((_check(kind, data, files), files))
        except (APIException, InvalidInput) as error:
            said = str(refused(error, _names(kind)))
            if not isinstance(error, InvalidInput):
                said += f"\n{kind.name} takes: {given.what_it_takes(kind)}."
            wrong.setdefault(said, []).append(", ".join(clean(file.path) for file in files))
    if wrong:
        raise CommandError(
            "\n".join([*_complaints(wrong, len(inputs)), "Nothing was submitted."]), returncode=BAD_INPUT
        )
    return checked


def _complaints(wrong: dict[str, list[str]], asked: int) -> list[str]:
    """Return a line for each file that is refused; a single one for what is wrong with all of them alike."""
    lines: list[str] = []
    for said, names in wrong.items():
        alone = len(names) == asked > 1 or not any(names)
        lines += [said] if alone else [f"{name}: {said}" for name in names]
    return (
        lines
        if len(lines) <= MOST_REFUSALS
        else [*lines[:MOST_REFUSALS], f"… and {len(lines) - MOST_REFUSALS:,} more."]
    )


def _check(kind: JobKind, data: dict[str, Any], files: list[DiskFile]) -> door.Checked:
    door.refuse_unknown(data, kind.input().fields)
    with ExitStack() as opened:
        for file in files:
            opened.enter_context(file.open())
        return door.check(kind.name, data)


def _names(kind: JobKind) -> dict[str, str]:
    """Return how each field is given here."""
    takes = door.file_fields(kind)
    return {str(name): "FILE" if name in takes else f"--input {name}" for name in kind.input().fields}


def _enter(checked: door.Checked, files: list[DiskFile], *, owner: Any, key: str | None, **envelope: Any) -> Job:
    if key and files:
        key += "".join([":", sha256("".join(file.digest() for file in files).encode()).hexdigest()])
    with ExitStack() as opened:
        for file in files:
            opened.enter_context(file.open())
        return door.enter(checked, owner=owner, idempotency_key=key, **envelope)
