from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.urls import reverse

from jobs import lifecycle
from jobs.models import QueueControl, RateLimit, Receipt, Worker

QUEUES = reverse("admin:jobs_queuecontrol_changelist")


def do(client, verb, queue="default", reason="maintenance"):
    url = reverse("admin:jobs_queuecontrol_operate", args=[queue, verb])
    return client.post(url, {"reason": reason}, follow=True)


def test_every_queue_is_listed_although_none_was_ever_paused(viewer, make_job):
    make_job("queued")
    (default,) = [queue for queue in viewer.get(QUEUES).context["queues"] if queue["name"] == "default"]
    assert (default["waiting"], default["paused"], default["workers"]) == (1, False, 0)


def test_a_queue_is_paused_and_resumed_with_reasons_on_record(operator, messages_of):
    assert "is paused" in messages_of(do(operator, "pause", reason="disk is full"))
    control = QueueControl.objects.get(pk="default")
    assert (control.paused_by, control.reason) == ("oya", "disk is full")
    assert "runs again" in messages_of(do(operator, "resume", reason="disk was changed"))
    control.refresh_from_db()
    assert control.paused_at is None
    told = list(LogEntry.objects.order_by("id").values_list("change_message", flat=True))
    assert told == [
        "pause: running → paused. Reason: disk is full",
        "resume: paused → running. Reason: disk was changed",
    ]


def test_pausing_twice_keeps_the_first_reason_and_says_that_nothing_was_done(operator, messages_of):
    do(operator, "pause", reason="first")
    assert "Nothing was done" in messages_of(do(operator, "pause", reason="second"))
    assert QueueControl.objects.get(pk="default").reason == "first"


def test_resuming_a_running_queue_says_that_nothing_was_done(operator, messages_of):
    assert "Nothing was done" in messages_of(do(operator, "resume"))
    assert not LogEntry.objects.exists()


def test_a_queue_is_not_paused_without_a_reason(operator):
    assert "say why first" in do(operator, "pause", reason="").content.decode()
    assert not QueueControl.objects.exists()


def test_a_viewer_may_not_pause(viewer):
    assert do(viewer, "pause").status_code == 403
    assert not QueueControl.objects.exists()


@pytest.mark.parametrize(("queue", "verb"), [("nowhere", "pause"), ("default", "burn")])
def test_what_does_not_exist_is_not_found(operator, queue, verb):
    assert do(operator, verb, queue=queue).status_code == 404


def test_workers_are_said_to_be_alive_or_silent_and_what_they_do(viewer, make_job):
    Worker.objects.create(name="w1", cluster="sira")
    Worker.objects.create(name="w2", cluster="sira")
    Worker.objects.filter(pk="w2").update(heartbeat_at=Now() - timedelta(minutes=3))
    make_job("processing")
    changelist = viewer.get(reverse("admin:jobs_worker_changelist")).context["cl"]
    alive = {worker.name: (worker.is_alive, worker.job is not None) for worker in changelist.result_list}
    assert alive == {"w1": (True, True), "w2": (False, False)}


@pytest.mark.parametrize("model", ["worker", "receipt", "ratelimit"])
def test_the_engines_own_rows_are_read_only(admin_client, make_job, model):
    key: object
    if model == "worker":
        key = Worker.objects.create(name="w1", cluster="sira").pk
    elif model == "receipt":
        job = make_job("succeeded")
        key = Receipt.objects.create(job_id=job.pk, kind=job.kind, digest="0" * 64).pk
    else:
        key = RateLimit.objects.create(key="openai", theoretical_arrival_at=Now(), ready_at=Now()).pk
    assert admin_client.get(reverse(f"admin:jobs_{model}_changelist")).status_code == 200
    page = reverse(f"admin:jobs_{model}_change", args=[key])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {}).status_code == 403
    assert admin_client.post(reverse(f"admin:jobs_{model}_delete", args=[key]), {"post": "yes"}).status_code == 403


def test_a_pause_by_the_desk_is_what_a_waiting_job_tells(operator, make_job):
    do(operator, "pause", reason="disk is full")
    job = lifecycle.submit("jobs.prune_expired")
    text = operator.get(reverse("admin:jobs_job_change", args=[job.pk])).content.decode()
    assert "The queue was paused by oya: disk is full" in text
