"""The status of a batch of 1,000 documents answers in under 50 ms."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.lifecycle import Submission
from jobs.models import Job, JobFile
from jobs.states import State
from tests.classifier.conftest import CLASSIFICATION
from tests.harness.speed import best_of, slowness

DOCUMENTS = 1000
STATUS_SECONDS = 0.050


def make_batch(owner, documents=DOCUMENTS):
    """Submit a batch of so many documents: half of them are done, with real results, a few have failed."""
    files = [
        JobFile(role="input", name=f"document-{number:04d}.pdf", file=f"classifier/{number}.pdf", size=1,
                media_type="application/pdf", sha256="0" * 64)
        for number in range(documents)
    ]  # fmt: skip
    JobFile.objects.bulk_create(files)
    job = lifecycle.submit_batch(
        Submission("classifier.classify_batch"),
        [Submission("classifier.classify_document", {"file": str(file.pk)}, files=[file]) for file in files],
        owner=owner,
    )
    ids = list(job.children.order_by("pk").values_list("pk", flat=True))
    children = Job.objects.filter(parent=job)
    result = CLASSIFICATION | {"evidence": CLASSIFICATION["evidence"] * 20}
    children.filter(pk__in=ids[: documents // 2]).update(
        state=State.SUCCEEDED, progress=100, processing_at=Now(), succeeded_at=Now(), result=result, event_seq=7
    )
    children.filter(pk__in=ids[-documents // 10 :]).update(
        state=State.FAILED, error_code="corrupt_file", error_message="The file is damaged and cannot be read."
    )
    return job


@pytest.mark.usefixtures("any_database")
def test_the_status_of_a_thousand_documents_takes_under_50_ms(api, ada):
    job = make_batch(ada)
    seen = api.get(f"/status/{job.pk}")
    body = seen.json()
    assert (len(body["documents"]), body["total_files"]) == (DOCUMENTS, DOCUMENTS)
    assert (body["completed"], body["failed"], body["status"]) == (500, 100, "processing")
    first = body["documents"][0]
    assert (first["category"], first["confidence"]) == ("Confidential", 0.9)
    limit = STATUS_SECONDS * slowness()
    assert best_of(10, lambda: api.get(f"/status/{job.pk}")) < limit
    assert best_of(5, lambda: api.get(f"/status/{job.pk}", HTTP_IF_NONE_MATCH=seen["ETag"])) < limit / 3


def test_the_status_asks_the_database_as_often_for_a_thousand_documents_as_for_one(api, ada, django_assert_num_queries):
    one, many = make_batch(ada, 10), make_batch(ada, 300)
    api.get("/jobs")  # notes the token's use and takes a block of its allowance, which is not done each time
    for job in (one, many):
        with django_assert_num_queries(5):  # token and user, job, documents, their names, whether one has begun
            api.get(f"/status/{job.pk}")
    with django_assert_num_queries(4):
        api.get("/jobs")
