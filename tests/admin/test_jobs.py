from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs.models import AuditEntry, Job, OperationPlan, Receipt, Worker
from tests.admin.conftest import VIEW, client_of

LIST = reverse("admin:jobs_job_changelist")
REASON = "the provider is back"


def page_of(job):
    return reverse("admin:jobs_job_change", args=[job.pk])


def operate(client, name, *jobs, reason=REASON):
    url = reverse("admin:jobs_job_operate", args=[name])
    return client.post(url, {"id": [str(job.pk) for job in jobs], "reason": reason}, follow=True)


def select(client, action, *jobs):
    return client.post(LIST, {"action": action, "_selected_action": [str(job.pk) for job in jobs]}, follow=True)


# --- the list ---------------------------------------------------------------------------------------------------
def test_the_list_shows_what_an_operator_asks_first(viewer, make_job):
    job = make_job("failed", user_id="u7")
    text = viewer.get(LIST).content.decode()
    assert str(job.pk)[-6:] in text
    assert "desk-badge--failed" in text
    assert job.kind in text


def test_positions_in_the_list_are_true_now_and_not_as_of_submit(viewer, make_job):
    low = make_job("queued", priority=1)
    make_job("queued", priority=9)
    low.refresh_from_db()
    assert low.queue_position == 1  # as of its own submit
    changelist = viewer.get(LIST).context["cl"]
    assert {job.priority: job.place_in_queue for job in changelist.result_list} == {9: 1, 1: 2}


def test_the_list_asks_the_same_number_of_queries_for_one_job_and_for_twenty(viewer, admin_user, make_job):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert viewer.get(LIST).status_code == 200
        return len(queries)

    viewer.get(LIST)  # content types and the like are cached from here on
    make_job("queued", owner=admin_user)
    one = count()
    for _ in range(19):
        make_job("queued", owner=admin_user)
    assert count() == one


def test_the_list_counts_no_further_than_anyone_leafs(viewer, make_job, monkeypatch):
    monkeypatch.setattr("jobs.admin.paginator.COUNT_AT_MOST", 3)
    for _ in range(5):
        make_job()
    assert viewer.get(LIST).context["cl"].result_count == 3


@pytest.mark.parametrize("term", ["u-77", "s-88", "empty_file"])
def test_search_finds_a_label_or_an_error_code(viewer, make_job, term):
    job = make_job("failed", user_id="u-77", session_id="s-88")
    make_job("queued", user_id="other")
    assert [found.pk for found in viewer.get(LIST, {"q": term}).context["cl"].result_list] == [job.pk]


@pytest.mark.parametrize("form", [lambda pk: str(pk), lambda pk: str(pk)[:13], lambda pk: pk.hex.upper()])
def test_search_finds_a_job_by_the_beginning_of_its_id(viewer, make_job, form):
    job = make_job()
    assert job.pk in [found.pk for found in viewer.get(LIST, {"q": form(job.pk)}).context["cl"].result_list]


def test_search_by_a_whole_id_finds_that_job_only(viewer, make_job):
    job = make_job()
    make_job()
    assert [found.pk for found in viewer.get(LIST, {"q": str(job.pk)}).context["cl"].result_list] == [job.pk]


@pytest.mark.parametrize("query", [{"state": "failed"}, {"kind": "jobs.prune_expired", "state": "failed,cancelled"}])
def test_filters_narrow_the_list(viewer, make_job, query):
    failed = make_job("failed")
    make_job("queued")
    assert [job.pk for job in viewer.get(LIST, query).context["cl"].result_list] == [failed.pk]


def test_the_attention_filter_finds_jobs_whose_lease_expired(viewer, make_job):
    Worker.objects.create(name="w1", cluster="sira")
    stuck = make_job("stuck")
    make_job("processing")
    found = viewer.get(LIST, {"attention": "stuck"}).context["cl"].result_list
    assert [job.pk for job in found] == [stuck.pk]


# --- one job ----------------------------------------------------------------------------------------------------
def test_the_page_of_a_job_tells_its_story(viewer, make_job):
    job = make_job("failed")
    text = viewer.get(page_of(job)).content.decode()
    assert [word for word in ("created", "started", "failed") if f"<strong>{word}</strong>" in text] == [
        "created",
        "started",
        "failed",
    ]
    assert "empty_file" in text


