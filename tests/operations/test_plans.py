"""A plan is frozen when it is made, carried out once, and leaves alone what changed meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from rest_framework.exceptions import ValidationError

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import JobError
from jobs.kinds import registry
from jobs.models import AuditEntry, Job, OperationPlan, PlannedStep
from jobs.operations import (
    MOST_PLANNED,
    NotPlanned,
    TooMany,
    carry_out,
    carry_out_here,
    counts,
    describe_step,
    plan,
    steps_to_do,
    take_step,
)
from jobs.retention import delete_job, prune_records
from jobs.running import RunningJob
from tests.operations.conftest import failed, late, queued, running

pytestmark = pytest.mark.django_db

WHY = "the provider is back"


def states(*jobs: Job) -> list[str]:
    return [Job.objects.get(pk=job.pk).state for job in jobs]


def outcome(made, job: Job) -> tuple[str, str]:
    step = made.steps.get(job_id=job.pk)
    return step.outcome, step.why


def test_a_plan_does_nothing_before_it_is_carried_out():
    job = failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    assert states(job) == ["failed"]
    assert not AuditEntry.objects.exists()
    step = made.steps.get()
    assert (step.job_id, step.state, step.fence, step.step) == (job.pk, "failed", job.fence, "requeue")
    words = describe_step("requeue", step)
    assert "empty_file" in words.evidence
    assert "attempts counted afresh" in words.what
    assert words.came == ""


def test_what_comes_after_the_plan_is_not_touched():
    early = failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    after = failed()
    carry_out_here(made)
    assert states(early, after) == ["queued", "failed"]


def test_every_step_is_in_the_log_with_before_and_after(staff):
    oya = staff("requeue_job")
    job = failed()
    made = plan("requeue", [job.pk], actor=oya, reason=WHY)
    carry_out_here(made)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target, entry.reason, entry.via) == (
        oya, "requeue", str(job.pk), WHY, "desk",
    )  # fmt: skip
    assert (entry.before["state"], entry.before["error_code"], entry.after["state"]) == (
        "failed",
        "empty_file",
        "queued",
    )
    assert entry.after["plan"] == str(made.pk)


@pytest.mark.parametrize("change", ["moved", "same state, other fence", "deleted"])
def test_a_job_that_changed_meanwhile_is_left_alone(change):
    job, other = failed(), failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    if change == "deleted":
        delete_job(job)
    else:
        lifecycle.requeue(job.pk, by="somebody")
        if change == "same state, other fence":
            again = running(Job.objects.get(pk=job.pk))
            lifecycle.fail(again, lifecycle.WorkerLost("It is lost."))
    carry_out_here(made)
    assert outcome(made, job) == ("skipped", "gone" if change == "deleted" else "changed")
    assert outcome(made, other) == ("done", "")
    assert AuditEntry.objects.count() == 1


def test_an_excluded_job_is_left_alone_and_the_plan_says_so():
    out, kept = failed(), failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    carry_out_here(made, excluded=[out.pk])
    assert states(out, kept) == ["failed", "queued"]
    assert describe_step("requeue", made.steps.get(job_id=out.pk)).came == "You left it out."
    assert counts(made) == {
        "jobs": 2, "planned": 1, "done": 1, "skipped": 0, "excluded": 1, "nothing": 0, "to_do": 0,
    }  # fmt: skip


def test_a_plan_is_carried_out_once():
    failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    carry_out(made)
    with pytest.raises(NotPlanned):
        carry_out(made)
    with pytest.raises(NotPlanned):
        carry_out_here(made)
    assert Job.objects.filter(kind="jobs.carry_out_plan").count() == 1


def test_who_says_that_it_be_done_needs_the_permission(staff):
    failed()
    made = plan("requeue", {"state": "failed"}, actor=staff("requeue_job", name="may"), reason=WHY)
    with pytest.raises(PermissionDenied):
        carry_out(made, by=staff("cancel_job", name="may not"))
    assert not Job.objects.filter(kind="jobs.carry_out_plan").exists()


def test_a_plan_of_nothing_is_not_carried_out():
    queued()
    made = plan("requeue", {"state": "queued"}, via="terminal", reason=WHY)
    assert counts(made)["nothing"] == 1
    with pytest.raises(NotPlanned):
        carry_out(made)


def test_two_who_carry_out_the_same_plan_do_nothing_twice():
    failed(), failed()
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    seen = list(steps_to_do(made))
    assert [take_step(made, step) for step in seen] == [True, True]
    assert [take_step(made, step) for step in seen] == [False, False]
    assert AuditEntry.objects.count() == 2


def run_next() -> Job:
    """Claim what is next and run its kind here, as a worker does."""
    job = claiming.claim("w1")
    assert job is not None
    kind = registry.get(job.kind)
    attempt = RunningJob(job)
    try:
        return lifecycle.succeed(attempt.job, kind.run(attempt, **job.input))
    except JobError as error:
        return lifecycle.fail(attempt.job, error)


def test_the_plans_job_goes_first_and_tells_what_it_did(staff):
    oya = staff("requeue_job", name="oya")
    queued(), failed()
    made = plan("requeue", {"state": "failed"}, actor=oya, reason=WHY)
    job = carry_out(made)
    assert run_next().pk == job.pk
    job.refresh_from_db()
    assert (job.state, job.result["done"], job.result["to_do"]) == ("succeeded", 1, 0)
    assert (job.owner, job.progress) == (oya, 100)


@pytest.mark.parametrize("loss", ["permission", "account"])
def test_who_may_no_longer_do_it_has_nothing_carried_out(staff, loss):
    oya = staff("requeue_job")
    failed()
    made = plan("requeue", {"state": "failed"}, actor=oya, reason=WHY)
    job = carry_out(made)
    if loss == "permission":
        oya.user_permissions.clear()
    else:
        oya.delete()
    run_next()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "not_allowed")
    assert counts(made)["to_do"] == 1


def test_an_error_in_one_step_does_not_keep_the_others_waiting(monkeypatch):
    bad, good = failed(), failed()
    real = lifecycle.requeue

    def requeue(job_id, **options):
        if job_id == bad.pk:
            raise ZeroDivisionError
        return real(job_id, **options)

    monkeypatch.setattr(lifecycle, "requeue", requeue)
    made = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    carry_out_here(made)
    assert outcome(made, bad) == ("skipped", "error")
    assert states(bad, good) == ["failed", "queued"]


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("requeue", "requeue_job"),
        ("cancel", "cancel_job"),
        ("repair", "repair_job"),
        ("take_resource", "take_resource"),
        ("forget", "forget_job"),
    ],
)
def test_each_operation_needs_its_own_permission(staff, name, permission):
    names = ["requeue_job", "cancel_job", "repair_job", "take_resource", "forget_job"]
    without = staff(*(other for other in names if other != permission), name="without")
    with pytest.raises(PermissionDenied):
        plan(name, {}, actor=without, reason=WHY)
    assert plan(name, {}, actor=staff(permission, name="with"), reason=WHY).actor_name == "with"


def test_a_filter_that_makes_no_sense_is_refused():
    with pytest.raises(ValidationError):
        plan("cancel", {"state": "asleep"}, via="terminal")


def test_more_than_a_plan_may_have_is_refused(monkeypatch):
    monkeypatch.setattr("jobs.operations.plans.MOST_PLANNED", 1)
    assert MOST_PLANNED > 10_000
    failed(), failed()
    with pytest.raises(TooMany):
        plan("requeue", {}, via="terminal")
    assert not PlannedStep.objects.exists()


@pytest.mark.parametrize(
    ("name", "make", "after"),
    [
        ("cancel", queued, {"state": "cancelled"}),
        ("cancel", running, {"state": "processing", "told_to_stop": True}),
        ("repair", lambda: late(running()), {"state": "queued"}),
        (
            "take_resource",
            lambda: running(slot=0, resource="gpu"),
            {"state": "pending", "error_code": "resource_taken"},
        ),
    ],
)
def test_what_an_operation_leaves_behind(name, make, after):
    made = plan(name, [make().pk], via="terminal", reason=WHY)
    carry_out_here(made)
    step = made.steps.get()
    assert step.outcome == "done"
    assert after.items() <= step.after.items()


def test_a_deleted_job_leaves_its_receipt_in_plan_and_log():
    job = failed()
    made = plan("forget", [job.pk], via="terminal", reason=WHY)
    carry_out_here(made)
    assert not Job.objects.exists()
    receipt = made.steps.get().after["receipt"]
    assert AuditEntry.objects.get().after["receipt"] == receipt
    assert receipt[:12] in describe_step("forget", made.steps.get()).came


def test_old_plans_and_entries_are_forgotten_and_the_log_is_kept_longer(settings):
    failed(), failed()
    old = plan("requeue", {"state": "failed"}, via="terminal", reason=WHY)
    carry_out_here(old)
    new = plan("cancel", {}, via="terminal", reason=WHY)
    ages = {"old": settings.SIRA_RETENTION + timedelta(days=1), "ancient": settings.SIRA_AUDIT_RETENTION * 2}
    OperationPlan.objects.filter(pk=old.pk).update(created_at=Now() - ages["old"])
    ancient, recent = AuditEntry.objects.all()
    AuditEntry.objects.filter(pk=ancient.pk).update(at=Now() - ages["ancient"])
    AuditEntry.objects.filter(pk=recent.pk).update(at=Now() - ages["old"])
    assert prune_records() == {"plans": 1, "audit_entries": 1}
    assert OperationPlan.objects.get() == new
    assert AuditEntry.objects.get() == recent
