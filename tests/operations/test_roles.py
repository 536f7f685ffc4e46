"""Viewer, operator, administrator: what each may, on every model there is."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from jobs import roles
from jobs.operations import OPERATIONS

pytestmark = pytest.mark.django_db


def allowed(role: str) -> set[str]:
    names = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{name}" for app, name in names}


def everything() -> set[str]:
    return {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}


def test_a_viewer_sees_the_desk_and_changes_nothing():
    assert {"jobs.view_job", "jobs.view_auditentry", "jobs.view_operationplan", "orders.view_mail"} <= allowed("viewer")
    assert all(name.partition(".")[2].startswith("view_") for name in allowed("viewer"))
    assert not allowed("viewer") & {"jobs.view_traceback", "auth.view_user", "jobs.view_apitoken"}


def test_an_operator_can_do_besides_what_can_be_undone():
    assert allowed("operator") - allowed("viewer") == {
        "jobs.requeue_job",
        "jobs.cancel_job",
        "jobs.repair_job",
        "jobs.take_resource",
        "jobs.pause_queue",
        "jobs.drain_queue",
        "jobs.operate_schedule",
        "jobs.replay_webhook",
        "jobs.disable_webhook",
        "orders.change_mail",
    }


def test_an_administrator_may_everything():
    assert allowed("administrator") == everything()
    assert {operation.permission for operation in OPERATIONS.values()} <= allowed("administrator")
    assert {"jobs.forget_job", "jobs.reset_ratelimit", "django_q.change_schedule", "auth.change_user"} <= everything()


def test_a_migration_mends_the_roles_and_leaves_other_groups_alone():
    own = Group.objects.create(name="night shift")
    own.permissions.add(Permission.objects.get(codename="forget_job"))
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.add(Permission.objects.get(codename="forget_job"))
    viewer.permissions.remove(Permission.objects.get(codename="view_job"))
    Group.objects.get(name="operator").delete()
    for app in apps.get_app_configs():
        roles.ensure(app)
    assert "jobs.view_job" in allowed("viewer")
    assert "jobs.forget_job" not in allowed("viewer")
    assert "jobs.repair_job" in allowed("operator")
    assert own.permissions.count() == 1
