"""Deleting a session with all that was sent to it. Nothing is deleted under the hands of a worker."""

from __future__ import annotations

import time
from typing import Any

from jobs import lifecycle, retention
from jobs.api.submissions import FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS, release_connection
from jobs.models import Job
from parsers.ingestion import store
from parsers.ingestion.status import batches_of
from parsers.models import DocumentSession

REASON = "its session was deleted"


class StillStopping(Exception):
    """Something of the session still runs. It was told to stop; the session is kept, to be deleted by asking again."""


def forget_session(owner: Any, label: str, *, seconds: float) -> dict[str, int]:
    """Stop a session's batches, then delete them with their files, and last the session.

    seconds: how long to wait for running attempts to stop. Returns how many documents, chunks and jobs (batches) there
    were. Raises StillStopping. The session goes last: while anything of it is left, it can be deleted once more.
    """
    by = owner.get_username()
    deadline = time.monotonic() + seconds
    pause = FIRST_LOOK_SECONDS
    while _stop(owner, label, by):
        if (left := deadline - time.monotonic()) <= 0:
            raise StillStopping
        release_connection()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK_SECONDS)
    jobs = sum(_forget(job, by) for job in batches_of(owner, label))
    session = DocumentSession.objects.filter(owner=owner, session_id=label).first()
    counts = store.delete_session(session) if session else {"documents": 0, "chunks": 0}
    return {**counts, "jobs": jobs}


def _stop(owner: Any, label: str, by: str) -> bool:
    """Cancel what of the session's batches has not ended, and say whether any of it still runs.

    Asked again and again: a batch may be sent, or run again, while others are being stopped.
    """
    batches = batches_of(owner, label).order_by()
    documents = Job.objects.filter(parent__in=batches.values("pk"))
    for jobs in (batches, documents):  # a batch takes its documents along, unless it has ended before them
        for key in jobs.unfinished().filter(cancel_requested_at__isnull=True).values_list("pk", flat=True):
            lifecycle.cancel(key, by=by, reason=REASON)
    return batches.unfinished().exists() or documents.unfinished().exists()


def _forget(job: Job, by: str) -> int:
    try:
        retention.delete_job(job, by=by, reason=REASON)
    except retention.StillRunning:  # somebody had it run again a moment ago
        raise StillStopping from None
    except Job.DoesNotExist:  # somebody else deletes it as well
        return 0
    return 1
