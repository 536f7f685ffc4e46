"""`manage.py jobs`: the same filter as everywhere; a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Job, Worker
from tests.terminal.commands import at_terminal, run_in_pipe


def submit(kind: str = "workload.act_out", **options: Any) -> Job:
    return lifecycle.submit(kind, {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}, **options)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> str:
        call_command("jobs", *arguments)
        return capsys.readouterr().out

    return call


@pytest.mark.django_db
def test_the_filter_is_that_of_every_list(printed, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    jobs = {
        "mine": submit(owner=ada, session_id="s1"),
        "gpu": submit("workload.use_gpu"),
        "old": submit(user_id="u7"),
        "failed": submit(),
    }
    Job.objects.filter(pk=jobs["old"].pk).update(created_at=timezone.now() - timedelta(hours=3))
    Job.objects.filter(pk=jobs["failed"].pk).update(state="failed", error_code="empty_file")

    def found(*arguments: str) -> set[str]:
        ids = {json.loads(line)["id"] for line in printed("--format", "json", *arguments).splitlines()}
        return {name for name, job in jobs.items() if str(job.pk) in ids}

    assert found() == set(jobs)
    assert found("--owner", "ada") == found("--session", "s1") == found("s1") == {"mine"}
    assert found("--queue", "gpu") == found("--kind", "workload.use_gpu") == found("kind:use_gpu") == {"gpu"}
    assert found("--since", "2h") == set(jobs) - {"old"}
    assert found("--until", "2h") == found("user:u7") == found("--user-id", "u7") == {"old"}
    assert found("--state", "failed,succeeded") == found("error:empty", "state:failed") == {"failed"}
    assert found("--limit", "1") == {"failed"}, "the newest first"
    assert found("--state", "failed", "--owner", "ada") == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "faild"], "--state: Unknown state faild; there are pending, queued,"),
        (["--since", "yesterday"], "--since: Datetime has wrong format."),
        (["fiel:cv"], "SEARCH: There is no field fiel to search in."),
        (["--batch", "x"], "--batch: Must be a valid UUID."),
        (["--owner", "nobody"], "--owner: There is no user of this name."),
        (["--limit", "0"], "--limit must be 1 to 10,000."),
        (["--watch", "xyz"], "'xyz' is no id"),
        (["--watch", "0193f2ab"], "there is no job 0193f2ab"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_the_option_that_is_wrong(arguments, words):
    with pytest.raises(CommandError) as refused:
        call_command("jobs", *arguments)
    assert words in str(refused.value)
    assert refused.value.returncode == 2


@pytest.mark.django_db
def test_an_id_that_several_jobs_begin_with_is_not_guessed():
    jobs = [submit() for _ in range(2)]
    with pytest.raises(CommandError, match="several ids begin with"):
        call_command("jobs", "--watch", str(jobs[0].pk)[:8])


@pytest.mark.django_db
def test_csv_has_a_row_for_each_job_and_no_formula(printed):
    job = submit(session_id="=1+1", priority=9)
    (row,) = csv.DictReader(io.StringIO(printed("--format", "csv")))
    assert (row["id"], row["session_id"], row["priority"]) == (str(job.pk), "'=1+1", "9")
    assert (row["position"], row["waiting_for"]) == ("1", "no_worker")


@pytest.mark.django_db
def test_the_header_counts_and_says_who_is_there(printed):
    for _ in range(3):
        submit()
    lifecycle.pause_queue("default", by="ada", reason="new disks")
    out = printed("--limit", "2")
    assert "3 · 3 queued" in out
    assert "default 3 waiting (paused by ada: new disks)" in out
    assert "none alive: jobs are safe and wait" in out
    assert "… and 1 older." in out
    Worker.objects.create(name="host:1", cluster="sira")
    lifecycle.resume_queue("default")
    assert "1 alive" in printed()


@pytest.mark.django_db
def test_what_comes_from_outside_is_neither_markup_nor_a_control_sequence(printed):
    job = submit()
    Job.objects.filter(pk=job.pk).update(
        state="failed", error_message="[red]alarm[/red] \x1b]0;title\x07 \x9b2J", error_code="odd"
    )
    out = printed()
    assert "[red]alarm[/red]" in out
    assert not {"\x1b", "\x07", "\x9b"} & set(out)


def test_at_a_terminal_the_table_keeps_up_until_ctrl_c_and_in_a_pipe_it_is_printed_once(shared_stack):
    stack = shared_stack(web=False, cluster_names=())
    with at_terminal(stack.env, "jobs", columns=90) as command:
        command.see("No job matches")
        with stack.database():
            job = submit()
        command.see(f"{str(job.pk)[:13]} +workload.act_out +queued")
        command.press("\x03")
        assert command.end() == 0
    status, out, _ = run_in_pipe(stack.env, "jobs", "--state", "queued")
    assert status == 0
    assert out.count(str(job.pk)[:13]) == 1
    assert "No worker for this queue is running. The job is safe and waits for one" in out
    status, _, errors = run_in_pipe(stack.env | {"DATABASE_URL": "sqlite:////nowhere/none.sqlite3"}, "jobs")
    assert status == 69
    assert "The database does not answer as it should" in errors
    assert "Traceback" not in errors
