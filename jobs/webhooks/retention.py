"""What is forgotten about webhooks. A job takes its deliveries along; this is for the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from jobs.models import Job
from jobs.webhooks.events import DELIVER
from jobs.webhooks.models import NamedWebhook, WebhookDelivery, WebhookEndpoint

KEEP_DELIVERIES = timedelta(days=30)
#: Rows deleted in one transaction.
BATCH = 200


def prune() -> int:
    """Delete deliveries of over 30 days, the jobs that sent them, and endpoints that no job names any more.

    Those jobs leave no receipt: nothing in them was anybody's. Returns how many deliveries.
    """
    _delete(Job.objects.finished().filter(kind=DELIVER, expires_at__lt=Now()))
    old = WebhookDelivery.objects.filter(occurred_at__lt=Now() - KEEP_DELIVERIES)
    deleted = _delete(old.exclude(state=WebhookDelivery.State.WAITING))
    named = Exists(NamedWebhook.objects.filter(endpoint=OuterRef("pk")))
    told = Exists(WebhookDelivery.objects.filter(endpoint=OuterRef("pk")))
    unused = WebhookEndpoint.objects.filter(~Q(named), ~Q(told), named_only=True, disabled_at__isnull=True)
    _delete(unused.filter(created_at__lt=Now() - KEEP_DELIVERIES))
    return deleted


def _delete(rows: QuerySet[Any]) -> int:
    """Delete in small transactions. Returns how many."""
    deleted = 0
    while batch := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.model._default_manager.filter(pk__in=batch).delete()
        deleted += len(batch)
    return deleted
