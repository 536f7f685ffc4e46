"""Who holds a resource, how long, and how it is taken away."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.engine import claiming, devices, worker
from jobs.errors import Superseded
from jobs.kinds import registry
from jobs.models import Job, JobEvent, RateLimit, Worker
from jobs.positions import DEVICE_BUSY, explain, holders_of, resources
from tests.engine.conftest import event_types
from tests.harness.waiting import wait_until

GPU = "workload.use_gpu"


class NobodyWatches:
    def guard(self, *_: Any) -> None: ...
    def leave(self) -> None: ...


def run(job: Job) -> Job:
    worker.run(job, NobodyWatches())
    return Job.objects.get(pk=job.pk)


@pytest.fixture(autouse=True)
def own_locks(settings: Any, tmp_path: Path) -> Path:
    settings.DEVICE_LOCK_DIR = tmp_path / "locks"
    return settings.DEVICE_LOCK_DIR


@pytest.fixture
def alive() -> None:
    """Somebody serves the queue, so that waiting has another reason."""
    Worker.objects.create(name="worker-1", cluster="sira")


def shift_start(job: Job, seconds: float) -> None:
    """Let the holder have begun so long ago."""
    Job.objects.filter(pk=job.pk).update(processing_at=Now() - timedelta(seconds=seconds))


# --- taken away by staff ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("any_database")
def test_a_resource_that_is_taken_is_free_and_the_old_attempt_writes_nothing(act, claim):
    act(kind=GPU, value=1), act(kind=GPU, value=2)
    first = claim()
    assert claiming.claim("w2") is None
    taken = lifecycle.take_resource(first.pk, by="sue", reason="it hangs")
    assert (taken.state, taken.slot, taken.worker, taken.fence) == ("pending", None, "", first.fence + 1)
    assert taken.run_after is not None
    second = claim("w2")
    assert second.input["value"] == 2
    for write in (lambda: lifecycle.succeed(first, {}), lambda: lifecycle.progress(first, 50)):
        with pytest.raises(Superseded):
            write()
    last = first.events.order_by("seq").last()
    assert (last.type, last.data["by"], last.data["reason"]) == ("retry_scheduled", "sue", "it hangs")
    assert explain(taken).waiting_for == "retry"
    lifecycle.succeed(second, {})
    Job.objects.filter(pk=first.pk).update(run_after=Now())
    lifecycle.promote_due()
    assert claim().attempt == 2


@pytest.mark.usefixtures("any_database")
def test_the_last_attempt_fails_when_its_resource_is_taken(act, claim):
    act(kind=GPU, max_attempts=1)
    taken = lifecycle.take_resource(claim().pk, by="sue")
    assert (taken.state, taken.error_code, taken.slot) == ("failed", "resource_taken", None)


@pytest.mark.usefixtures("any_database")
def test_a_holder_that_was_told_to_stop_is_cancelled_when_its_resource_is_taken(act, claim):
    act(kind=GPU)
    job = claim()
    lifecycle.cancel(job.pk)
    assert lifecycle.take_resource(job.pk, by="sue").state == "cancelled"


@pytest.mark.django_db
def test_nothing_is_taken_from_a_job_that_holds_nothing(act, claim):
    waiting = act(kind=GPU)
    other = act()
    lifecycle.cancel(waiting.pk)
    assert [lifecycle.take_resource(job.pk, by="sue") for job in (waiting, claim())] == [None, None]
    assert event_types(other) == ["created", "started"]


# --- who holds it -------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.usefixtures("alive")
def test_holders_say_since_when_and_until_about_when(act, claim, ada):
    act(kind=GPU, owner=ada)
    lifecycle.succeed(claim(), {})
    Job.objects.update(processing_at=Now() - timedelta(seconds=60), succeeded_at=Now())
    act(kind=GPU, owner=ada), act(kind=GPU)
    running = claim()
    (holder,) = holders_of("gpu")
    assert (holder.job, holder.since, holder.held_long) == (running, running.processing_at, False)
    left = (holder.expected_end[1] - holder.since).total_seconds()
    assert 59 < left < 62
    (gpu,) = [resource for resource in resources() if resource.name == "gpu"]
    assert (gpu.capacity, gpu.waiting, len(gpu.holders)) == (1, 1, 1)
    sentence = explain(Job.objects.queued().get()).sentence
    assert "in use since" in sentence and "probably until" in sentence  # noqa: PT018  one sentence


@pytest.mark.django_db
@pytest.mark.usefixtures("alive")
def test_a_holder_is_warned_of_once_and_then_said_to_hold_long(act, claim, caplog):
    act(kind=GPU), act(kind=GPU)
    running = claim()
    shift_start(running, 29)
    assert lifecycle.warn_of_long_holders() == 0
    shift_start(running, 31)
    assert [lifecycle.warn_of_long_holders() for _ in range(3)] == [1, 0, 0]
    assert caplog.text.count("is held by job") == 1
    assert holders_of("gpu")[0].held_long
    assert explain(Job.objects.queued().get()).sentence.endswith("for a long time now.")
    lifecycle.release(running)
    again = claim()
    assert not holders_of("gpu")[0].held_long  # another attempt is another holder
    JobEvent.objects.update(created_at=Now() - timedelta(hours=1))  # all that was an hour ago
    shift_start(again, 31)
    assert lifecycle.warn_of_long_holders() == 1


# --- the lock on the device ---------------------------------------------------------------------------------------
def lock_like_a_zombie(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "gpu-0.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


@pytest.mark.usefixtures("any_database", "alive")
def test_a_job_does_not_start_on_a_device_that_an_earlier_process_still_holds(act, claim, own_locks, caplog):
    first, second = act(kind=GPU, value=1), act(kind=GPU, value=2)
    other = act(value=3)
    zombie = lock_like_a_zombie(own_locks)
    for _ in range(3):  # at every look; what needs no gpu goes on
        began = time.monotonic()
        assert (claiming.claim("w") or other).kind == other.kind
        assert time.monotonic() - began < devices.HAND_OVER_SECONDS, "no worker waits for it"
        assert claiming.claimable_heads(registry.in_queues(frozenset({"gpu"}))) == []
        for between in (0.0, 0.5):
            RateLimit.objects.update(ready_at=Now() - timedelta(seconds=between))
            told = explain(first), explain(second)
            assert [(why.position, why.waiting_for, why.until) for why in told] == [
                (1, "resource", None),
                (2, "resource", None),
            ]
            assert "still holds the gpu" in told[1].sentence
    assert event_types(first) == event_types(second) == ["created"], "they stay where they are"
    assert caplog.text.count("still holds") == 1
    os.close(zombie)
    assert [run(claim()).result["value"] for _ in range(2)] == [1, 2]
    assert Job.objects.get(pk=first.pk).attempt == 1


@pytest.mark.usefixtures("any_database", "alive")
def test_an_earlier_process_on_one_of_two_devices_leaves_the_other_to_the_queue(act, claim, own_locks, settings):
    settings.SIRA_RESOURCES = {"gpu": 2}
    zombie = lock_like_a_zombie(own_locks)
    act(kind=GPU), act(kind=GPU)
    assert claim().slot == 1
    assert claiming.claim("w2") is None
    os.close(zombie)
    RateLimit.objects.update(ready_at=Now() - timedelta(seconds=1))
    assert claim().slot == 0


@pytest.mark.usefixtures("any_database")
def test_a_job_that_was_claimed_a_moment_before_an_earlier_process_thawed_is_given_back(
    act, claim, own_locks, monkeypatch
):
    monkeypatch.setattr(devices, "HAND_OVER_SECONDS", 0.1)
    act(kind=GPU)
    job = claim()
    zombie = lock_like_a_zombie(own_locks)
    after = run(job)
    assert (after.state, after.attempt, after.queue_position) == ("queued", 0, 1)
    assert after.events.order_by("seq").last().data["reason"] == DEVICE_BUSY
    os.close(zombie)


def test_a_child_of_the_holder_does_not_hold_the_device(own_locks):
    reader, writer = os.pipe()
    with devices.held_by(Job(resource="gpu", slot=0)):
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # until the parent has gone on
            os._exit(0)
        assert not devices.is_free("gpu", 0)
    # The child lets go of its copy as soon as it gets to run, long before it ends.
    wait_until(lambda: devices.is_free("gpu", 0), timeout=5)
    os.close(writer)
    os.waitpid(child, 0)
    os.close(reader)


@pytest.mark.django_db
def test_the_lock_says_who_holds_it_and_is_let_go_of_on_every_way_out(act, claim, own_locks):
    for how, state in [("ok", "succeeded"), ("invalid", "failed"), ("unavailable", "pending"), ("bug", "failed")]:
        act(how, kind=GPU)
        job = claim()
        with devices.held_by(job) as held:
            assert held
            note = (own_locks / "gpu-0.lock").read_text()
            assert str(job.pk) in note and str(os.getpid()) in note  # noqa: PT018  one note
        assert run(job).state == state
        os.close(lock_like_a_zombie(own_locks))


@pytest.mark.django_db
def test_a_lock_that_cannot_be_made_loses_no_job(act, claim, settings, tmp_path):
    (tmp_path / "file").write_text("no folder")
    settings.DEVICE_LOCK_DIR = tmp_path / "file"
    act(kind=GPU)
    assert claiming.claim("w") is None
    assert RateLimit.objects.filter(reason=DEVICE_BUSY).exists()


def test_a_frozen_worker_keeps_the_device_until_it_is_gone(server_stack, any_database_url):
    """The real thing: SIGSTOP at work, the lease runs out, and two jobs never share the device."""
    env = {"LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.5"}
    stack = server_stack(workers=2, database_url=any_database_url, web=False, env=env)
    with stack.database():
        sleep = {"act": "sleep", "seconds": 1.5, "until_attempt": 0, "value": 1}
        frozen = lifecycle.submit(GPU, sleep)
        following = lifecycle.submit(GPU, sleep | {"act": "ok", "value": 2})
        holder = wait_until(lambda: Job.objects.filter(pk=frozen.pk, state="processing").first())
        lock = stack.data_dir / "locks" / "gpu-0.lock"
        wait_until(lambda: lock.exists() and str(frozen.pk) in lock.read_text())  # it is on the device
        pid = int(holder.worker.split(":")[1])
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: Job.objects.get(pk=frozen.pk).fence > holder.fence, timeout=15)
            looked = RateLimit.objects.filter(reason=DEVICE_BUSY)
            first_look = wait_until(lambda: looked.values_list("ready_at", flat=True).first(), timeout=15)
            wait_until(lambda: looked.filter(ready_at__gt=first_look + timedelta(seconds=2)).exists(), timeout=15)
            assert event_types(frozen) == ["created", "started", "rescued"]
            assert event_types(following) == ["created"]
            freed = time.time()
        finally:
            os.kill(pid, signal.SIGKILL)
        done = wait_until(lambda: Job.objects.filter(pk=following.pk, state="succeeded").first(), timeout=20)
        first = Job.objects.get(pk=frozen.pk)
        assert first.state == "succeeded"
        assert first.result["ran"][0] > freed
        assert done.result["ran"][0] >= first.result["ran"][1] - 0.01  # its place was kept
        assert first.attempt == 2  # the lease that ran out counts, the waits for the device do not
