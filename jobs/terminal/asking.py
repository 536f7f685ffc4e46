"""Which jobs somebody means: the options of `jobs/search.py`'s filter, the same for each command."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from rest_framework.exceptions import ValidationError

from jobs.models import Job, JobQuerySet
from jobs.search import JobFilter
from jobs.terminal.console import refused
from jobs.terminal.following import LARGE
from jobs.terminal.given import moment

#: How the terminal calls what the filter asks for.
OPTIONS = {
    "state": "--state", "kind": "--kind", "queue": "--queue", "owner": "--owner", "session_id": "--session",
    "user_id": "--user-id", "parent": "--batch", "created_after": "--since", "created_before": "--until", "q": "SEARCH",
}  # fmt: skip
SEARCH_LINE = """\
a search line: words that all must fit
  cv                       a file's name has it, or an id begins with it, or it is a whole label or error code
  input.file_name:cv  error:rate  worker:host.3  user:u7  session:s1  id:0193
"""


def add_filter(parser: ArgumentParser) -> None:
    parser.add_argument("q", metavar="SEARCH", nargs="*", help="a search line; see below")
    parser.add_argument("--state", metavar="STATES", help="comma-separated, as --kind and --queue")
    parser.add_argument("--kind", metavar="KINDS")
    parser.add_argument("--queue", metavar="QUEUES")
    parser.add_argument("--owner", metavar="NAME", help="a user's name")
    parser.add_argument("--session", dest="session_id", metavar="LABEL")
    parser.add_argument("--user-id", metavar="LABEL")
    parser.add_argument("--batch", dest="parent", metavar="ID", help="children of this job")
    parser.add_argument("--since", dest="created_after", metavar="TIME", help="2026-11-25T09:00, or 30m, 2h, 7d ago")
    parser.add_argument("--until", dest="created_before", metavar="TIME")


def asked_for(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for as JobFilter takes it. Raises CommandError for what makes no sense."""
    asked = {name: options[name] for name in OPTIONS if options[name]}
    asked |= {name: moment(asked[name]) for name in ("created_after", "created_before") if name in asked}
    if "q" in asked:
        asked["q"] = " ".join(asked["q"])
    _question(asked)
    return asked


def find(options: dict[str, Any]) -> JobQuerySet:
    """Return the jobs that were asked for, the newest first, without what may be large."""
    question = _question(asked_for(options))
    return question.find(Job.objects.select_related("owner").defer(*LARGE), None)


def _question(asked: dict[str, Any]) -> JobFilter:
    question = JobFilter(data=asked)
    if not question.is_valid():
        raise refused(ValidationError(question.errors), OPTIONS)
    return question
