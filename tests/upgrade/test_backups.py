"""A backup is taken while workers run, and what was acknowledged before it ends once in the place it is restored to."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from jobs import backups, lifecycle
from jobs.models import Job, JobEvent, JobFile
from tests.engine.conftest import event_types
from tests.engine.test_workers import QUICK_LEASE, submit, wait_for
from tests.harness import postgres
from tests.harness.waiting import wait_until
from tests.requirements import require_tool
from tests.workload.models import LedgerEntry

CONTENT = b"what somebody sent"


@pytest.fixture
def restore(request: pytest.FixtureRequest, any_database_url: str, tmp_path: Path) -> Callable[[Path], dict[str, Any]]:
    """Restore a backup into a new place, as docs/upgrading.md says; returns the options of a stack that uses it."""

    def into_a_new_place(backup: Path) -> dict[str, Any]:
        data_dir = tmp_path / "restored"
        data_dir.mkdir()
        shutil.copytree(backup / backups.FILES, data_dir / "files")
        shutil.copy(backup / backups.SECRET, data_dir)
        if not any_database_url:
            shutil.copy(backup / backups.SQLITE, data_dir)
            return {"data_dir": data_dir}
        name = urlsplit(any_database_url).path[1:] + "_restored"
        url = postgres.create_database(request.getfixturevalue("postgresql_server_url"), name)
        request.addfinalizer(lambda: postgres.drop_database(request.getfixturevalue("postgresql_server_url"), name))
        dump = str(backup / backups.POSTGRESQL)
        subprocess.run(
            [require_tool("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={url}", dump], check=True
        )
        return {"data_dir": data_dir, "database_url": url}

    return into_a_new_place


def states() -> Counter[str]:
    return Counter(Job.objects.values_list("state", flat=True))


def test_what_was_acknowledged_before_a_backup_ends_once_where_it_is_restored(
    server_stack: Any, any_database_url: str, restore: Any, tmp_path: Path, settings: Any
) -> None:
    if any_database_url:
        require_tool("pg_dump")
    own = QUICK_LEASE | {"WORKER_QUEUES": "default"}
    stack = server_stack(web=False, database_url=any_database_url, env=own)
    settings.DATA_DIR, settings.MEDIA_ROOT = stack.data_dir, stack.data_dir / "files"
    settings.SECRET_KEY = (stack.data_dir / "secret-key").read_text().strip()
    with stack.database():
        failed = wait_for(submit("invalid"), "failed")
        done = wait_for(submit("ok", value=7), "succeeded")
        JobFile.objects.create(
            job=done, role="output", name="a.txt", file=ContentFile(CONTENT, "a.txt"), size=len(CONTENT),
            media_type="text/plain", sha256="0" * 64,
        )  # fmt: skip
        cancelled = submit("ok", kind="workload.use_gpu")  # no worker serves its queue
        lifecycle.cancel(cancelled.pk)
        long = [submit("sleep", seconds=3, value=n) for n in range(2)]
        for job in long:
            wait_for(job, "processing")
        waiting = [submit("sleep", seconds=0.05, value=n) for n in range(12)]
        call_command("backup", str(tmp_path / "backup"), verbosity=0)  # here, where it needs no second to start
        later = submit("ok")
        wait_until(lambda: states()["succeeded"] == 16, timeout=40, message=lambda: f"it goes on: {states()}")
    stack.stop()

    restored = server_stack(web=False, env=own, **restore(tmp_path / "backup"))
    settings.MEDIA_ROOT = restored.data_dir / "files"
    assert restored.data_dir != stack.data_dir
    assert (restored.data_dir / "secret-key").read_text().strip() == settings.SECRET_KEY
    with restored.database():
        newest_event = JobEvent.objects.latest("id").pk
        wait_until(lambda: states()["succeeded"] == 15, timeout=40, message=lambda: f"all end: {states()}")
        assert states() == {"succeeded": 15, "failed": 1, "cancelled": 1}
        assert not Job.objects.filter(pk=later.pk).exists()
        assert Job.objects.get(pk=failed.pk).error_code == "empty_file"
        assert Job.objects.get(pk=done.pk).result["value"] == 7
        with JobFile.objects.get(job=done).file.open() as file:
            assert file.read() == CONTENT
        for job in long:  # they ran when the backup was taken, and their workers are not in it
            again = Job.objects.get(pk=job.pk)
            assert event_types(job)[-3:] == ["rescued", "started", "succeeded"]
            assert again.fence > job.fence + 1
        entries = Counter(LedgerEntry.objects.values_list("job_id", flat=True))
        assert entries == dict.fromkeys((job.pk for job in [done, *long, *waiting]), 1)
        # The counters of the copy go on from where they stood.
        new = wait_for(submit("ok"), "succeeded")
        assert JobEvent.objects.filter(job=new).earliest("id").pk > newest_event
        assert event_types(new)[-1] == "succeeded"


@pytest.mark.parametrize("reason", ["not empty", "no pg_dump"])
def test_a_backup_that_cannot_be_made_says_what_to_do(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backup"
    if reason == "not empty":
        folder.mkdir()
        (folder / "something").touch()
        with pytest.raises(CommandError, match="Name a new folder"):
            call_command("backup", str(folder))
        return
    monkeypatch.setattr(backups.connection, "vendor", "postgresql", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="pg_dump is not installed"):
        call_command("backup", str(folder))
