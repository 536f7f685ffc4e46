"""Plans on the desk: made from the list, looked at, pruned by hand, carried out with a reason, and told of."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from jobs.models import AuditEntry, Job, OperationPlan, Worker
from jobs.operations import OPERATIONS, counts
from tests.admin.conftest import VIEW, client_of

LIST = reverse("admin:jobs_job_changelist")
PLAN = reverse("admin:jobs_job_plan")
REASON = "the provider is back"


def make(client, operation="requeue", **filter):
    """Make a plan as the desk does and return it with its page."""
    query = {"operation": operation, **filter}
    page = client.post(f"{PLAN}?{'&'.join(f'{name}={value}' for name, value in query.items())}", follow=True)
    return OperationPlan.objects.get(), page.content.decode()


def page_of(made):
    return reverse("admin:jobs_operationplan_change", args=[made.pk])


def carry_out(client, made, *jobs, shown=(), **sent):
    url = reverse("admin:jobs_operationplan_carry_out", args=[made.pk])
    data = {"shown": ",".join(str(job.pk) for job in shown), "job": [str(job.pk) for job in jobs], "reason": REASON}
    return client.post(url, data | sent, follow=True)


def test_the_list_offers_a_plan_for_all_that_match_with_the_same_filter(operator, make_job):
    make_job("failed", session_id="s1")
    text = operator.get(LIST, {"state": "failed", "session_id": "s1"}).content.decode()
    form = re.search(r'<form method="get" action="' + PLAN + r'".*?</form>', text, re.DOTALL)[0]
    assert '<input type="hidden" name="state" value="failed">' in form
    assert '<input type="hidden" name="session_id" value="s1">' in form
    assert "The 1 job that matches:" in form


def test_a_list_that_is_narrowed_in_a_way_a_plan_does_not_know_offers_none(operator, make_job):
    make_job("stuck")
    assert f'action="{PLAN}"' not in operator.get(LIST, {"attention": "stuck"}).content.decode()


def test_looking_whether_to_plan_plans_nothing(operator, make_job):
    make_job("failed")
    text = operator.get(PLAN, {"operation": "requeue", "state": "failed"}).content.decode()
    assert "1 job matches now." in text
    assert not OperationPlan.objects.exists()


def test_a_plan_shows_evidence_step_and_risk_and_changes_nothing(operator, make_job):
    job = make_job("failed")
    made, text = make(operator, state="failed")
    assert made.filter == {"state": "failed"}
    for words in ("It ended as failed: empty_file.", "attempts counted afresh", "may happen twice", str(job.pk)):
        assert words in text
    job.refresh_from_db()
    assert job.state == "failed"


def test_what_is_unticked_is_left_out(operator, make_job):
    out, kept = make_job("failed"), make_job("failed")
    made, _text = make(operator, state="failed")
    page = carry_out(operator, made, kept, shown=[out, kept], here="1")
    assert "You left it out." in page.content.decode()
    assert [Job.objects.get(pk=job.pk).state for job in (out, kept)] == ["failed", "queued"]
    assert [entry.target for entry in AuditEntry.objects.all()] == [str(kept.pk)]


def test_ticks_of_another_page_are_kept(operator, make_job):
    first, second = make_job("failed"), make_job("failed")
    made, _text = make(operator, state="failed")
    carry_out(operator, made, shown=[first], ticks="1")
    assert made.steps.get(job_id=first.pk).is_excluded
    carry_out(operator, made, second, shown=[second], here="1")
    assert [Job.objects.get(pk=job.pk).state for job in (first, second)] == ["failed", "queued"]


def test_without_a_reason_nothing_is_carried_out(operator, make_job):
    make_job("failed")
    made, _text = make(operator, state="failed")
    page = carry_out(operator, made, here="1", reason="  ")
    assert "say why first" in page.content.decode()
    assert OperationPlan.objects.get().confirmed_at is None


def test_as_a_job_it_waits_for_a_worker_and_says_so(operator, make_job):
    job = make_job("failed")
    made, _text = make(operator, state="failed")
    text = carry_out(operator, made, job, shown=[job]).content.decode()
    runner = Job.objects.get(kind="jobs.carry_out_plan")
    assert "No worker for this queue is running" in text
    assert reverse("admin:jobs_job_change", args=[runner.pk]) in text
    assert 'data-plan-progress="live"' in text
    part = operator.get(page_of(made), {"part": "progress"}).content.decode()
    assert "0 of 1" in part
    assert "<html" not in part


def test_the_log_names_who_said_that_it_be_done_and_not_who_planned_it(operator, make_job):
    job = make_job("failed")
    made, _text = make(operator, state="failed")
    other = client_of("ozan", *VIEW, "requeue_job")
    carry_out(other, made, job, shown=[job], here="1")
    assert AuditEntry.objects.get().actor_name == "ozan"


def test_a_plan_that_was_carried_out_is_not_carried_out_again(operator, make_job):
    job = make_job("failed")
    made, _text = make(operator, state="failed")
    carry_out(operator, made, job, shown=[job], here="1")
    page = carry_out(operator, made, shown=[job], here="1")
    assert "Nothing was done" in page.content.decode()
    assert counts(made)["excluded"] == 0
    assert AuditEntry.objects.count() == 1


def test_without_a_worker_the_desk_offers_to_do_it_itself(operator, make_job):
    make_job("failed")
    made, text = make(operator, state="failed")
    assert "No worker is alive that could carry out a plan." in text
    Worker.objects.create(name="w1", cluster="sira")
    assert "No worker is alive" not in operator.get(page_of(made)).content.decode()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_who_lacks_the_permission_neither_plans_nor_carries_out_nor_is_offered_it(make_job, name):
    make_job("failed")
    permission = OPERATIONS[name].permission.partition(".")[2]
    others = [other.permission.partition(".")[2] for other in OPERATIONS.values() if other.name != name]
    without, allowed = client_of("without", *VIEW, *others), client_of("with", *VIEW, permission)
    address = f"{PLAN}?operation={OPERATIONS[name].slug}"
    assert [without.get(address).status_code, without.post(address).status_code] == [403, 403]
    assert f'value="{OPERATIONS[name].slug}"' not in without.get(LIST).content.decode()
    assert not OperationPlan.objects.exists()
    assert allowed.get(address).status_code == 200
    made, _text = make(allowed, operation=name)
    assert carry_out(without, made, here="1").status_code == 403
    assert "takes a permission that you do not have" in without.get(page_of(made)).content.decode() or name in (
        "cancel",
        "repair",
        "take_resource",
    )  # of a failed job nothing can be cancelled: there is nothing to carry out
    assert OperationPlan.objects.get().confirmed_at is None


def test_a_filter_that_makes_no_sense_makes_no_plan(operator, messages_of):
    page = operator.post(f"{PLAN}?operation=cancel&state=asleep", follow=True)
    assert "This filter makes no sense" in messages_of(page)
    assert not OperationPlan.objects.exists()


def test_a_plan_and_the_log_are_read_only(admin_client, make_job):
    make_job("failed")
    made, _text = make(admin_client, state="failed")
    assert admin_client.post(page_of(made), {"operation": "forget"}).status_code == 403
    carry_out(admin_client, made, here="1")
    entry = AuditEntry.objects.first()
    page = reverse("admin:jobs_auditentry_change", args=[entry.pk])
    assert admin_client.post(page, {"reason": "x"}).status_code == 403
    assert admin_client.post(reverse("admin:jobs_auditentry_delete", args=[entry.pk])).status_code == 403


def test_the_log_shows_before_and_after_side_by_side_and_finds_what_was_done_to_a_job(operator, make_job):
    job, other = make_job("failed"), make_job("failed")
    made, _text = make(operator, state="failed")
    carry_out(operator, made, job, other, shown=[job, other], here="1")
    log = reverse("admin:jobs_auditentry_changelist")
    found = operator.get(log, {"q": str(job.pk)}).context["cl"].result_list
    assert [entry.target for entry in found] == [str(job.pk)]
    for query in ({"who": "oya"}, {"action": "requeue"}, {"via": "desk"}, {"target_type": "job"}):
        assert len(operator.get(log, query).context["cl"].result_list) == 2
    assert not operator.get(log, {"who": "nobody"}).context["cl"].result_list
    page = operator.get(reverse("admin:jobs_auditentry_change", args=[found[0].pk])).content.decode()
    assert '<tr class="desk-changed"><th scope="row">state</th><td>failed</td><td>queued</td></tr>' in page
    story = operator.get(reverse("admin:jobs_job_change", args=[job.pk])).content.decode()
    assert "Who did what to it" in story
    assert REASON in story
