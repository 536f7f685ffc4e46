"""Files in a bucket, in this process: what is written is read again, and each fault is told as what it is."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from jobs import files, lifecycle, retention, sent_files
from jobs.bucket import Bucket
from jobs.errors import StorageAway, StorageFull, StorageRefused
from jobs.models import Job, JobFile, new_id
from jobs.running import RunningJob
from tests.standins.s3_server import S3Server
from tests.storage.conftest import BUCKET, PREFIX

pytestmark = pytest.mark.django_db


def keep(content: bytes = b"one", name: str = "a.txt", **options: Any) -> JobFile:
    return files.store(
        ContentFile(content), name=name, media_type="text/plain", role=JobFile.Role.INPUT, job_id=new_id(), **options
    )


def test_what_is_written_is_read_again_below_the_prefix(bucket: S3Server) -> None:
    large = os.urandom(3 * 1024**2)  # more than is kept in memory
    for content in (b"", "Sıra".encode(), large):
        stored = keep(content)
        with stored.file.open("rb") as found:
            assert found.read() == content
        stored.file.close()
    assert len(bucket.keys(BUCKET)) == 3
    assert all(key.startswith(f"{PREFIX}/jobs/a_") and key.endswith(".txt") for key in bucket.keys(BUCKET))


def test_two_files_of_one_name_and_second_are_two_objects(bucket: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "storage_path", lambda *_: "jobs/same.txt")
    names = {keep(str(number).encode()).file.name for number in range(20)}
    assert len(names) == len(bucket.keys(BUCKET)) == 20
    assert [method for method, _ in bucket.requests[-21:]].count("HEAD") == 0  # nobody asks whether a name is free


def test_no_object_is_open_to_others_and_no_url_is_given_away(bucket: S3Server) -> None:
    stored = keep()
    grants = bucket.client.get_object_acl(Bucket=BUCKET, Key=f"{PREFIX}/{stored.file.name}")["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]
    with pytest.raises(NotImplementedError):
        _ = stored.file.url


def test_threads_share_a_connection_and_a_fork_opens_its_own(bucket: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    storage: Any = default_storage
    ours = storage.connection
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: storage.connection).result() is ours
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        assert storage.connection is not ours


def test_a_name_that_leads_out_of_the_prefix_is_refused(bucket: S3Server) -> None:
    from django.core.exceptions import SuspiciousOperation

    for name in ("../../other/secret", "/../secret"):
        with pytest.raises(SuspiciousOperation):
            default_storage.open(name)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((403, "AccessDenied"), StorageRefused),
        ((403, "InvalidAccessKeyId"), StorageRefused),
        ((404, "NoSuchBucket"), StorageRefused),
        ((500, "InternalError"), StorageAway),
        ((503, "SlowDown"), StorageAway),
        ((400, "RequestTimeout"), StorageAway),
        ((404, "NoSuchKey"), FileNotFoundError),
    ],
)
def test_what_the_bucket_answers_is_told_in_our_words(
    refusal: tuple[int, str], error: type[Exception], bucket: S3Server
) -> None:
    stored = keep()
    bucket.refusal = refusal
    with pytest.raises(error):
        stored.file.storage.open(stored.file.name)
    if error is not FileNotFoundError:
        with pytest.raises(error):
            keep(b"two")
        with pytest.raises(error):
            default_storage.listdir("")
    bucket.refusal = None
    assert JobFile.objects.count() == len(bucket.keys(BUCKET)) == 1


def test_a_bucket_that_nobody_can_reach_is_away_and_nothing_is_half_stored(bucket: S3Server) -> None:
    bucket.stop()
    with pytest.raises(StorageAway, match="did not answer"):
        keep()
    assert not JobFile.objects.exists()


def test_of_a_group_that_breaks_off_nothing_is_left_that_no_row_names(
    bucket: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Bucket._save

    def away_from_the_third_on(self: Any, name: str, content: Any) -> str:
        if len(bucket.keys(BUCKET)) == 2:
            bucket.stop()
        return save(self, name, content)

    monkeypatch.setattr(Bucket, "_save", away_from_the_third_on)
    incoming = [files.Incoming(ContentFile(b"x"), f"{n}.txt", "text/plain", new_id()) for n in range(4)]
    with pytest.raises(StorageAway):
        files.store_many(incoming, role=JobFile.Role.INPUT)
    bucket.start()
    kept = {f"{PREFIX}/{name}" for name in JobFile.objects.values_list("file", flat=True)}
    assert set(bucket.keys(BUCKET)) == kept
    assert len(kept) == 2
    JobFile.objects.update(created_at=Now() - timedelta(hours=25))
    monkeypatch.setattr(files, "_asked_again_at", 0.0)
    assert retention.prune()["files"] == 2
    assert bucket.keys(BUCKET) == []


def finished_job(file: JobFile) -> Job:
    job = lifecycle.submit("workload.act_out", {"act": "ok"}, files=[file])
    lifecycle.cancel(job.pk)
    return Job.objects.get(pk=job.pk)


def test_a_deletion_that_fails_stops_nothing_else_and_is_tried_again(
    bucket: S3Server, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = finished_job(keep(b"one")), finished_job(keep(b"two"))
    bucket.stop()
    for job in (first, second):
        with django_capture_on_commit_callbacks(execute=True):
            assert retention.delete_job(job).job_id == job.pk
    assert not Job.objects.exists()
    asked = len(bucket.requests)
    bucket.start()
    assert retention.prune()["files"] == 0  # left alone for a while: each try may take long
    assert len(bucket.requests) == asked
    monkeypatch.setattr(files, "_asked_again_at", 0.0)
    assert retention.prune()["files"] == 2
    assert bucket.keys(BUCKET) == []


def test_one_object_that_may_not_be_deleted_does_not_keep_the_others(
    bucket: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [keep(name=f"{number}.txt") for number in range(3)]
    delete = Bucket.delete

    def not_the_second(self: Any, name: str) -> None:
        if name == stored[1].file.name:
            raise StorageRefused
        delete(self, name)

    with monkeypatch.context() as locked:
        locked.setattr(Bucket, "delete", not_the_second)
        assert files.discard(stored) == 2
    assert bucket.keys(BUCKET) == [f"{PREFIX}/{stored[1].file.name}"]
    assert files.discard(JobFile.objects.all()) == 1


def test_a_job_gets_its_file_as_a_copy_that_goes_away(bucket: S3Server) -> None:
    stored = keep(b"some text", "cv.pdf")
    job = RunningJob(lifecycle.submit("workload.act_out", {"act": "ok"}, files=[stored]))
    with job.local_path(str(stored.pk)) as path:
        assert (path.read_bytes(), path.suffix) == (b"some text", ".pdf")
    assert not path.exists()


def test_a_full_disk_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", full)
    with pytest.raises(StorageFull):
        keep()


def test_a_sent_file_that_cannot_be_deleted_is_not_said_to_be(bucket: S3Server, django_user_model: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    ada = django_user_model.objects.create_user("ada")
    sent = sent_files.keep(SimpleUploadedFile("a.txt", b"x"), name="a.txt", media_type="text/plain", owner=ada)
    bucket.stop()
    with pytest.raises(StorageAway):
        sent_files.forget(sent)
    bucket.start()
    files._asked_again_at = 0.0
    assert sent_files.forget(sent)
    assert bucket.keys(BUCKET) == []