def test_a_traceback_is_for_those_who_may_see_it(viewer, make_job):
    job = make_job("failed")
    assert "Traceback: line 7" not in viewer.get(page_of(job)).content.decode()
    trusted = client_of("tia", *VIEW, "view_traceback")
    assert "Traceback: line 7" in trusted.get(page_of(job)).content.decode()


def test_the_page_says_why_a_job_waits(viewer, make_job):
    assert "No worker for this queue is running" in viewer.get(page_of(make_job("queued"))).content.decode()


def test_no_row_can_be_edited_added_or_removed_by_hand(admin_client, make_job):
    job = make_job("queued")
    assert admin_client.get(reverse("admin:jobs_job_add")).status_code == 403
    assert admin_client.post(page_of(job), {"state": "succeeded"}).status_code == 403
    assert admin_client.post(reverse("admin:jobs_job_delete", args=[job.pk]), {"post": "yes"}).status_code == 403
    assert '<input type="text"' not in admin_client.get(page_of(job)).content.decode()
    job.refresh_from_db()
    assert job.state == "queued"


def test_content_of_a_job_is_escaped(viewer, make_job):
    job = make_job("queued", metadata={"note": "<script>alert(1)</script>"})
    assert "<script>alert(1)" not in viewer.get(page_of(job)).content.decode()


# --- who may --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["requeue", "cancel", "repair", "forget"])
def test_a_viewer_may_not_operate(viewer, make_job, name):
    job = make_job("failed")
    url = reverse("admin:jobs_job_operate", args=[name])
    assert viewer.get(url, {"id": str(job.pk)}).status_code == 403
    assert operate(viewer, name, job).status_code == 403
    job.refresh_from_db()
    assert job.state == "failed"


def test_a_viewer_is_offered_no_operations(viewer, make_job):
    job = make_job("failed")
    assert "/operate/" not in viewer.get(page_of(job)).content.decode()
    assert 'name="action"' not in viewer.get(LIST).content.decode()
    assert select(viewer, "requeue", job).context["messages"] is not None
    job.refresh_from_db()
    assert job.state == "failed"


def test_who_is_not_staff_sees_nothing_of_the_desk(client, django_user_model, make_job):
    client.force_login(django_user_model.objects.create_user("ada"))
    assert client.get(page_of(make_job())).status_code == 302


# --- operations -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "state", "after"),
    [("requeue", "failed", "queued"), ("requeue", "cancelled", "queued"), ("cancel", "queued", "cancelled")],
)
def test_an_operation_changes_the_job_and_is_recorded(operator, make_job, messages_of, name, state, after):
    job = make_job(state)
    response = operate(operator, name, job)
    job.refresh_from_db()
    assert job.state == after
    assert "done for 1 job" in messages_of(response)
    entry = AuditEntry.objects.get()
    assert (entry.actor.username, entry.action, entry.target) == ("oya", name, str(job.pk))
    assert (entry.before["state"], entry.after["state"], entry.reason) == (state, after, REASON)
    data = job.events.order_by("-seq").first().data
    assert {"by": "oya", "reason": REASON}.items() <= data.items()


def test_a_running_job_is_told_to_stop(operator, make_job):
    job = make_job("processing")
    operate(operator, "cancel", job)
    job.refresh_from_db()
    assert job.state == "processing"
    assert job.cancel_requested_at is not None


