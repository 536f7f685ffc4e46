"""The desk's front page: what needs a person comes first, and the rooms have plain names."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from jobs import lifecycle
from jobs.engine import schedules
from jobs.models import Worker
from jobs.providers import rates
from tests.admin.conftest import client_of

FRONT = reverse("admin:index")


@pytest.fixture
def worker(db):
    return Worker.objects.create(name="w9", cluster="sira")


def concerns(client):
    return [(concern.level, concern.sentence) for concern in client.get(FRONT).context["engine"]["concerns"]]


def test_a_healthy_engine_needs_nobody(viewer, worker, make_job):
    Schedule.objects.update(next_run=timezone.now() + timedelta(hours=1))
    make_job("queued")
    assert concerns(viewer) == []
    assert "Nothing needs you" in viewer.get(FRONT).content.decode()


def test_without_a_worker_the_first_thing_said_is_that_nothing_runs(viewer, make_job):
    make_job("queued")
    assert concerns(viewer)[0] == ("bad", "No worker is alive: nothing runs. Start a cluster.")


def test_a_queue_that_no_living_worker_serves_is_a_concern(viewer, make_job):
    Worker.objects.create(name="g", cluster="gpu", queues=["gpu"])
    make_job("queued")
    assert ("bad", "1 job waits in default, and no worker for it is alive.") in concerns(viewer)


def test_stuck_jobs_and_silent_workers_are_concerns(viewer, worker, make_job):
    make_job("stuck")
    Worker.objects.create(name="w8", cluster="sira")
    Worker.objects.filter(pk="w8").update(heartbeat_at=Now() - timedelta(minutes=3))
    said = concerns(viewer)
    assert ("bad", "1 job is stuck: its worker does not answer.") in said
    assert ("warn", "1 worker has fallen silent.") in said


def test_a_paused_and_a_draining_queue_are_not_forgotten(viewer, worker, make_job):
    job = make_job("queued")
    lifecycle.pause_queue("default", by="oya", reason="disk")
    assert any("default was paused by oya" in said and "1 job waits." in said for _, said in concerns(viewer))
    lifecycle.drain_queue("default", by="oya", reason="disk")
    assert ("info", "default drains for oya: 1 left. disk") in concerns(viewer)
    lifecycle.cancel(job.pk, by="oya")
    assert ("warn", "default is empty and still takes nothing new: disk") in concerns(viewer)


def test_an_open_breaker_is_a_concern(viewer, worker):
    for _ in range(rates.BREAKER_THRESHOLD):
        rates.record_failure("shop")
    assert any(level == "bad" and said.startswith("shop: Open") for level, said in concerns(viewer))


def test_a_schedule_that_stops_the_others_is_a_concern(viewer, worker):
    schedules.ensure(apps.get_app_config("jobs"))
    Schedule.objects.filter(name="jobs.prune_expired").update(args="(")
    assert any("keeps all others from running" in said for _, said in concerns(viewer))


def test_the_worst_comes_first(viewer, make_job):
    make_job("stuck")
    lifecycle.pause_queue("default", by="oya")
    rates.block("a shop", timedelta(minutes=1))  # would be before the queue by its name
    levels = [level for level, _ in concerns(viewer)]
    assert levels == sorted(levels, key=["bad", "warn", "info"].index)
    assert {"bad", "warn", "info"} <= set(levels)


def test_the_front_page_asks_the_same_number_of_queries_however_many_jobs_there_are(viewer, worker, make_job):
    def count():
        with CaptureQueriesContext(connection) as queries:
            assert viewer.get(FRONT).status_code == 200
        return len(queries)

    make_job("queued")
    count()  # content types and the like are cached from here on
    one = count()
    for state in ("queued", "failed", "succeeded"):
        for _ in range(5):
            make_job(state)
    assert count() == one


def test_the_rooms_have_plain_names_and_every_page_of_the_engine(admin_client):
    rooms = {
        room["name"]: [str(model["name"]) for model in room["models"]]
        for room in admin_client.get(FRONT).context["app_list"]
    }
    assert rooms["Engine room"][:5] == ["Queues", "Resources", "Workers", "Schedules", "Rate limits and breakers"]
    assert "Receipts of deleted jobs" in rooms["What was done"]
    assert "Users" in rooms["People and access"]
    assert not any("django" in name.lower() or name == "Schedules" for name in rooms)


def test_staff_without_a_permission_are_told_nothing_of_the_engine(db):
    response = client_of("nil").get(FRONT)
    assert response.context["engine"] is None
    assert response.context["app_list"] == []
    assert "Ask an administrator for a role" in response.content.decode()
