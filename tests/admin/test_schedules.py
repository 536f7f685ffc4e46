"""Schedules on the desk: when recurring work runs, how it went, and each change validated and on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from jobs import lifecycle
from jobs.engine import schedules, timetable
from jobs.models import AuditEntry, Job, Worker

SCHEDULES = reverse("admin:jobs_schedules")
KIND = "jobs.prune_expired"


@pytest.fixture
def row(db):
    """The schedule of KIND, as the migration makes it."""
    schedules.ensure(apps.get_app_config("jobs"))
    return Schedule.objects.get(name=KIND)


def do(client, row, verb, reason="maintenance", **given):
    url = reverse("admin:jobs_schedule_operate", args=[row.pk, verb])
    return client.post(url, {"reason": reason, **given}, follow=True)


def on_page(client, name=KIND):
    (shown,) = [shown for shown in client.get(SCHEDULES).context["rows"] if shown["entry"].name == name]
    return shown


def test_a_schedule_tells_its_times_and_how_its_last_job_ended(viewer, row, make_job):
    failed = make_job("failed")
    shown = on_page(viewer)
    assert (shown["every"], shown["entry"].is_on, shown["entry"].next_run) == ("every hour", True, row.next_run)
    assert shown["entry"].last == failed
    assert "empty_file" in viewer.get(SCHEDULES).content.decode()


def test_running_it_now_submits_its_job_and_leaves_its_times_alone(operator, row, messages_of):
    assert "runs in a moment" in messages_of(do(operator, row, "run", reason="the disk is full"))
    job = Job.objects.get(kind=KIND)
    assert job.state == "queued"
    assert Schedule.objects.get(pk=row.pk).next_run == row.next_run
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.reason) == ("run_schedule", KIND, "the disk is full")
    assert entry.after == {"job": str(job.pk)}


def test_it_is_not_run_beside_one_that_waits_and_that_is_said(operator, row, messages_of):
    do(operator, row, "run")
    assert "Nothing was done" in messages_of(do(operator, row, "run"))
    assert Job.objects.filter(kind=KIND).count() == 1
    assert AuditEntry.objects.count() == 1


def test_a_draining_queue_takes_no_run_and_says_why(operator, row, messages_of):
    lifecycle.drain_queue("default", by="oya", reason="the host moves")
    assert "the host moves" in messages_of(do(operator, row, "run"))
    assert not Job.objects.exists()
    assert not AuditEntry.objects.exists()


def test_switched_off_it_is_left_out_and_switched_on_it_runs_again(operator, row, messages_of):
    assert "is switched off" in messages_of(do(operator, row, "off"))
    assert Schedule.objects.exclude(repeats=0).filter(pk=row.pk).count() == 0
    assert on_page(operator)["entry"].next_run is None
    assert "Nothing was done" in messages_of(do(operator, row, "off"))
    do(operator, row, "on")
    assert Schedule.objects.get(pk=row.pk).repeats == -1
    told = AuditEntry.objects.order_by("id").values_list("action", "before__on", "after__on")
    assert list(told) == [("switch_off_schedule", True, False), ("switch_on_schedule", False, True)]


def test_its_interval_is_changed_and_counted_from_now(operator, row):
    do(operator, row, "interval", minutes="90")
    after = Schedule.objects.get(pk=row.pk)
    assert (after.minutes, after.schedule_type) == (90, Schedule.MINUTES)
    assert timedelta(minutes=89) < after.next_run - timezone.now() < timedelta(minutes=91)
    entry = AuditEntry.objects.get()
    assert (entry.before["minutes"], entry.after["minutes"]) == (60, 90)


@pytest.mark.parametrize("minutes", ["0", "-5", "32768", "1.5", "often", ""])
def test_an_interval_that_cannot_be_kept_is_refused(operator, row, minutes):
    do(operator, row, "interval", minutes=minutes)
    assert Schedule.objects.get(pk=row.pk).minutes == 60
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "every", [timedelta(), timedelta(seconds=90), timetable.LONGEST_INTERVAL + timedelta(minutes=1)]
)
def test_the_engine_refuses_such_an_interval_itself(admin_user, row, every):
    with pytest.raises(ValueError, match="whole minutes"):
        timetable.change_interval(row.pk, every, actor=admin_user, via="desk", reason="x")


@pytest.mark.parametrize("args", ["('jobs.prune_expired'", "not python", "(jobs.prune_expired,)"])
def test_a_schedule_that_stops_all_others_is_found_and_mended(operator, row, args):
    Schedule.objects.filter(pk=row.pk).update(args=args)
    assert on_page(operator)["entry"].is_broken
    assert "keeps every other schedule from running" in operator.get(SCHEDULES).content.decode()
    do(operator, row, "off")
    do(operator, row, "on")
    assert Schedule.objects.get(pk=row.pk).args == repr((KIND,))
    assert not on_page(operator)["entry"].is_broken


def test_one_that_is_not_ours_can_only_be_stopped(operator, row):
    other = Schedule.objects.create(name="export", func="old.export", args="(broken", schedule_type=Schedule.DAILY)
    assert [verb for verb, _word in on_page(operator, "export")["verbs"]] == ["off"]
    do(operator, other, "off")
    assert on_page(operator, "export")["verbs"] == []
    do(operator, other, "run")
    do(operator, other, "interval", minutes="5")
    assert not Job.objects.exists()
    assert AuditEntry.objects.count() == 1


def test_it_is_said_when_nobody_keeps_the_time(viewer, row):
    Worker.objects.create(name="g", cluster="gpu", queues=["gpu"])
    assert "none runs" in viewer.get(SCHEDULES).content.decode()
    Worker.objects.create(name="w", cluster="sira")
    assert "none runs" not in viewer.get(SCHEDULES).content.decode()


def test_one_whose_time_has_long_passed_is_overdue(viewer, row):
    Schedule.objects.filter(pk=row.pk).update(next_run=timezone.now() - timedelta(seconds=40))
    assert not on_page(viewer)["entry"].is_overdue  # django-q2 looks every half minute
    Schedule.objects.filter(pk=row.pk).update(next_run=timezone.now() - timedelta(minutes=5))
    assert on_page(viewer)["entry"].is_overdue


def test_calls_that_failed_are_listed(viewer, row):
    now = timezone.now()
    result = "Traceback (most recent call last):\n  File x\nKeyError: 'kind'"
    Failure.objects.create(
        id="1" * 32, name="n", group=KIND, func=schedules.SUBMIT, started=now, stopped=now, success=False, result=result
    )
    page = viewer.get(SCHEDULES).content.decode()
    assert "KeyError" in page
    assert "Traceback" not in page


@pytest.mark.parametrize("verb", ["run", "off", "on", "interval"])
def test_a_viewer_may_not_operate_a_schedule(viewer, row, verb):
    assert do(viewer, row, verb, minutes="5").status_code == 403
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("verb", ["run", "off", "interval"])
def test_without_a_reason_nothing_is_done(operator, row, verb):
    assert "say why first" in do(operator, row, verb, reason="", minutes="5").content.decode()
    assert not AuditEntry.objects.exists()


def test_what_there_is_not_is_not_found(operator, row):
    assert do(operator, row, "burn").status_code == 404
    row.pk = 999_999
    assert do(operator, row, "off").status_code == 404


def test_the_pages_that_django_q2_brings_along_are_off_the_desk():
    assert not [model for model in (Schedule, Success, Failure, OrmQ) if admin.site.is_registered(model)]
