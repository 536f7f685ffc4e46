"""`manage.py repair_jobs`: looked at first, asked, carried out, on record."""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from jobs import lifecycle
from jobs.engine import claiming
from jobs.kinds import registry
from jobs.models import AuditEntry, Job, OperationPlan, Worker
from jobs.running import RunningJob
from tests.harness.waiting import wait_until
from tests.operations.conftest import late, queued, running
from tests.terminal.commands import at_terminal, run_in_pipe

WHY = "the host burnt down"


@pytest.fixture
def repair(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: str) -> str:
        call_command("repair_jobs", *arguments)
        return capsys.readouterr().out

    return call


def stuck() -> Job:
    return late(running(queued(), worker="host.3"))


def state(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


@pytest.mark.django_db
def test_a_dry_run_shows_job_evidence_step_and_risk_and_does_nothing(repair):
    job = stuck()
    before = Job.objects.values().get(pk=job.pk)
    waiting = queued()
    out = repair("--dry-run")
    assert str(job.pk)[:13] in out
    assert "was not renewed, and host.3 shows no sign of life. Attempt 1 of 3." in out
    assert "Taken from its worker and put into the queue again." in out
    assert "low: What the lost attempt did outside may happen twice." in out
    assert str(waiting.pk)[:13] in out
    assert "No worker serves the queue default." in out
    assert "1 can be repaired (1 rescue); 1 waits for something else." in out
    assert Job.objects.values().get(pk=job.pk) == before
    assert not OperationPlan.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_only_what_was_asked_for_is_repaired_and_the_log_says_who_did_it_and_why(repair):
    job, other = stuck(), late(running(queued(session_id="s2"), worker="host.3"))
    steps = [
        json.loads(line)
        for line in repair("--session", "s2", "--reason", WHY, "--yes", "--format", "json").splitlines()
    ]
    assert [(step["job_id"], step["outcome"]) for step in steps] == [(str(other.pk), ""), (str(other.pk), "done")]
    assert (state(job), state(other)) == ("processing", "queued")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.via, entry.reason) == ("repair", str(other.pk), "terminal", WHY)
    assert (entry.actor, entry.actor_name) == (None, f"{getpass.getuser()} (terminal)")
    assert (entry.before["state"], entry.after["state"]) == ("processing", "queued")


@pytest.mark.django_db
def test_what_recovers_between_plan_and_deed_is_left_alone_and_the_command_says_so(repair, monkeypatch):
    job = stuck()
    monkeypatch.setattr("builtins.input", lambda _: lifecycle.rescue(only=job.pk) and "y")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit) as ended:
        repair("--reason", WHY)
    assert ended.value.code == 1
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_nothing_stuck_is_no_failure(repair):
    assert repair("--reason", WHY, "--yes").strip() == "Nothing is stuck."
    assert not OperationPlan.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--reason is missing"),
        (["--reason", "  ", "--yes"], "--reason is missing"),
        (["--reason", "x" * 301, "--yes"], "--reason may have 300 characters."),
        (["--reason", WHY], "Nobody can be asked here. To do it without: --yes."),
        (["--dry-run", "--state", "stuck"], "--state: Unknown state stuck"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(arguments, words):
    job = stuck()
    with pytest.raises(CommandError) as refused:
        call_command("repair_jobs", *arguments)
    assert words in str(refused.value)
    assert refused.value.returncode == 2
    assert state(job) == "processing"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_alive_carries_the_plan_out(repair):
    job = stuck()
    Worker.objects.create(name="w2", cluster="sira")

    def work() -> None:
        try:
            plan = wait_until(lambda: claiming.claim("w2"))
            lifecycle.succeed(plan, registry.get(plan.kind).run(RunningJob(plan), **plan.input))
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    out = repair("--reason", WHY, "--yes")
    worker.join(10)
    made = OperationPlan.objects.get()
    assert f"A worker does it: job {made.job_id}." in out
    assert "1 repaired, 0 left alone." in out
    assert state(job) == "queued"
    assert AuditEntry.objects.get().actor_name == f"{getpass.getuser()} (terminal)"


def test_at_a_terminal_it_asks_and_no_means_no(shared_stack: Any) -> None:
    stack = shared_stack(web=False, cluster_names=())
    with stack.database():
        job = stuck()
    for answer, said in (("n\n", "Nothing was done."), ("y\n", "now +Done: now queued.")):
        with at_terminal(stack.env, "repair_jobs", "--reason", WHY) as command:
            command.see(r"Take this step\? \[y/N\]")
            command.press(answer)
            command.see(said)
            assert command.end() == 0
        with stack.database():
            assert AuditEntry.objects.filter(target=job.pk).count() == (answer == "y\n")
    status, out, _ = run_in_pipe(stack.env, "repair_jobs", "--dry-run")
    assert status == 0
    assert "None can be repaired from here; 1 waits for something else." in out
