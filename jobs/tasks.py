"""The engine's own kinds."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

from rest_framework import serializers

from jobs import operations, retention
from jobs.errors import InvalidInput
from jobs.kinds import Backoff, job_kind
from jobs.models import HIGHEST_PRIORITY, OperationPlan
from jobs.running import RunningJob
from jobs.webhooks import delivery as webhook_delivery
from jobs.webhooks import endpoints as webhook_endpoints
from jobs.webhooks.events import DELIVER


@job_kind(
    "jobs.prune_expired",
    timeout=timedelta(minutes=30),
    priority=HIGHEST_PRIORITY,
    internal=True,
    every=timedelta(hours=1),
)
def prune_expired(job: RunningJob) -> dict[str, int]:
    """Delete what has outlived its retention: files, then the jobs they belonged to, and files that no job ever took.

    Old plans, audit entries and sessions go as well, and secrets of webhooks that an earlier SECRET_KEY sealed are
    sealed anew. Returns the number of each that was deleted: jobs, files, deliveries, plans, audit_entries, sessions;
    and resealed, the number of webhooks.
    """
    done = retention.prune() | retention.prune_records() | retention.prune_sign_ins()
    return done | {"resealed": webhook_endpoints.reseal_secrets()}


class PlanInput(serializers.Serializer):
    plan = serializers.UUIDField()


#: Whoever watches a plan is told this often.
TELL_EVERY_SECONDS = 0.5


@job_kind(
    operations.CARRY_OUT,
    input=PlanInput,
    timeout=timedelta(hours=6),
    priority=HIGHEST_PRIORITY,
    internal=True,
    # Workers that die under a plan are what plans are for; each attempt goes on where the last one stopped.
    backoff=Backoff(max_attempts=20, base=timedelta(seconds=5), factor=1),
)
def carry_out_plan(job: RunningJob, *, plan: str) -> dict[str, int]:
    """Carry out a plan of the operators, step by step.

    Returns how many steps were done, skipped, excluded …: `operations.counts`. Raises InvalidInput for a plan that is
    gone, or whose maker may not do this any more.
    """
    made = OperationPlan.objects.select_related("actor").filter(pk=uuid.UUID(str(plan))).first()
    if made is None:
        raise InvalidInput("The plan is no longer there.", code="plan_gone")
    if not operations.is_allowed(made):
        raise InvalidInput("Who made this plan may not do this any more.", code="not_allowed")
    planned = operations.counts(made)["planned"]
    before = planned - operations.to_do(made).count()
    told = 0.0
    for taken, step in enumerate(operations.steps_to_do(made), start=before):
        if time.monotonic() - told >= TELL_EVERY_SECONDS:
            job.progress(100 * taken / planned, "carrying_out", done=taken, of=planned)
            told = time.monotonic()
        with job.shielded():  # a step is taken as a whole or not at all
            operations.take_step(made, step)
    return operations.counts(made)


class DeliverWebhookInput(serializers.Serializer):
    delivery = serializers.UUIDField()
    replay = serializers.BooleanField(default=False)


@job_kind(
    DELIVER,
    input=DeliverWebhookInput,
    queue="webhooks",
    timeout=timedelta(seconds=30),  # twice what webhooks/sender.py allows itself
    backoff=webhook_delivery.RETRIES,
    internal=True,
    mirror=webhook_delivery.mirror,
    retention=timedelta(days=1),
    deadline=timedelta(days=7),  # its tries alone take more than three
)
def deliver_webhook(job: RunningJob, *, delivery: str, replay: bool = False) -> dict[str, Any]:
    """Send one event to one webhook.

    Sent again after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours, or later if the receiver says so; a
    redirect is a failure, 410 ends it. Returns {"outcome": "delivered" | "dropped", "status": int or "why": str}.
    """
    return webhook_delivery.deliver(job, delivery, replay=replay)