def test_a_stuck_job_is_taken_from_its_worker(operator, make_job, messages_of):
    job = make_job("stuck")
    assert "It is stuck" in operator.get(page_of(job)).content.decode()
    response = operate(operator, "repair", job)
    assert "done for 1 job" in messages_of(response)
    job.refresh_from_db()
    assert (job.state, job.worker) == ("queued", "")
    entry = AuditEntry.objects.get()
    assert (entry.before["state"], entry.after["state"]) == ("processing", "queued")
    assert (entry.before["fence"], entry.after["fence"]) == (1, 2)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("processing", "Not stuck: w1 is at work on it and holds its lease until"),
        ("queued", "Not stuck: it waits its turn."),
        ("succeeded", "It has ended: succeeded."),
    ],
)
def test_repairing_what_is_not_stuck_says_why_not_and_does_nothing(operator, make_job, messages_of, state, why):
    Worker.objects.create(name="w1", cluster="sira")
    job = make_job(state)
    response = operate(operator, "repair", job)
    assert "nothing was done" in messages_of(response)
    assert why in messages_of(response)
    seq = job.event_seq
    job.refresh_from_db()
    assert (job.state, job.event_seq) == (state, seq)
    assert not AuditEntry.objects.exists()


def test_deleting_leaves_a_receipt_and_a_log_entry(operator, make_job):
    job = make_job("succeeded")
    operate(operator, "forget", job, reason="asked for by the candidate")
    assert not Job.objects.exists()
    receipt = Receipt.objects.get(pk=job.pk)
    assert (receipt.deleted_by, receipt.reason) == ("oya", "asked for by the candidate")
    assert AuditEntry.objects.get().after == {"receipt": receipt.digest}


def test_an_unfinished_job_is_not_deleted_and_that_is_said(operator, make_job, messages_of):
    job = make_job("queued")
    assert "cancel it first" in messages_of(operate(operator, "forget", job))
    assert Job.objects.filter(pk=job.pk).exists()


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_is_done(operator, make_job, reason):
    job = make_job("failed")
    response = operate(operator, "requeue", job, reason=reason)
    assert "Nothing was done yet: say why first." in response.content.decode()
    job.refresh_from_db()
    assert job.state == "failed"
    assert not AuditEntry.objects.exists()


def test_looking_at_the_question_changes_nothing(operator, make_job):
    job = make_job("failed")
    response = operator.get(reverse("admin:jobs_job_operate", args=["requeue"]), {"id": str(job.pk)})
    assert "1 job will be changed" in response.content.decode()
    job.refresh_from_db()
    assert job.state == "failed"


def test_a_bulk_action_shows_its_plan_then_does_it_and_counts_both(operator, make_job, messages_of):
    failed, cancelled, done = make_job("failed"), make_job("cancelled"), make_job("succeeded")
    question = select(operator, "requeue", failed, cancelled, done).content.decode()
    assert "2 jobs will be changed" in question
    assert "1 is left alone" in question
    assert "only failed and cancelled jobs can be run again" in question
    ids = re.findall(r'name="id" value="([^"]+)"', question)
    assert set(ids) == {str(job.pk) for job in (failed, cancelled, done)}
    told = messages_of(operate(operator, "requeue", failed, cancelled, done))
    assert "done for 2 jobs" in told
    assert "Left alone" in told
    assert sorted(Job.objects.values_list("state", flat=True)) == ["queued", "queued", "succeeded"]
    assert AuditEntry.objects.count() == 2


def test_more_than_can_be_done_at_once_becomes_a_plan(operator, make_job, monkeypatch):
    monkeypatch.setattr("jobs.admin.jobs.MOST_AT_ONCE", 1)
    jobs = [make_job(), make_job()]
    page = select(operator, "cancel", *jobs)
    made = OperationPlan.objects.get()
    assert page.redirect_chain[-1][0] == reverse("admin:jobs_operationplan_change", args=[made.pk])
    assert set(made.steps.values_list("job_id", flat=True)) == {job.pk for job in jobs}
    assert set(Job.objects.values_list("state", flat=True)) == {"queued"}


def test_a_job_that_is_gone_is_said_to_be_gone(operator, make_job, messages_of):
    job = make_job("failed")
    Job.objects.all().delete()
    assert "1 job does not exist any more" in messages_of(operate(operator, "requeue", job))


def test_an_unknown_operation_is_not_found(operator, make_job):
    assert operate(operator, "explode", make_job()).status_code == 404


def test_a_question_that_cannot_be_asked_twice_is_answered_with_nothing_done(operator, make_job, messages_of):
    job = make_job("failed")
    operate(operator, "requeue", job)
    assert "nothing was done" in messages_of(operate(operator, "requeue", job))
