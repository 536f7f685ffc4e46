"""Queues, resources, workers and receipts on the desk: what is shown is so, and what is done is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from jobs import lifecycle, retention
from jobs.engine import devices
from jobs.models import AuditEntry, Job, QueueControl, RateLimit, Receipt, Worker
from tests.admin.conftest import VIEW, client_of

QUEUES = reverse("admin:jobs_queuecontrol_changelist")
WORKERS = reverse("admin:jobs_worker_changelist")
RECEIPTS = reverse("admin:jobs_receipt_changelist")
RESOURCES = reverse("admin:jobs_resources")
ROOMS = [
    QUEUES,
    WORKERS,
    RECEIPTS,
    RESOURCES,
    reverse("admin:jobs_ratelimit_changelist"),
    reverse("admin:jobs_schedules"),
]


def do(client, verb, queue="default", reason="maintenance"):
    url = reverse("admin:jobs_queuecontrol_operate", args=[queue, verb])
    return client.post(url, {"reason": reason}, follow=True)


def queue_on_page(client, name="default"):
    (queue,) = [queue for queue in client.get(QUEUES).context["queues"] if queue.name == name]
    return queue


def text_of(client, url):
    return client.get(url).content.decode()


def make_worker(name, *, silent=timedelta(), **options):
    Worker.objects.create(name=name, cluster=options.pop("cluster", "sira"), **options)
    Worker.objects.filter(pk=name).update(heartbeat_at=Now() - silent)


# --- who may --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("url", ROOMS)
def test_a_viewer_sees_every_room_and_is_offered_nothing_in_it(viewer, make_job, url):
    make_job("stuck")
    RateLimit.objects.create(key="shop", theoretical_arrival_at=Now(), ready_at=Now() + timedelta(hours=1))
    response = viewer.get(url)
    assert response.status_code == 200
    assert 'class="button' not in response.content.decode()


@pytest.mark.parametrize("url", ROOMS)
def test_staff_without_a_permission_see_no_room(db, url):
    assert client_of("nil").get(url).status_code == 403


@pytest.mark.parametrize("verb", ["pause", "drain", "resume"])
def test_a_viewer_may_not_switch_a_queue(viewer, verb):
    assert do(viewer, verb).status_code == 403
    assert not QueueControl.objects.exists()


def test_who_may_only_pause_neither_drains_nor_ends_a_drain(db):
    pauses = client_of("pia", *VIEW, "pause_queue")
    assert do(pauses, "drain").status_code == 403
    assert [switch.verb for switch in queue_on_page(pauses).switches] == ["pause"]
    lifecycle.drain_queue("default", by="oya")
    assert queue_on_page(pauses).switches == []
    assert do(pauses, "resume").status_code == 403
    assert QueueControl.objects.get().mode == "draining"


# --- queues ---------------------------------------------------------------------------------------------------
def test_every_queue_is_listed_although_none_was_ever_touched(viewer, make_job):
    make_job("queued")
    default = queue_on_page(viewer)
    assert (default.waiting, default.mode, default.workers) == (1, "running", 0)


def test_a_queue_is_paused_and_resumed_with_reasons_on_record(operator, messages_of):
    assert "is paused" in messages_of(do(operator, "pause", reason="disk is full"))
    control = QueueControl.objects.get(pk="default")
    assert (control.mode, control.by, control.reason) == ("paused", "oya", "disk is full")
    assert "runs again" in messages_of(do(operator, "resume", reason="disk was changed"))
    told = AuditEntry.objects.order_by("id").values_list("action", "target", "actor_name", "via", "reason")
    assert list(told) == [
        ("pause_queue", "default", "oya", "desk", "disk is full"),
        ("resume_queue", "default", "oya", "desk", "disk was changed"),
    ]
    assert AuditEntry.objects.earliest("id").after == {"mode": "paused", "by": "oya", "reason": "disk is full"}


def test_a_drained_queue_tells_who_why_and_what_is_left(operator, make_job):
    make_job("queued")
    do(operator, "drain", reason="the host moves")
    page = text_of(operator, QUEUES)
    assert "by oya" in page
    assert "the host moves" in page
    assert "1 job is left." in page
    assert "Reopen" in page
    Job.objects.all().delete()
    assert "Nothing is left: it is empty." in text_of(operator, QUEUES)


def test_the_question_tells_the_risk_of_a_drain_and_changes_nothing(operator, make_job):
    make_job("queued")
    page = text_of(operator, reverse("admin:jobs_queuecontrol_operate", args=["default", "drain"]))
    assert "Drain the queue default?" in page
    assert "turned away (503)" in page
    assert not QueueControl.objects.exists()


def test_pausing_twice_keeps_the_first_reason_and_says_that_nothing_was_done(operator, messages_of):
    do(operator, "pause", reason="first")
    assert "Nothing was done" in messages_of(do(operator, "pause", reason="second"))
    assert QueueControl.objects.get(pk="default").reason == "first"


def test_resuming_a_running_queue_says_that_nothing_was_done(operator, messages_of):
    assert "Nothing was done" in messages_of(do(operator, "resume"))
    assert not AuditEntry.objects.exists()


def test_a_queue_is_not_paused_without_a_reason(operator):
    assert "say why first" in do(operator, "pause", reason="").content.decode()
    assert not QueueControl.objects.exists()


@pytest.mark.parametrize(("queue", "verb"), [("nowhere", "pause"), ("default", "burn")])
def test_what_does_not_exist_is_not_found(operator, queue, verb):
    assert do(operator, verb, queue=queue).status_code == 404


def test_a_pause_by_the_desk_is_what_a_waiting_job_tells(operator, make_job):
    do(operator, "pause", reason="disk is full")
    job = lifecycle.submit("jobs.prune_expired")
    text = text_of(operator, reverse("admin:jobs_job_change", args=[job.pk]))
    assert "The queue was paused by oya: disk is full" in text


# --- resources ------------------------------------------------------------------------------------------------
@pytest.fixture
def holder(db):
    """A job that holds the gpu for a long time, and one that waits for it."""
    given = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}
    job = lifecycle.submit("workload.use_gpu", given)
    lifecycle.submit("workload.use_gpu", given)
    running = lifecycle.start(
        Job.objects.filter(pk=job.pk),
        worker="izmir:88:aa",
        resource="gpu",
        slot=0,
        lease=timedelta(seconds=30),
        require=lambda _: True,
    )
    Job.objects.filter(pk=job.pk).update(processing_at=Now() - timedelta(minutes=2))
    lifecycle.warn_of_long_holders()
    return running


def test_a_resource_shows_its_holder_the_warning_and_who_waits(operator, holder):
    response = operator.get(RESOURCES)
    (gpu,) = [standing for standing in response.context["standings"] if standing.resource.name == "gpu"]
    assert [(held.job.pk, warned is not None) for held, warned in gpu.holders] == [(holder.pk, True)]
    assert [job.state for job in gpu.waiting] == ["queued"]
    page = response.content.decode()
    assert "izmir:88:aa" in page
    assert f"{reverse('admin:jobs_job_operate', args=['take-resource'])}?id={holder.pk}" in page


def test_a_lock_that_this_host_still_holds_is_shown_with_its_holder(viewer, holder):
    with devices.held_by(holder):
        page = text_of(viewer, RESOURCES)
    assert f"job {holder.pk}" in page
    assert not any(standing.devices for standing in viewer.get(RESOURCES).context["standings"])


# --- workers --------------------------------------------------------------------------------------------------
def seats_on_page(client):
    return {seat.worker.name: seat for seat in client.get(WORKERS).context["seats"]}


def test_workers_are_alive_or_silent_and_tell_what_they_run(viewer, make_job):
    make_worker("w1")
    make_worker("host-2:77:ab", silent=timedelta(minutes=3))
    job = make_job("processing")
    seats = seats_on_page(viewer)
    assert (seats["w1"].is_alive, seats["w1"].job, seats["w1"].fate) == (True, job, "")
    silent = seats["host-2:77:ab"]
    assert (silent.is_alive, silent.job, silent.host, silent.process) == (False, None, "host-2", "77")


def test_a_silent_worker_says_what_becomes_of_its_job(viewer, make_job):
    make_worker("w1", silent=timedelta(minutes=3))
    job = make_job("processing")
    assert "it goes back into the queue and is made again" in seats_on_page(viewer)["w1"].fate
    Job.objects.filter(pk=job.pk).update(max_attempts=1)
    assert "it fails: this was its last attempt" in seats_on_page(viewer)["w1"].fate
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=Now())
    assert "it is cancelled, as was asked for" in seats_on_page(viewer)["w1"].fate


@pytest.mark.parametrize(
    ("somebody", "says"), [(False, "no cluster is alive to take it back"), (True, "Within a second or two")]
)
def test_a_job_whose_worker_is_gone_is_listed_with_what_becomes_of_it(operator, make_job, somebody, says):
    if somebody:
        make_worker("other")
    job = make_job("stuck")
    response = operator.get(WORKERS)
    ((lost, fate),) = response.context["lost"]
    assert lost.pk == job.pk
    assert says in fate
    assert f"{reverse('admin:jobs_job_operate', args=['repair'])}?id={job.pk}" in response.content.decode()


def test_clusters_are_summed_up_by_what_they_serve(viewer, make_job):
    make_worker("w1")
    make_worker("w2", silent=timedelta(minutes=3))
    make_worker("gpu-host:1:a", cluster="gpu", queues=["gpu"])
    make_job("processing")
    clusters = {cluster.name: cluster for cluster in viewer.get(WORKERS).context["clusters"]}
    assert (clusters["sira"].busy, clusters["sira"].alive, clusters["sira"].silent) == (1, 1, 1)
    assert (clusters["sira"].queues, clusters["gpu"].queues, clusters["gpu"].hosts) == ([], ["gpu"], ["gpu-host"])


# --- receipts -------------------------------------------------------------------------------------------------
@pytest.fixture
def receipt(make_job):
    return retention.delete_job(make_job("succeeded"), by="oya", reason="asked for by the candidate")


@pytest.mark.parametrize("line", ["{id}", "{begin}", "oya", "jobs.prune_expired", "candidate", "oya candidate"])
def test_a_receipt_is_found_by_id_person_kind_or_reason(viewer, receipt, line):
    Receipt.objects.create(job_id="00000000-0000-7000-8000-000000000000", kind="other.do_it", digest="0" * 64)
    words = line.format(id=receipt.pk, begin=str(receipt.pk)[:13])
    found = viewer.get(RECEIPTS, {"q": words}).context["cl"].result_list
    assert [row.pk for row in found] == [receipt.pk]


def test_a_link_to_a_job_that_was_deleted_leads_to_its_receipt(viewer, receipt, messages_of):
    response = viewer.get(reverse("admin:jobs_job_change", args=[receipt.pk]), follow=True)
    assert response.redirect_chain[-1][0] == reverse("admin:jobs_receipt_change", args=[receipt.pk])
    assert "This job was deleted" in messages_of(response)
    assert receipt.digest in response.content.decode()


def test_a_link_to_a_job_that_never_was_says_so(viewer, messages_of):
    never = "00000000-0000-7000-8000-000000000000"
    response = viewer.get(reverse("admin:jobs_job_change", args=[never]), follow=True)
    assert "deleted; its receipt" not in messages_of(response)


def test_what_retention_deletes_next_is_counted_by_kind_and_day(viewer, make_job):
    for days in (-3, 2, 2, 30):
        job = make_job("succeeded")
        Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() + timedelta(days=days))
    Job.objects.filter(pk=make_job("queued").pk).update(expires_at=timezone.now())  # it waits: it is kept
    ((kind, counts, together),) = viewer.get(RECEIPTS).context["pruned_next"]
    assert (kind, counts, together) == ("jobs.prune_expired", [1, 0, 2, 0, 0, 0, 0], 3)


@pytest.mark.parametrize("model", ["worker", "receipt", "ratelimit", "queuecontrol"])
def test_the_engines_own_rows_are_read_only(admin_client, make_job, model):
    key: object
    if model == "worker":
        key = Worker.objects.create(name="w1", cluster="sira").pk
    elif model == "receipt":
        job = make_job("succeeded")
        key = Receipt.objects.create(job_id=job.pk, kind=job.kind, digest="0" * 64).pk
    elif model == "ratelimit":
        key = RateLimit.objects.create(key="openai", theoretical_arrival_at=Now(), ready_at=Now()).pk
    else:
        key = lifecycle.pause_queue("default", by="ada").pk
    assert admin_client.get(reverse(f"admin:jobs_{model}_changelist")).status_code == 200
    page = reverse(f"admin:jobs_{model}_change", args=[key])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {}).status_code == 403
    assert admin_client.post(reverse(f"admin:jobs_{model}_delete", args=[key]), {"post": "yes"}).status_code == 403
