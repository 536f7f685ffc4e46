"""At the edges of the roles: one permission less, staff no more, no longer active."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission

from jobs import operations
from jobs.models import Job
from tests.authorisation.asking import ask

pytestmark = pytest.mark.django_db

#: What each permission opens in the API: (method, address, body).
DEEDS = {
    "cancel_job": ("POST", "/api/v1/jobs/{queued}/cancel/", {}),
    "requeue_job": ("POST", "/api/v1/jobs/{failed}/retry/", {}),
    "forget_job": ("DELETE", "/api/v1/jobs/{done}/", {}),
    "take_resource": ("POST", "/api/v1/jobs/{painting}/take-resource/", {}),
    "pause_queue": ("POST", "/api/v1/queues/{queue}/pause/", {"reason": "because"}),
    "drain_queue": ("POST", "/api/v1/queues/{queue}/drain/", {"reason": "because"}),
    "change_mail": ("POST", "/api/mails/{mail}/dismiss", {}),
    "delete_mail": ("DELETE", "/api/mails/{bare_mail}", {}),
}


@pytest.mark.parametrize("permission", DEEDS)
def test_each_permission_opens_its_deed_and_no_other(world, permission):
    clerk = world.people["clerk"]
    clerk.user_permissions.set([Permission.objects.get(codename=permission)])
    client = world.visitors.with_token("clerk")
    opened = set()
    for name, (method, path, body) in DEEDS.items():
        answer = ask(client, method, path.format_map(world.ids), data=body, format="json")
        assert answer.status in (200, 202, 403), answer.body
        assert bool(answer.writes) == (answer.status != 403)
        if answer.status != 403:
            opened.add(name)
    clerk.user_permissions.clear()
    assert opened == {permission}


@pytest.mark.parametrize("permission", [name for name in DEEDS if name not in ("change_mail", "delete_mail")])
def test_a_permission_without_being_staff_is_worth_nothing(world, permission):
    user, (method, path, body) = world.people["other"], DEEDS[permission]
    user.user_permissions.set([Permission.objects.get(codename=permission)])
    answer = ask(
        world.visitors.with_token("other"), method, path.format_map(world.ids), data=body, format="json"
    )  # fmt: skip
    user.user_permissions.clear()
    assert answer.status in (403, 404)
    assert answer.writes == ()


def test_a_paused_queue_that_is_to_drain_takes_both_permissions(world):
    """Who may drain but not pause cannot end somebody's pause in this way."""
    clerk, path = world.people["clerk"], f"/api/v1/queues/{world.ids['paused_queue']}/drain/"
    clerk.user_permissions.set([Permission.objects.get(codename="drain_queue")])
    client = world.visitors.with_token("clerk")
    answer = ask(client, "POST", path, data={"reason": "because"}, format="json")
    clerk.user_permissions.clear()
    assert answer.status == 403


def test_a_plan_of_an_operator_who_is_no_longer_staff_is_not_carried_out(world):
    operator = world.people["operator"]
    made = operations.plan("requeue", [Job.objects.get(pk=world.ids["failed"]).pk], actor=operator, reason="again")
    assert operations.is_allowed(made)
    operator.is_staff = False
    operator.save(update_fields=["is_staff"])
    made = type(made).objects.get(pk=made.pk)
    allowed = operations.is_allowed(made)
    operator.is_staff = True
    operator.save(update_fields=["is_staff"])
    assert not allowed


def test_who_loses_the_rights_of_staff_loses_them_in_the_session_that_is_open(world):
    viewer, client = world.people["viewer"], world.visitors.with_session("viewer")
    job = f"/app/jobs/{world.ids['queued']}/"
    assert [ask(client, "GET", path).status for path in (job, "/admin/", "/app/inbox/")] == [200, 200, 200]
    viewer.is_staff = False
    viewer.save(update_fields=["is_staff"])
    after = [ask(client, "GET", path).status for path in (job, "/admin/", "/app/inbox/")]
    viewer.is_staff = True
    viewer.save(update_fields=["is_staff"])
    assert after == [404, 302, 403]


@pytest.mark.parametrize("role", ["viewer", "clerk"])
def test_an_action_of_the_list_does_nothing_for_who_may_only_look(world, role):
    client = world.visitors.with_session(role)
    body = {"action": "requeue", "_selected_action": world.ids["failed"], "index": "0", "reason": "because"}
    answer = ask(client, "POST", "/admin/jobs/job/", data=body)
    assert answer.writes == ()
    assert Job.objects.get(pk=world.ids["failed"]).state == "failed"


def test_a_traceback_is_for_administrators(world):
    shown = {
        role: ask(world.visitors.with_token(role), "GET", f"/api/v1/jobs/{world.ids['failed']}/attempts/").body
        for role in ("owner", "viewer", "operator", "administrator")
    }
    assert {role for role, body in shown.items() if "canary-traceback" in body} == {"administrator"}


@pytest.mark.parametrize("role", ["other", "former", "owner"])
@pytest.mark.parametrize("deed", ["cancel", "retry", "delete"])
def test_a_deed_to_all_jobs_is_done_to_ones_own(world, role, deed):
    """Who is no longer staff is in the group still: what they do to all jobs must not be done to everybody's."""
    body = {"all": True, "dry_run": True}
    answer = ask(world.visitors.with_token(role), "POST", f"/api/v1/jobs/{deed}/", data=body, format="json")
    own = Job.objects.filter(owner=world.people[role])
    assert answer.status == 200
    assert answer.writes == ()
    assert json.loads(answer.body)["matched"] <= own.count()
    samples = {sample["id"] for sample in json.loads(answer.body)["samples"]}
    assert samples <= {str(pk) for pk in own.values_list("pk", flat=True)}
