"""What a kind may hang on the engine's transactions: its own rows, its own words, a place in the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.api.serializers import describe, describe_event
from jobs.errors import JobError, Superseded, Unavailable
from jobs.kinds import Backoff, job_kind, registry
from jobs.models import Job, JobEvent
from jobs.positions import position
from jobs.running import RunningJob
from jobs.states import State, Vocabulary
from tests.engine.conftest import event_types, expire_lease
from tests.workload.models import LedgerEntry

pytestmark = pytest.mark.usefixtures("any_database")

KIND = "mirrored.make_tea"
WORDS = Vocabulary("tea", {state: f"tea {state}" for state in State})


@pytest.fixture
def mirrored() -> Iterator[list[tuple[str, float]]]:
    """A kind that writes each state of its jobs into a row of its own; the list has them in order."""
    seen: list[tuple[str, float]] = []

    def mirror(jobs: list[Job]) -> None:
        for job in jobs:
            seen.append((job.state, job.progress))
            LedgerEntry.objects.create(job_id=job.pk, attempt=job.attempt, worker=job.state)
            if job.metadata.get("spilt") == job.state:
                raise ZeroDivisionError

    @job_kind(KIND, words=WORDS, mirror=mirror, backoff=Backoff(max_attempts=2))
    def make_tea(job: RunningJob) -> None:
        """Make tea."""

    yield seen
    registry.remove(KIND)


def test_every_step_is_mirrored_with_the_row_as_it_then_is(mirrored, claim):
    lifecycle.submit(KIND)
    job = claim()
    lifecycle.progress(job, 40)
    lifecycle.retry_later(job, Unavailable("No water."), timedelta(seconds=-1))
    lifecycle.promote_due()
    job = claim()
    lifecycle.fail(job, JobError("No cup."))
    lifecycle.requeue(job.pk)
    lifecycle.cancel(job.pk)
    assert mirrored == [
        ("queued", 0), ("processing", 0), ("processing", 40), ("pending", 40), ("queued", 40), ("processing", 40),
        ("failed", 40), ("queued", 0), ("cancelled", 0),
    ]  # fmt: skip
    assert len(event_types(job)) == LedgerEntry.objects.count() == len(mirrored)


def test_a_mirror_that_fails_undoes_the_step(mirrored, claim):
    lifecycle.submit(KIND, metadata={"spilt": "succeeded"})
    job = claim()
    with pytest.raises(ZeroDivisionError):
        lifecycle.succeed(job, {"cups": 1})
    job.refresh_from_db()
    assert (job.state, job.result, event_types(job)) == ("processing", None, ["created", "started"])
    assert LedgerEntry.objects.count() == 2


def test_a_refused_step_is_not_mirrored(mirrored, claim):
    lifecycle.submit(KIND)
    job = claim()
    expire_lease(job)
    lifecycle.rescue()
    with pytest.raises(Superseded):
        lifecycle.progress(job, 90)
    assert [state for state, _ in mirrored] == ["queued", "processing", "queued"]


def test_what_is_saved_with_a_step_is_saved_under_its_fence(mirrored, claim):
    lifecycle.submit(KIND)
    running = RunningJob(claim())

    def save() -> None:
        LedgerEntry.objects.create(job_id=running.job.pk, attempt=77, worker="saved")

    running.progress(10, stage="boiling", save=save)
    assert LedgerEntry.objects.filter(attempt=77).count() == 1
    expire_lease(running.job)
    lifecycle.rescue()
    with pytest.raises(Superseded):
        running.progress(20, stage="pouring", save=save)
    assert LedgerEntry.objects.filter(attempt=77).count() == 1


def test_events_and_descriptions_speak_the_words_of_the_kind(mirrored, claim):
    lifecycle.submit(KIND)
    job = claim()
    assert describe(job)["status"] == "tea processing"
    told = [describe_event(event, job.kind) for event in JobEvent.objects.filter(job=job).order_by("seq")]
    assert [(event["status"], event["queue_position"]) for event in told] == [("tea queued", 1), ("tea processing", 0)]


def rescued(job: Job) -> None:
    expire_lease(job)
    lifecycle.rescue()


def retried(job: Job) -> None:
    # A second ago, for SQLite compares times as text: within one millisecond "…123000" comes after "…123".
    lifecycle.retry_later(job, Unavailable("Not now."), timedelta(seconds=-1))
    lifecycle.promote_due()


def requeued(job: Job) -> None:
    lifecycle.fail(job, JobError("No."))
    lifecycle.requeue(job.pk)


@pytest.mark.parametrize("way_back", [rescued, retried, requeued, lifecycle.release])
def test_every_way_back_into_the_queue_keeps_the_place_it_gives(way_back: Callable[[Job], Any], act, claim):
    job = act(priority=5)
    job = claim()
    act(priority=9), act(priority=9), act(priority=1)
    way_back(job)
    job.refresh_from_db()
    assert (job.state, job.queue_position, position(job)) == ("queued", 3, 3)
    last = job.events.order_by("seq").last()
    assert describe_event(last, job.kind)["queue_position"] == 3


def test_what_becomes_due_is_told_its_place(act):
    job = act(run_after=timezone.now() + timedelta(hours=1))
    act(), act()
    Job.objects.filter(pk=job.pk).update(run_after=Now() - timedelta(seconds=1))
    lifecycle.promote_due()
    job.refresh_from_db()
    assert job.queue_position == position(job) > 0
