"""The kinds of this app: a document, the batch it may belong to, and what submits batches by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.db.models.fields.json import KT

from classifier import chosen, operations, recurring
from classifier.providers import OPENAI
from classifier.serializers import ClassifyInput, CollectInput, count_categories, document_limits
from jobs import batches
from jobs.errors import InvalidInput
from jobs.kinds import Backoff, job_kind
from jobs.models import HIGHEST_PRIORITY, JobFile
from jobs.running import RunningJob
from jobs.states import State
from parsers.chosen import OPENAI_LIMIT


@job_kind(
    "classifier.classify_document",
    input=ClassifyInput,
    queue="documents",
    timeout=settings.CLASSIFIER_DOCUMENT_TIMEOUT,
    backoff=Backoff(max_attempts=3),
    rate_limit=OPENAI_LIMIT if settings.CLASSIFIER_PROVIDER == OPENAI else "",
    stages=operations.STAGES,
    prepare=operations.load_classifier,
)
def classify_document(job: RunningJob, *, file: str) -> dict[str, Any]:
    """Find out how sensitive a document is, with evidence.

    file: a PDF, DOCX, text or image, in Turkish or English.
    Returns {"final_category": Public, Confidential, Highly Sensitive or Unsafe, "confidence": 0–1, "reasons",
    "evidence", "detectors", "readable", "language", "provider", …}.
    Raises InvalidInput (a file that cannot be opened) or Unavailable (the provider is down).
    """
    sent = _sent_file(job, file)
    with job.local_path(file) as path:
        return operations.classify(
            path,
            file_name=sent.name,
            provider=chosen.opinion_provider(),
            policy=chosen.policy(),
            limits=document_limits(),
            show=job.progress,
        )


def _sent_file(job: RunningJob, file: str) -> JobFile:
    """Return the file, if there still is one: somebody may run a document again after its file has expired."""
    try:
        return job.file(file)
    except JobFile.DoesNotExist:
        raise InvalidInput("The file has expired and was deleted. Send it again.", code="file_expired") from None


@job_kind("classifier.classify_batch", queue="documents", timeout=timedelta(minutes=2), internal=True)
def classify_batch(job: RunningJob) -> dict[str, Any]:
    """Sum up a batch of documents when all of them have ended.

    Returns {"total", "completed", "failed": number of documents, "categories": {category: number of documents}}.
    """
    summary = batches.summary(job.job.pk)
    categories = (
        job.children.filter(state=State.SUCCEEDED)
        .order_by()
        .annotate(category=KT("result__final_category"))
        .values("category")
        .annotate(documents=Count("pk"))
    )
    return {
        "total": summary.total,
        "completed": summary.succeeded,
        "failed": summary.failed,
        "categories": count_categories(categories),
    }


@job_kind(
    "classifier.collect_recurring",
    input=CollectInput,
    timeout=timedelta(minutes=30),
    backoff=Backoff(max_attempts=1),  # the next run is a minute away
    priority=HIGHEST_PRIORITY,
    internal=True,
    every=timedelta(minutes=1),
)
def collect_recurring(job: RunningJob, *, recurring_batch: int | None = None) -> dict[str, int]:
    """Submit what is new in the folders of recurring batches.

    recurring_batch: only this one, whether it is due or not.
    Returns {"batches", "documents": how many were submitted}.
    """
    done = recurring.run(recurring_batch, shield=job.shielded)
    return {"batches": len(done.jobs), "documents": done.documents}
