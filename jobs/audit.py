"""The audit log: every deed of staff with who, why, before and after, in the transaction of the deed itself."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from jobs.models import AuditEntry, Job

#: What of a job an entry shows: how it stands, nothing of what is in it.
SHOWN_OF_A_JOB = ("state", "attempt", "fence", "priority", "queue", "worker", "resource", "error_code")


def record(
    action: str,
    target_type: str,
    target: object,
    *,
    actor: Any = None,
    actor_name: str = "",
    via: str = AuditEntry.Via.DESK,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write who did what. Call it in the transaction of the deed, so that neither is there without the other.

    action: a verb such as "requeue". target_type, target: "job" and its id, "queue" and its name. actor: a user; None
    for the terminal. actor_name: when it is not theirs, as for a plan of the terminal's that a worker carries out.
    before, after: JSON-able, only what the deed is about.
    """
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor_name or name_of(actor),
        via=via,
        action=action,
        target_type=target_type,
        target=str(target),
        reason=reason,
        before=dict(before or {}),
        after=dict(after or {}),
    )


def name_of(actor: Any) -> str:
    """Return what the log calls somebody; of the terminal, None, the system's user."""
    return actor.get_username() if actor is not None else f"{getpass.getuser()} (terminal)"


def standing(job: Job) -> dict[str, Any]:
    """Return how a job stands, for before and after: what is set of `SHOWN_OF_A_JOB`, and whether it was to stop."""
    shown = {name: value for name in SHOWN_OF_A_JOB if (value := getattr(job, name)) not in ("", None)}
    stopping = job.cancel_requested_at is not None and not job.is_finished
    return shown | ({"told_to_stop": True} if stopping else {})
