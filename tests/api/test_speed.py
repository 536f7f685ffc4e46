"""What the hot addresses ask the database, and that the way to them keeps its promises."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.api import serializers
from jobs.api.turns import Turns
from jobs.compiled import Compiled
from jobs.models import Job

from .conftest import KIND, claim, finish, make_job


def asked(api: APIClient, job: Job, **headers: Any) -> tuple[Any, int]:
    """Return the answer about a job and the number of statements, once the token's use has been noted."""
    api.get(f"/api/v1/jobs/{job.pk}/")
    with CaptureQueriesContext(connection) as statements:
        answer = api.get(f"/api/v1/jobs/{job.pk}/", **headers)
    return answer, len(statements)


def test_a_job_that_has_ended_is_shown_in_two_statements(api: APIClient, ada: Any) -> None:
    answer, statements = asked(api, finish(ada))
    assert answer.data["state"] == "succeeded"
    assert statements == 2  # the token with its user, the job


def test_a_running_job_is_shown_in_three_statements(api: APIClient, ada: Any) -> None:
    make_job(ada)
    assert asked(api, claim())[1] == 3  # and how long its kind takes


def test_a_queued_job_is_shown_in_six_statements(api: APIClient, ada: Any) -> None:
    answer, statements = asked(api, make_job(ada))
    assert answer.data["position"] == 1
    assert statements <= 6  # its place, the workers, whether the queue is paused, how long its kind takes


def test_what_is_known_is_not_described_again(api: APIClient, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = finish(ada)
    etag = api.get(f"/api/v1/jobs/{job.pk}/").headers["ETag"]
    monkeypatch.setattr("jobs.api.views.describe", lambda *args, **options: pytest.fail("it was described"))
    answer, statements = None, 0
    with CaptureQueriesContext(connection) as captured:
        answer = api.get(f"/api/v1/jobs/{job.pk}/", headers={"If-None-Match": etag})
        statements = len(captured)
    assert answer.status_code == 304
    assert not answer.content
    assert statements == 2


def test_files_and_parts_are_shown_all_the_same(api: APIClient, ada: Any) -> None:
    job = lifecycle.submit_batch(
        lifecycle.Submission(KIND, {"speed": 100}), [lifecycle.Submission(KIND, {"speed": 100})], owner=ada
    )
    shown = api.get(f"/api/v1/jobs/{job.pk}/").data
    assert shown["children"] == {"total": 1, "ended": 0, "succeeded": 0, "failed": 0}
    assert {**shown, "as_of": None} == {**serializers.describe(job), "as_of": None}


def test_the_answer_to_a_submission_is_what_is_asked_for_later(api: APIClient) -> None:
    for place in (1, 2):
        submitted = api.post("/api/v1/jobs/", {"kind": KIND, "input": {}}, format="json").json()
        later = api.get(submitted["links"]["self"]).json()
        assert submitted["position"] == place
        assert {**submitted, "as_of": None} == {**later, "as_of": None}


# --- statements that are written once -------------------------------------------------------------------------


def test_a_compiled_queryset_returns_what_the_queryset_does(any_database: None) -> None:
    from django.contrib.auth import get_user_model

    owner = get_user_model().objects.create_user("eve")
    jobs = [make_job(owner, metadata={"number": number}) for number in range(2)]
    compiled = Compiled(
        lambda id: Job.objects.select_related("owner").annotate(asked_at=Now()).filter(pk=id),
        id=(Job._meta.pk, uuid.UUID(int=1)),
    )
    for job in jobs:  # the second time with the kept SQL
        found = compiled.first(id=job.pk)
        stored = Job.objects.get(pk=job.pk)
        assert {field.attname: getattr(found, field.attname) for field in Job._meta.concrete_fields} == {
            field.attname: getattr(stored, field.attname) for field in Job._meta.concrete_fields
        }
        with CaptureQueriesContext(connection) as statements:
            assert found.owner == owner
        assert not len(statements)
        assert found.asked_at is not None
    assert compiled.first(id=uuid.uuid4()) is None
    rows = Compiled(
        lambda id: Job.objects.filter(pk=id).values_list("metadata", "created_at"),
        id=(Job._meta.pk, uuid.UUID(int=1)),
    )
    assert rows.rows(id=jobs[1].pk) == [({"number": 1}, jobs[1].created_at)]


def test_a_value_that_is_not_in_the_queryset_is_refused(db: None) -> None:
    compiled = Compiled(lambda id: Job.objects.all(), id=(Job._meta.pk, uuid.UUID(int=1)))
    with pytest.raises(AssertionError, match="not among the parameters"):
        compiled.all(id=uuid.uuid4())


# --- turns ----------------------------------------------------------------------------------------------------


def test_so_many_requests_are_worked_on_and_one_that_waits_makes_room() -> None:
    turns = Turns(1)
    inside, may_go_on, second = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        with turns.take(), turns.step_aside():
            inside.set()
            may_go_on.wait(10)

    def work() -> None:
        with turns.take():
            second.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert inside.wait(10)
    working = threading.Thread(target=work)
    with turns.take():  # the one that waits has given its turn back
        working.start()
        time.sleep(0.1)
        assert not second.is_set()
    assert second.wait(10)
    may_go_on.set()
    for thread in (waiting, working):
        thread.join(10)
        assert not thread.is_alive()
