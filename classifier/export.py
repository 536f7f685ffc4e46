"""A batch's results as one CSV or JSON file, written while it is read: ten thousand documents take no more memory
than a page of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from classifier.serializers import describe_document, describe_totals
from jobs import batches
from jobs.api.serializers import to_json
from jobs.cells import plain_cell
from jobs.models import Job, JobFile

#: Documents read at once.
PAGE = 200
COLUMNS = (
    "doc_id", "filename", "status", "category", "confidence", "readable", "language", "detectors", "reasons", "error",
)  # fmt: skip


def csv_pieces(batch: Job) -> Iterator[bytes]:
    """Yield the file in pieces: UTF-8 without a mark at its beginning, one row a document."""
    yield _csv([COLUMNS])
    for page in _pages(batch):
        yield _csv([_row(document) for document in page])


def json_pieces(batch: Job) -> Iterator[bytes]:
    """Yield the file in pieces: the batch's totals, and `documents` with their whole classifications."""
    head = to_json(describe_totals(batch, batches.summary(batch.pk)))
    yield f'{head.removesuffix("}")},"documents":['.encode()
    comma = ""
    for page in _pages(batch):
        yield (comma + ",".join(to_json(document) for document in page)).encode()
        comma = ","
    yield b"]}"


def _pages(batch: Job) -> Iterator[list[dict[str, Any]]]:
    """Yield documents in the order in which they were sent. No cursor is left open between two pages."""
    children = Job.objects.filter(parent_id=batch.pk).order_by("pk").defer("input", "metadata", "error_traceback")
    page = list(children[:PAGE])
    while page:
        sent = JobFile.objects.filter(job__in=[job.pk for job in page], role=JobFile.Role.INPUT)
        files = {file.job_id: file for file in sent}
        yield [describe_document(job, files.get(job.pk)) for job in page]
        page = list(children.filter(pk__gt=page[-1].pk)[:PAGE])


def _row(document: dict[str, Any]) -> list[Any]:
    found = document["classification"] or {}
    detectors = "; ".join(f"{detector['name']} {detector['count']}" for detector in found.get("detectors", ()))
    reasons = " ".join(found.get("reasons", ()))
    shown = [document["doc_id"], document["filename"], document["status"], found.get("final_category")]
    shown += [found.get("confidence"), found.get("readable"), found.get("language"), detectors, reasons]
    return [plain_cell(value) for value in [*shown, document["error"]]]


def _csv(rows: Any) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
