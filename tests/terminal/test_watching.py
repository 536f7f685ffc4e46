"""Watching: bars at a terminal, lines in a pipe, and nothing missed when everything around dies."""

from __future__ import annotations

import json
import signal

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError

from jobs import lifecycle
from jobs.models import Job
from jobs.terminal import watching
from jobs.terminal.following import Following, News
from tests.harness.waiting import wait_until
from tests.terminal.commands import at_terminal, run_in_pipe, start_in_pipe

QUICK_LEASE = {
    "WORKER_QUEUES": "default,gpu",
    "LEASE_SECONDS": "4",
    "HEARTBEAT_SECONDS": "1",
    "DRAIN_GRACE_SECONDS": "2",
}


def act(what: str, seconds: float = 0) -> list[str]:
    return ["submit", "workload.act_out", "--input", f"act={what}", f"seconds={seconds}"]


def test_a_watch_outlives_the_cluster_and_tells_each_event_once(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with start_in_pipe(stack.env, *act("steps", 4), "--watch", "--format", "json") as process:
        with stack.database():
            wait_until(lambda: Job.objects.running().filter(progress__gt=5).first(), timeout=30)
        stack.kill_whole("sira")
        stack.start("sira")
        out, _ = process.communicate(timeout=90)
    told = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert (told[0]["type"], told[-1]["type"]) == ("accepted", "ended")
    events = [one["event"] for one in told if one["type"] == "event"]
    with stack.database():
        job = Job.objects.get(pk=told[0]["job_id"])
        written = list(job.events.order_by("seq").values_list("seq", "type"))
    assert [(event["seq"], event["type"]) for event in events] == written
    assert [type for _, type in written].count("started") == 2
    assert told[-1]["result"] == {"value": 0, "attempt": 2}


def test_bars_lines_and_the_end_of_watching(shared_stack):
    stack = shared_stack(web=False, env=QUICK_LEASE)

    # At a terminal: bars that are drawn over, and the whole reason of a failure.
    with at_terminal(stack.env, *act("steps", 2), "--watch") as command:
        command.see(r"act out processing \S+ +[1-8]0 % step[1-8]")
        command.see(r"act out succeeded +━+ +100 % in \d\.\d s")
        command.see(r"1 succeeded; watched for")
        assert command.end() == 0
        assert "\r\x1b[2K" in command.raw, "the bars were written one below the other"
    with at_terminal(stack.env, *act("invalid"), "--watch", columns=50) as command:
        command.see(r"The file is empty\. Send one with content\. \[empty_file\]")
        assert command.end() == 1

    # In a pipe: plain lines, each event once.
    status, out, _ = run_in_pipe(stack.env, *act("steps", 0.5), "--watch")
    assert status == 0
    assert "\x1b" not in out
    told = [line.partition(": ")[2] for line in out.splitlines() if ": " in line]
    steps = [f"{step * 10} % step{step}" for step in range(10)]
    assert told[:-1] == ["created, queued, position 1", "started, attempt 1 of 3", *steps]
    assert told[-1].startswith("succeeded in 0.")
    status, out, _ = run_in_pipe(stack.env, *act("bug"), "--wait", "60", "--format", "json")
    accepted, ended = map(json.loads, out.splitlines())
    assert (status, accepted["state"], ended["state"], ended["error"]["code"]) == (
        1,
        "queued",
        "failed",
        "internal_error",
    )

    # Somebody has seen enough: the job goes on, and can be watched again.
    with at_terminal(stack.env, *act("sleep", 5), "--watch") as command:
        command.see("processing")
        command.press("\x03")
        again = command.see(
            r"The job goes on; only the watching has ended\.[^$]*manage\.py (jobs --watch [0-9a-f-]{36})"
        )
        assert command.end() == 130
    with at_terminal(stack.env, *again[1].split()) as command:
        command.see("1 succeeded")
        assert command.end() == 0

    # Patience has an end, and so has a reader.
    status, _, errors = run_in_pipe(stack.env, *act("sleep", 30), "--wait", "0.5")
    assert status == 124
    assert "The job goes on" in errors
    with start_in_pipe(stack.env, *act("sleep", 30), "--watch") as process:
        process.stdout.readline()
        process.stdout.close()
        with stack.database():
            for job in Job.objects.unfinished():
                lifecycle.cancel(job.pk)
        process.wait(60)
        assert process.returncode == 141
        assert process.stderr.read() == ""


def test_ctrl_c_in_a_pipe_ends_only_the_watching(shared_stack):
    stack = shared_stack(web=False, cluster_names=())
    with start_in_pipe(stack.env, *act("ok"), *["--watch"]) as process:
        assert "waits: No worker for this queue is running." in "".join(process.stdout.readline() for _ in range(3))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    with stack.database():
        job = Job.objects.get()
        assert f"manage.py jobs --watch {job.pk}" in errors
        assert (job.state, job.cancel_requested_at) == ("queued", None)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_is_waited_for(monkeypatch, capsys):
    job = lifecycle.submit("workload.act_out", {"act": "ok"})
    look, failures = Following.look, iter([OperationalError("gone"), InterfaceError("gone")])

    def look_again(self: Following) -> list[News]:
        if (error := next(failures, None)) is not None:
            raise error
        lifecycle.cancel(job.pk)
        return look(self)

    monkeypatch.setattr(Following, "look", look_again)
    monkeypatch.setattr(watching, "PAUSE_SECONDS", 0.01)
    with pytest.raises(SystemExit) as ended:
        call_command("jobs", "--watch", str(job.pk))
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert out.count("The database does not answer. The jobs are safe; trying again") == 2
    assert "cancelled" in out.splitlines()[-1]


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_deleted_while_it_is_watched_is_told_and_did_not_succeed(monkeypatch, capsys):
    jobs = [lifecycle.submit("workload.act_out", {"act": "ok"}) for _ in range(2)]
    Job.objects.filter(pk=jobs[1].pk).update(state="succeeded")
    explain = Following.explain
    monkeypatch.setattr(Following, "explain", lambda self: (explain(self), Job.objects.get(pk=jobs[0].pk).delete())[0])
    with pytest.raises(SystemExit) as ended:
        call_command("jobs", "--watch", *(str(job.pk) for job in jobs), "--format", "json")
    assert ended.value.code == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"type": "deleted", "job_id": str(jobs[0].pk)} in told
    assert [one["state"] for one in told if one["type"] == "ended"] == [None, "succeeded"]
