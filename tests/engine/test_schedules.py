"""A kind that recurs has one schedule, which an operator may change, and submits a job unless one waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django_q.models import Schedule

from jobs.engine import claiming, schedules
from jobs.kinds import job_kind, registry
from jobs.models import Job

KIND = "workload.water_plants"


@pytest.fixture(autouse=True)
def kind(db: None) -> Iterator[None]:
    @job_kind(KIND, every=timedelta(minutes=90))
    def water_plants(job: Any) -> None:
        """Water the plants."""

    yield
    registry.remove(KIND)


def migrate() -> None:
    schedules.ensure(apps.get_app_config("jobs"))


def schedule() -> Schedule:
    return Schedule.objects.get(args=repr((KIND,)))


def test_a_migration_makes_one_schedule_for_each_recurring_kind():
    migrate()
    migrate()
    assert (schedule().name, schedule().minutes, schedule().repeats) == (KIND, 90, -1)
    assert Schedule.objects.filter(func=schedules.SUBMIT, args="('jobs.prune_expired',)").count() == 1


def test_a_schedule_that_an_operator_changed_stays_as_it_is():
    migrate()
    Schedule.objects.filter(pk=schedule().pk).update(name="plants", minutes=5)
    migrate()
    assert (schedule().name, schedule().minutes) == ("plants", 5)


def test_a_schedule_submits_a_job_unless_one_waits_or_runs():
    migrate()
    module, name = schedule().func.rsplit(".", 1)
    assert getattr(schedules, name) is schedules.submit_recurring
    assert module == "jobs.engine.schedules"
    assert schedules.submit_recurring(KIND) == str(Job.objects.get().pk)
    assert schedules.submit_recurring(KIND) == ""
    assert claiming.claim("w") is not None
    assert schedules.submit_recurring(KIND) == ""
    assert Job.objects.count() == 1


def test_a_schedule_of_a_kind_that_is_gone_submits_nothing_and_says_so(caplog):
    assert schedules.submit_recurring("workload.feed_dodo") == ""
    assert "workload.feed_dodo" in caplog.text


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=30), timedelta(seconds=90), timedelta(minutes=-1)])
def test_a_kind_recurs_in_whole_minutes(every):
    with pytest.raises(ValueError, match="whole minutes"):
        job_kind("workload.hurry_up", every=every)
