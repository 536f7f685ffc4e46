"""Results of many jobs as one table, made while it is sent: ten thousand jobs take no more memory than a page of them.

Of each result the values at the bottom have a column each (`result.profile.summary`); a list is JSON in its cell.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.api.serializers import to_json
from jobs.cells import plain_cell
from jobs.models import Job, JobFile, JobQuerySet

#: Jobs read at once.
PAGE = 200
#: Columns for results; what has none is told together, as JSON, in `result_rest`.
MOST_COLUMNS = 200
#: What stands before the result.
HEAD = (
    "id", "kind", "state", "file", "user_id", "session_id", "parent", "created_at", "finished_at", "error_code",
    "error_message",
)  # fmt: skip
REST = "result_rest"
_UNREAD = ("input", "metadata", "error_traceback")


def rows(jobs: JobQuerySet, *, newest_first: bool = True) -> Iterator[dict[str, Any]]:
    """Yield {"id", "kind", …, "result"} for each job, JSON-able. No cursor is left open between two pages."""
    ordered = jobs.defer(*_UNREAD).order_by("-pk" if newest_first else "pk")
    page = list(ordered[:PAGE])
    while page:
        names = _names_of_files(page)
        yield from (_row(job, names[job.pk]) for job in page)
        page = list(ordered.filter(**{"pk__lt" if newest_first else "pk__gt": page[-1].pk})[:PAGE])


def csv_pieces(jobs: JobQuerySet, *, newest_first: bool = True) -> Iterator[bytes]:
    """Yield a CSV: UTF-8, a row a job. The jobs are read twice, at first to know the columns."""
    columns = _columns(jobs)
    yield _csv([[*HEAD, *columns, REST]])
    some: list[list[str]] = []
    for row in rows(jobs, newest_first=newest_first):
        some.append(_cells(row, columns))
        if len(some) == PAGE:
            yield _csv(some)
            some = []
    yield _csv(some)


def json_pieces(jobs: JobQuerySet, *, newest_first: bool = True) -> Iterator[bytes]:
    """Yield {"results": [row, …]}."""
    yield b'{"results":['
    comma = ""
    for row in rows(jobs, newest_first=newest_first):
        yield f"{comma}{to_json(row)}".encode()
        comma = ","
    yield b"]}"


def ndjson_pieces(jobs: JobQuerySet, *, newest_first: bool = True) -> Iterator[bytes]:
    """Yield a row a line."""
    for row in rows(jobs, newest_first=newest_first):
        yield f"{to_json(row)}\n".encode()


def _names_of_files(page: Iterable[Job]) -> Mapping[uuid.UUID, str]:
    names: dict[uuid.UUID, str] = defaultdict(str)
    sent = JobFile.objects.filter(job__in=[job.pk for job in page], role=JobFile.Role.INPUT)
    for job_id, name in sent.order_by("-pk").values_list("job_id", "name"):
        names[job_id] = name
    return names


def _row(job: Job, file: str) -> dict[str, Any]:
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "state": str(job.state),
        "file": file,
        "user_id": job.user_id,
        "session_id": job.session_id,
        "parent": str(job.parent_id) if job.parent_id else None,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "error_code": job.error_code,
        "error_message": job.error_message,
        "result": job.result,
    }


def _flat(value: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """Yield the values at the bottom of a result with their paths."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}")
    elif value is not None:
        yield path, value


def _columns(jobs: JobQuerySet) -> list[str]:
    """Return the first columns that results ask for, in the order in which they were met."""
    found: dict[str, None] = {}
    results = jobs.filter(result__isnull=False).order_by("-pk").values_list("pk", "result")
    page = list(results[:PAGE])
    while page and len(found) < MOST_COLUMNS:
        for _, result in page:
            found |= dict.fromkeys(path for path, _ in _flat(result))
        page = list(results.filter(pk__lt=page[-1][0])[:PAGE])
    return list(found)[:MOST_COLUMNS]


def _cells(row: dict[str, Any], columns: list[str]) -> list[str]:
    values = dict(_flat(row["result"]))
    rest = {path: value for path, value in values.items() if path not in columns}
    shown = [row[name] for name in HEAD] + [values.get(column) for column in columns] + [rest or None]
    return [plain_cell(to_json(value) if isinstance(value, list | dict) else value) for value in shown]


def _csv(written: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(written)
    return text.getvalue().encode()
