"""Recurring batches: what is new or changed in a folder or in the storage is submitted, once."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from classifier import recurring
from classifier.models import CollectedFile, RecurringBatch
from jobs.models import Job, JobFile

LONG_AGO = time.time() - 3600


@pytest.fixture
def folder(tmp_path, settings, _own_storage) -> Path:
    root = tmp_path / "scans"
    (root / "in").mkdir(parents=True)
    settings.CLASSIFIER_FOLDERS = [root]
    return root / "in"


@pytest.fixture
def row(ada, folder) -> RecurringBatch:
    return RecurringBatch.objects.create(name="scans", owner=ada, location=str(folder), every=5, priority=2)


def write(folder: Path, name: str, text: str = "The library opens at nine.", *, modified: float = LONG_AGO) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (modified, modified))
    return path


def run(row: RecurringBatch) -> list[str]:
    """Run the row and return the names of the files that were submitted."""
    row.refresh_from_db()
    done = recurring.run(row.pk)
    row.refresh_from_db()
    sent = JobFile.objects.filter(job__parent__in=done.jobs).order_by("job_id")
    assert done.documents == len(sent)
    return [file.name for file in sent]


def test_new_files_become_a_batch_of_the_owner_once(row, folder, ada):
    write(folder, "b.txt", "Two.")
    write(folder, "a.txt", "One.")
    write(folder, "below/c.txt", "Three.")
    assert run(row) == ["a.txt", "b.txt", "c.txt"]
    assert row.last_job.kind == "classifier.classify_batch"
    assert (row.last_job.owner, row.last_job.priority, row.last_job.state) == (ada, 2, "pending")
    assert {(job.owner, job.priority, job.state) for job in row.last_job.children.all()} == {(ada, 2, "queued")}
    assert row.last_problem == ""
    before = row.last_job
    assert run(row) == []
    assert row.last_job == before


def test_a_changed_file_is_sent_again_and_a_touched_one_is_not(row, folder):
    write(folder, "a.txt", "One.")
    write(folder, "b.txt", "Two.")
    run(row)
    write(folder, "a.txt", "One, changed.", modified=LONG_AGO + 60)
    write(folder, "b.txt", "Two.", modified=LONG_AGO + 60)
    assert run(row) == ["a.txt"]
    assert CollectedFile.objects.filter(name="a.txt").count() == 2
    touched = CollectedFile.objects.get(name="b.txt")
    assert touched.modified_ns == os.stat(folder / "b.txt").st_mtime_ns  # so it is not read again


def test_a_file_that_is_still_being_written_waits_for_the_next_run(row, folder):
    path = write(folder, "half.txt", "Half of it", modified=time.time())
    assert run(row) == []
    assert row.last_problem == ""
    path.write_text("All of it.")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert run(row) == ["half.txt"]


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(row, folder, monkeypatch):
    from classifier import sources

    path = write(folder, "a.txt", "One.")
    read = os.fdopen

    def grow(handle, mode):
        with path.open("a") as file:
            file.write("More.")
        return read(handle, mode)

    monkeypatch.setattr(sources.os, "fdopen", grow)
    assert run(row) == []
    monkeypatch.undo()
    assert run(row) == []  # it was written a moment ago
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert run(row) == ["a.txt"]


def test_hidden_and_temporary_files_are_no_documents(row, folder):
    for name in (".a.txt.swp", "~$a.docx", "a.txt.part", ".git/b.txt"):
        write(folder, name)
    assert run(row) == []


def test_a_broken_file_is_in_the_batch_with_its_reason_and_comes_once(row, folder, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    write(folder, "a.txt")
    write(folder, "program.exe").write_bytes(b"MZ\x90\x00" + bytes(100))
    os.utime(folder / "program.exe", (LONG_AGO, LONG_AGO))
    write(folder, "large.txt", "x" * 1001)
    assert run(row) == ["a.txt", "large.txt", "program.exe"]
    assert list(row.last_job.children.order_by("pk").values_list("state", "error_code")) == [
        ("queued", ""),
        ("failed", "file_too_large"),
        ("failed", "unsupported_type"),
    ]
    assert run(row) == []


def test_a_missing_folder_is_a_problem_on_the_row_and_the_next_run_tries_again(row, folder):
    folder.rmdir()
    assert run(row) == []
    assert row.last_problem == "The folder does not exist on this host, or may not be read."
    write(folder, "a.txt")
    assert run(row) == ["a.txt"]
    assert row.last_problem == ""


def test_a_symbolic_link_is_never_followed_and_is_told_of(row, folder, tmp_path):
    outside = tmp_path / "outside"
    write(outside, "secret.txt", "Secret.")
    (folder / "file.txt").symlink_to(outside / "secret.txt")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    write(folder, "a.txt")
    assert run(row) == ["a.txt"]
    assert row.last_problem == "Left out: 3 symbolic links."


def test_a_pipe_does_not_hold_up_the_run(row, folder):
    os.mkfifo(folder / "pipe.txt")
    write(folder, "a.txt")
    assert run(row) == ["a.txt"]
    assert row.last_problem == "Left out: 1 things that are no files."


@pytest.mark.parametrize("escape", ["..", "in/../..", "link", "/etc", "relative/path", "in\0"])
def test_a_location_outside_the_allowed_folders_is_refused_when_saved_and_when_run(ada, folder, tmp_path, escape):
    root = folder.parent
    (root / "link").symlink_to(tmp_path)
    write(tmp_path, "secret.txt")
    location = escape if escape == "relative/path" else f"{root}/{escape}" if not escape.startswith("/") else escape
    row = RecurringBatch(name="x", owner=ada, location=location)
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert set(caught.value.message_dict) == {"location"}
    if "\0" not in location:
        row.save()
        assert run(row) == []
        assert "CLASSIFIER_FOLDERS" in row.last_problem or "full path" in row.last_problem


def test_without_the_setting_no_folder_is_read(row, folder, settings):
    write(folder, "a.txt")
    settings.CLASSIFIER_FOLDERS = []
    assert run(row) == []
    assert row.last_problem == (
        "No folder may be read: the CLASSIFIER_FOLDERS setting is empty. Name the folders there and restart."
    )


def test_a_row_runs_when_it_is_due_and_not_before(row, folder):
    write(folder, "a.txt", "One.")
    assert recurring.run().documents == 1  # it never ran
    write(folder, "b.txt", "Two.")
    assert recurring.run().documents == 0
    RecurringBatch.objects.update(last_run_at=timezone.now() - timedelta(minutes=5))
    assert recurring.run().documents == 1
    RecurringBatch.objects.update(last_run_at=None, is_enabled=False)
    write(folder, "c.txt", "Three.")
    assert recurring.run().documents == 0


def test_a_run_that_dies_midway_is_due_again_and_leaves_nothing_behind(row, folder, settings, monkeypatch):
    from jobs.errors import Draining

    for name in ("a.txt", "b.txt"):
        write(folder, name, f"This is {name}.")
    store = recurring._store

    def die_at_the_second(found, *rest):
        if found.name == "b.txt":
            raise Draining
        return store(found, *rest)

    monkeypatch.setattr(recurring, "_store", die_at_the_second)
    with pytest.raises(Draining):
        recurring.run()
    assert (Job.objects.count(), JobFile.objects.count(), CollectedFile.objects.count()) == (0, 0, 0)
    assert sum(len(names) for _, _, names in os.walk(settings.MEDIA_ROOT)) == 0
    monkeypatch.undo()
    assert recurring.run().documents == 2


def test_one_row_that_breaks_does_not_stop_the_others(row, folder, ada, monkeypatch, caplog):
    RecurringBatch.objects.create(name="a broken one", owner=ada, location=str(folder.parent))
    write(folder, "a.txt")
    collect = recurring._Run.collect

    def break_one(self):
        if self.row.name == "a broken one":
            raise ZeroDivisionError
        return collect(self)

    monkeypatch.setattr(recurring._Run, "collect", break_one)
    assert recurring.run().documents == 1
    assert RecurringBatch.objects.get(name="a broken one").last_problem == recurring.OUR_BUG
    assert "could not be run" in caplog.text


def test_an_owner_who_was_switched_off_gets_no_batches(row, folder, ada):
    write(folder, "a.txt")
    ada.is_active = False
    ada.save()
    assert run(row) == []
    assert "switched off" in row.last_problem


def test_many_files_become_several_batches(row, folder, monkeypatch):
    monkeypatch.setattr(recurring, "MOST_AT_ONCE", 2)
    for number in range(5):
        write(folder, f"{number}.txt", f"Number {number}.")
    assert len(run(row)) == 5
    assert Job.objects.filter(parent__isnull=True).count() == 3
    assert run(row) == []


def test_two_runs_at_once_submit_each_file_once(any_database, row, folder):
    for number in range(6):
        write(folder, f"{number}.txt", f"Number {number}.")
    barrier = threading.Barrier(3)
    failures = []

    def run_it():
        try:
            barrier.wait()
            for _ in range(3):
                recurring.run(row.pk)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Job.objects.filter(parent__isnull=False).count() == 6
    assert CollectedFile.objects.count() == 6
    assert JobFile.objects.filter(job__isnull=True).count() == 0


def test_a_run_that_comes_second_to_submit_takes_back_what_it_stored(row, folder, settings, monkeypatch):
    write(folder, "a.txt", "One.")
    write(folder, "b.txt", "Two.")
    first = recurring._Run(row, recurring.nullcontext)
    remember = recurring._Run._remember

    def remember_then_lose(self):
        remember(self)
        if self is not first:
            monkeypatch.setattr(recurring._Run, "_remember", remember)
            first.collect()

    monkeypatch.setattr(recurring._Run, "_remember", remember_then_lose)
    assert recurring.run(row.pk).documents == 0
    assert first.done.documents == 2
    assert Job.objects.filter(parent__isnull=False).count() == 2
    assert JobFile.objects.count() == 2
    assert sum(len(names) for _, _, names in os.walk(settings.MEDIA_ROOT)) == 2


def test_files_of_the_storage_are_collected_by_prefix(ada, folder):
    row = RecurringBatch.objects.create(name="stored", owner=ada, source="storage", location="incoming/contracts/")
    for name in ("incoming/contracts/a.txt", "incoming/contracts/2026/b.txt", "incoming/other.txt"):
        path = default_storage.save(name, ContentFile(f"This is {name}.".encode()))
        os.utime(default_storage.path(path), (LONG_AGO, LONG_AGO))
    assert run(row) == ["a.txt", "b.txt"]
    assert run(row) == []
    assert default_storage.exists("incoming/contracts/a.txt")


def test_what_jobs_keep_in_the_storage_is_never_collected(ada, folder):
    RecurringBatch.objects.create(name="stored", owner=ada, source="storage", location="incoming")
    path = default_storage.save("incoming/a.txt", ContentFile(b"One."))
    os.utime(default_storage.path(path), (LONG_AGO, LONG_AGO))
    assert recurring.run().documents == 1
    for where, _, names in os.walk(default_storage.path("classifier")):
        for name in names:
            os.utime(Path(where) / name, (LONG_AGO, LONG_AGO))
    row = RecurringBatch.objects.create(name="a loop", owner=ada, source="storage", location="classifier")
    assert run(row) == []


@pytest.mark.parametrize("location", ["", "/", "../files", "a/../../b", "a\\b"])
def test_a_prefix_that_is_no_folder_of_the_storage_is_refused(ada, location):
    row = RecurringBatch(name="x", owner=ada, source="storage", location=location or " ")
    with pytest.raises(ValidationError, match="path such as"):
        row.full_clean()


def test_a_missing_folder_of_the_storage_is_a_problem_on_the_row(ada, folder):
    row = RecurringBatch.objects.create(name="stored", owner=ada, source="storage", location="nowhere")
    assert run(row) == []
    assert row.last_problem == "The storage has no such folder."


def test_a_file_that_is_long_gone_is_forgotten_and_one_that_is_there_is_not(row, folder):
    write(folder, "stays.txt", "One.")
    gone = write(folder, "goes.txt", "Two.")
    run(row)
    CollectedFile.objects.update(collected_at=timezone.now() - timedelta(days=400))
    gone.unlink()
    assert run(row) == []
    assert list(CollectedFile.objects.values_list("name", flat=True)) == ["stays.txt"]


def test_the_kind_runs_every_minute_and_names_no_file(row, folder):
    from jobs.kinds import registry
    from jobs.running import RunningJob
    from tests.classifier.conftest import begin

    kind = registry.get("classifier.collect_recurring")
    assert (kind.every, kind.internal) == (timedelta(minutes=1), True)
    write(folder, "a.txt")
    from jobs import lifecycle

    job = lifecycle.submit(kind.name, {"recurring_batch": row.pk})
    running = begin(job.pk)
    assert kind.run(RunningJob(running), **running.input) == {"batches": 1, "documents": 1}
