"""What expires is deleted, what is still needed is not, and a deletion leaves a receipt."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.utils import timezone

from jobs import files, lifecycle, retention
from jobs.engine import claiming
from jobs.errors import InvalidInput
from jobs.kinds import registry
from jobs.models import Job, JobFile, Receipt
from jobs.running import RunningJob
from jobs.sign_in.models import SignInTries
from jobs.states import State

pytestmark = pytest.mark.usefixtures("any_database")


def job_with_file(act, **options) -> tuple[Job, str]:
    job = act(**options)
    stored = files.store(
        ContentFile(b"bytes"), name="cv.pdf", media_type="application/pdf", role="input", job_id=job.pk
    )
    JobFile.objects.filter(pk=stored.pk).update(job=job, expires_at=job.expires_at)
    return job, stored.file.name


def finish_all() -> None:
    while (job := claiming.claim("w")) is not None:
        lifecycle.succeed(job, {"secret": 1})


def expire_everything() -> None:
    Job.objects.update(expires_at=Now() - timedelta(days=1))
    JobFile.objects.update(expires_at=Now() - timedelta(days=1))


def test_deleting_a_job_removes_row_events_files_and_content_and_leaves_a_receipt(act):
    job, path = job_with_file(act)
    finish_all()
    receipt = retention.delete_job(Job.objects.get(pk=job.pk), by="ada", reason="asked for")
    assert not Job.objects.exists()
    assert not JobFile.objects.exists()
    assert not default_storage.exists(path)
    assert (Receipt.objects.get().job_id, len(receipt.digest)) == (job.pk, 64)


def test_a_batch_of_many_is_deleted_in_a_handful_of_statements(django_assert_max_num_queries):
    child = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}
    parent = lifecycle.submit_batch(
        lifecycle.Submission("workload.sum_up"),
        [lifecycle.Submission("workload.act_out", child) for _ in range(200)],
    )
    lifecycle.cancel(parent.pk)
    with django_assert_max_num_queries(40):
        retention.delete_job(Job.objects.get(pk=parent.pk))
    assert not Job.objects.exists()
    assert Receipt.objects.count() == 201
    assert len(set(Receipt.objects.values_list("digest", flat=True))) == 201


def test_many_that_expired_are_deleted_in_a_handful_of_statements(act, django_assert_max_num_queries):
    for _ in range(30):
        act()
    finish_all()
    expire_everything()
    with django_assert_max_num_queries(60):  # one for each job would be over a hundred
        assert retention.prune()["jobs"] == 30
    assert not Job.objects.exists()
    assert len(set(Receipt.objects.values_list("digest", flat=True))) == 30


def test_a_running_job_is_not_deleted(act, claim):
    act()
    with pytest.raises(retention.StillRunning):
        retention.delete_job(claim())
    assert Job.objects.exists()


def test_the_input_of_a_job_that_still_waits_is_kept_however_old(act):
    job, path = job_with_file(act)
    expire_everything()
    assert retention.prune() == {"jobs": 0, "files": 0, "deliveries": 0}
    assert default_storage.exists(path)
    finish_all()
    assert retention.prune() == {"jobs": 1, "files": 1, "deliveries": 0}
    assert not default_storage.exists(path)
    assert not Job.objects.filter(pk=job.pk).exists()


def test_one_batch_that_cannot_be_deleted_yet_does_not_keep_others_from_being_deleted(act):
    parent = lifecycle.submit_batch(
        lifecycle.Submission("workload.sum_up"),
        [lifecycle.Submission("workload.act_out", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1})],
    )
    act()
    finish_all()
    Job.objects.filter(parent=parent).update(state=State.QUEUED)
    expire_everything()
    assert retention.prune()["jobs"] == 1
    assert set(Job.objects.values_list("kind", flat=True)) == {"workload.sum_up", "workload.act_out"}


def test_a_file_whose_content_could_not_be_deleted_is_found_by_the_next_prune(act, monkeypatch):
    job, path = job_with_file(act)
    finish_all()
    with monkeypatch.context() as broken:
        broken.setattr("django.core.files.storage.FileSystemStorage.delete", lambda self, name: 1 / 0)
        retention.delete_job(Job.objects.get(pk=job.pk))
    assert default_storage.exists(path)
    assert retention.prune() == {"jobs": 0, "files": 1, "deliveries": 0}
    assert not default_storage.exists(path)


def test_sessions_and_tries_to_sign_in_that_are_over_are_cleared():
    for key, days in (("over", -1), ("goes-on", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days))
    for key, hours in (("old", -2), ("new", 0)):
        SignInTries.objects.create(key=key, settled_at=timezone.now() + timedelta(hours=hours))
    job = RunningJob(lifecycle.submit("jobs.prune_expired"))
    assert registry.get("jobs.prune_expired").run(job)["sessions"] == 1
    assert [one.session_key for one in Session.objects.all()] == ["goes-on"]
    assert [one.key for one in SignInTries.objects.all()] == ["new"]


def test_a_job_for_a_far_day_does_not_expire_before_it_runs(act):
    later = timezone.now() + timedelta(days=90)
    assert act(run_after=later).expires_at > later


def test_an_upload_that_no_job_took_is_deleted_after_a_day(act):
    stored = files.store(ContentFile(b"x"), name="a.txt", media_type="text/plain", role="input", job_id=act().pk)
    assert retention.prune()["files"] == 0
    JobFile.objects.update(created_at=Now() - timedelta(hours=25))
    assert retention.prune()["files"] == 1
    assert not default_storage.exists(stored.file.name)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\a\\\\cv.pdf", "cv.pdf"),
        ("a\x00b\x1f.pdf", "ab.pdf"),
        ("fdp.\u202egpj.exe", "fdp.gpj.exe"),
        ("", "file"),
        ("..", "file"),
        ("özgeçmiş 2024 (son).docx", "özgeçmiş 2024 (son).docx"),
        ("..\\..\\x/../cv.pdf", "cv.pdf"),
        ("%2e%2e%2fcv.pdf", "2e_2e_2fcv.pdf"),
        ("\u2066cv\u2069\u200f\ufeff.pdf", "cv.pdf"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x_1.txt"),
        ("cv.pdf::$DATA", "cv.pdf_DATA"),
        ("CON", "file_CON"),
        ("nul.txt", "file_nul.txt"),
        ("com1 .tar.gz", "file_com1 .tar.gz"),
        ("COM\u00b9.txt", "file_COM\u00b9.txt"),
        ("conference.txt", "conference.txt"),
        (".htaccess", "htaccess"),
        ("cv.pdf. . .", "cv.pdf"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
    ],
)
def test_names_are_made_safe(given, safe):
    assert files.safe_name(given) == safe
    assert files.safe_name(safe) == safe


@pytest.mark.parametrize(
    "given", ["CON.pdf", "../../nul", "\u202efdp.exe", "x" * 5000 + ".pdf", "\x00", "é" * 300, "a/../b"]
)
def test_where_a_file_lies_is_made_of_nothing_but_a_safe_name(given, act):
    path = files.storage_path(given, act().pk, "cvs")
    assert re.fullmatch(r"cvs/[A-Za-z0-9.-][A-Za-z0-9_.-]*_\d{8}_\d{6}_[0-9a-f]{8}\.[a-z]{1,10}", path), path
    assert len(path) < 110


def test_a_very_long_name_keeps_its_extension():
    assert files.safe_name("x" * 500 + ".pdf") == "x" * 116 + ".pdf"


def kept_for(job: Job) -> timedelta:
    job = Job.objects.get(pk=job.pk)
    shown = job.files.get().expires_at if job.files.exists() else job.expires_at
    assert shown == job.expires_at
    return job.expires_at - timezone.now()


def about(days: float) -> object:
    return pytest.approx(timedelta(days=days), abs=timedelta(minutes=1))


def test_what_failed_or_was_cancelled_is_kept_as_long_as_the_settings_say(act, claim, settings):
    settings.SIRA_RETENTION_FAILED, settings.SIRA_RETENTION_CANCELLED = timedelta(days=90), timedelta(days=1)
    failed, cancelled, done = job_with_file(act)[0], job_with_file(act)[0], act()
    Job.objects.update(expires_at=timezone.now() + timedelta(days=20))  # they waited for ten days
    lifecycle.cancel(cancelled.pk)
    lifecycle.fail(claim(), InvalidInput("The file is empty."))
    finish_all()
    assert (kept_for(failed), kept_for(cancelled), kept_for(done)) == (about(90), about(1), about(20))
    lifecycle.requeue(cancelled.pk)
    assert kept_for(cancelled) == about(30)
    lifecycle.cancel(cancelled.pk)
    assert kept_for(cancelled) == about(1)
    Job.objects.filter(pk=cancelled.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert retention.prune()["jobs"] == 1


def test_a_kind_may_say_it_by_state_and_a_batch_keeps_its_parts_as_long_as_itself(settings, monkeypatch):
    for name in ("workload.sum_up", "workload.act_out"):
        own = dataclasses.replace(
            registry.get(name), retention={"cancelled": timedelta(days=2), "succeeded": timedelta(7)}
        )
        monkeypatch.setitem(registry._kinds, name, own)
    child = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}
    parent = lifecycle.submit_batch(
        lifecycle.Submission("workload.sum_up"), [lifecycle.Submission("workload.act_out", child) for _ in range(2)]
    )
    assert kept_for(parent) == about(7)
    lifecycle.cancel(Job.objects.filter(parent=parent).first().pk)
    assert {one.expires_at for one in Job.objects.filter(parent=parent)} == {parent.expires_at}
    lifecycle.cancel(parent.pk)
    assert [kept_for(one) for one in Job.objects.all()] == [about(2)] * 3
    lifecycle.requeue(parent.pk)
    assert kept_for(parent) == about(7)
