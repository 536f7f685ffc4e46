"""What else touches files: the settings, recurring batches, backups, and the erasure of a person."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from classifier import recurring, sources
from classifier.models import RecurringBatch
from jobs import files, lifecycle
from jobs.checks import bucket_can_be_used, files_go_encrypted
from jobs.models import Erasure, JobFile, new_id
from jobs.people import erasure
from jobs.people.registry import NotYet, Person
from tests.harness.processes import BASE_DIR
from tests.standins.s3_server import S3Server
from tests.storage.conftest import BUCKET


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"FILES_S3_PREFIX": "kept"}, "FILES_S3_BUCKET is empty"),
        ({"FILES_S3_BUCKET": "b", "FILES_S3_KEY_ID": "k"}, "FILES_S3_KEY_ID and FILES_S3_SECRET go together"),
        ({"FILES_S3_BUCKET": "b", "FILES_S3_ADDRESSING": "paht"}, "use 'auto', 'path' or 'virtual'"),
        ({"FILES_S3_BUCKET": "b", "FILES_S3_ENDPOINT_URL": "minio:9000"}, "must start with https://"),
        ({"FILES_S3_BUCKET": "b", "FILES_S3_PREFIX": "a/../b"}, "FILES_S3_PREFIX is a path"),
        ({"FILES_S3_BUCKET": "b", "FILES_S3_TIMEOUT_SECONDS": "0"}, "FILES_S3_TIMEOUT_SECONDS must be"),
        ({"FILES_S3_BUCKET": "b", "MISSING": "storages"}, "pip install -r requirements-s3.txt"),
    ],
)
def test_a_wrong_setting_stops_the_start(given: dict[str, str], said: str, tmp_path: Path) -> None:
    start = f"import sys; sys.modules[{given.pop('MISSING', 'none')!r}] = None; import config.settings"
    env = os.environ | {"DATA_DIR": str(tmp_path)} | given
    ended = subprocess.run(
        [sys.executable, "-c", start], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert said in ended.stderr


def test_an_unencrypted_way_to_the_bucket_is_warned_of_in_production(settings) -> None:
    settings.PRODUCTION, settings.FILES_S3_BUCKET = True, "b"
    settings.FILES_S3_ENDPOINT_URL = "http://storage.example.com"
    assert [found.id for found in files_go_encrypted()] == ["jobs.W004"]
    settings.FILES_S3_ENDPOINT_URL = "https://storage.example.com"
    assert files_go_encrypted() == []


def test_the_check_before_a_deployment_looks_into_the_bucket(bucket: S3Server, settings) -> None:
    settings.FILES_S3_BUCKET = BUCKET
    assert bucket_can_be_used() == []
    bucket.refusal = (403, "AccessDenied")
    (found,) = bucket_can_be_used()
    assert (found.id, "storage_refused" in found.msg) == ("jobs.W005", True)
    settings.FILES_S3_BUCKET = ""
    assert bucket_can_be_used() == []


@pytest.mark.django_db
def test_a_recurring_batch_collects_what_is_new_below_a_prefix(
    bucket: S3Server, django_user_model, monkeypatch
) -> None:
    monkeypatch.setattr(sources, "SETTLED_AFTER", timedelta())
    monkeypatch.setattr("jobs.bucket.Bucket.get_available_name", lambda self, name, max_length=None: name)
    ada = django_user_model.objects.create_user("ada")
    row = RecurringBatch.objects.create(name="scans", owner=ada, source="storage", location="incoming")
    for name in ("a.txt", "below/b.txt"):
        default_storage.save(f"incoming/{name}", ContentFile(f"This is {name}.".encode()))
    assert recurring.run(row.pk).documents == 2
    assert recurring.run(row.pk).documents == 0
    bucket.stop()
    assert recurring.run(row.pk).documents == 0
    row.refresh_from_db()
    assert row.last_problem == "The storage could not be read."
    bucket.start()
    default_storage.save("incoming/c.txt", ContentFile(b"New."))
    assert recurring.run(row.pk).documents == 1
    row.refresh_from_db()
    assert row.last_problem == ""


@pytest.mark.django_db(transaction=True)
def test_a_backup_says_that_the_bucket_is_not_in_it(bucket: S3Server, tmp_path: Path) -> None:
    out = StringIO()
    call_command("backup", str(tmp_path / "backup"), stdout=out)
    assert "files     in a bucket" in out.getvalue()
    assert not (tmp_path / "backup" / "files").exists()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_has_not_ended_while_a_file_of_the_person_is_there(bucket: S3Server, monkeypatch) -> None:
    stored = files.store(
        ContentFile(b"x"), name="a.txt", media_type="text/plain", role=JobFile.Role.INPUT, job_id=new_id()
    )
    job = lifecycle.submit("workload.act_out", {"act": "ok"}, files=[stored], user_id="u-1")
    lifecycle.cancel(job.pk)
    bucket.stop()
    with pytest.raises(NotYet, match="did not delete: 1"):
        erasure.erase(Person("u-1"))
    assert Erasure.objects.get().finished_at is None
    bucket.start()
    monkeypatch.setattr(files, "_asked_again_at", 0.0)
    assert erasure.erase(Person("u-1")).finished_at is not None
    assert bucket.keys(BUCKET) == []
