"""The roles of the desk: groups of permissions, made and brought up to date after each migration.

    viewer         sees all of the desk and changes nothing
    operator       runs jobs again, cancels, repairs, takes resources; pauses and drains queues; runs schedules;
                   replays, disables and enables webhooks; and what an app's AppConfig names (`operator_may`)
    administrator  everything, also what cannot be undone: deletes, resets limits, edits schedules, tokens and users,
                   and sees tracebacks

Each holds what the one before it holds. What is changed by hand in these three groups does not last: make a group of
your own for other wishes.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps

ROLES = VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"

#: What an operator may do in the engine besides looking.
OPERATOR_MAY = (
    "requeue_job",
    "cancel_job",
    "repair_job",
    "take_resource",
    "pause_queue",
    "drain_queue",
    "operate_schedule",
    "replay_webhook",
    "disable_webhook",
)

#: Of these apps only an administrator sees anything: users and sessions.
ADMINISTRATION = ("admin", "auth", "contenttypes", "sessions")
#: Nor are these for others.
ADMINISTRATORS_LOOK = ("view_traceback", "view_apitoken")


def may(user: Any, *permissions: str) -> bool:
    """Return whether a user may do this to what is not theirs: staff with all of these permissions.

    Who is no longer staff may still be in a group; the group alone is worth nothing.
    """
    return user.is_staff and user.has_perms(permissions)


def ensure(sender: AppConfig, **_: Any) -> None:
    """Give the three groups their permissions on the models of one app that was just migrated."""
    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth.models import Group, Permission

    of_app = dict(Permission.objects.filter(content_type__app_label=sender.label).values_list("codename", "pk"))
    if not of_app:
        return
    groups = {group.name: group.pk for group in Group.objects.filter(name__in=ROLES)}
    for name in ROLES:
        if name not in groups:
            groups[name] = Group.objects.create(name=name).pk
    wanted = {(groups[role], pk) for role in ROLES for name, pk in of_app.items() if includes(role, sender.label, name)}
    through = Group.permissions.through
    held = {
        (row.group_id, row.permission_id): row.pk
        for row in through.objects.filter(group__in=groups.values(), permission__in=of_app.values())
    }
    through.objects.filter(pk__in=[held[pair] for pair in held.keys() - wanted]).delete()
    through.objects.bulk_create([through(group_id=group, permission_id=pk) for group, pk in wanted - held.keys()])


def includes(role: str, app: str, permission: str) -> bool:
    """Return whether a role has a permission of an app."""
    if role == ADMINISTRATOR:
        return True
    if role == OPERATOR and permission in _what_operators_may(app):
        return True
    return app not in ADMINISTRATION and permission.startswith("view_") and permission not in ADMINISTRATORS_LOOK


def _what_operators_may(app: str) -> tuple[str, ...]:
    return OPERATOR_MAY if app == "jobs" else getattr(apps.get_app_config(app), "operator_may", ())
