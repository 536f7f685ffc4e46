"""What is done to an endpoint: made, named by a job, given a new secret, disabled, enabled, tried.

A secret is returned once, by the call that makes it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.webhooks import events, sealing, signing
from jobs.webhooks.addresses import check_url
from jobs.webhooks.models import ENDINGS, NamedWebhook, WebhookDelivery, WebhookEndpoint, WebhookEvent

logger = logging.getLogger(__name__)

#: Each hears of every job of its owner; those that jobs name by `webhook_url` are not counted.
MOST_ENDPOINTS = 20
#: How long the old secret signs as well after a rotation: receivers change over in their own time.
OLD_SECRET_FOR = timedelta(hours=24)

Because = WebhookEndpoint.Because


class WebhookRefused(InvalidInput):
    """This endpoint cannot be made or used so; the code says why."""


@dataclass(frozen=True)
class Named:
    """The endpoint that a submission named. secret: only when the submission made it."""

    endpoint: WebhookEndpoint
    secret: str | None


def create(owner: Any, url: str, **values: Any) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint and return it with its secret. values: other columns.

    Raises UrlRefused, and WebhookRefused for an address that the owner has already, or for too many.
    """
    url = check_url(url)
    if not values.get("named_only"):
        _refuse_too_many(owner)
    secret = signing.new_secret()
    values = {"event_types": [str(event) for event in ENDINGS]} | values
    try:
        with transaction.atomic():
            return WebhookEndpoint.objects.create(
                owner=owner, url=url, sealed_secret=sealing.seal(secret), **values
            ), secret
    except IntegrityError:
        raise _exists() from None


def name(pairs: Iterable[tuple[Job, str]], owner: Any) -> None:
    """Note for each job which URL it named. In the transaction that creates the jobs; `job.webhook` then tells.

    Raises UrlRefused, and WebhookRefused when there is no owner or the endpoint is disabled.
    """
    pairs = list(pairs)
    if any(job.owner_id is None for job, _ in pairs):
        raise WebhookRefused("A webhook_url needs an owner, who can see and sign it.", code="webhook_needs_owner")
    named = {url: _find_or_create(owner, url) for url in dict.fromkeys(url for _, url in pairs)}
    NamedWebhook.objects.bulk_create(NamedWebhook(job=job, endpoint=named[url].endpoint) for job, url in pairs)
    for job, url in pairs:
        job.webhook = named[url]  # type: ignore[attr-defined]


def _find_or_create(owner: Any, url: str) -> Named:
    known = WebhookEndpoint.objects.filter(owner=owner, url=check_url(url))
    endpoint, secret = known.first(), None
    if endpoint is None:
        try:
            endpoint, secret = create(owner, url, named_only=True)
        except WebhookRefused:  # somebody named it in the same moment
            endpoint = known.get()
    if endpoint.disabled_at is not None:
        raise WebhookRefused(
            f"The webhook for this URL is disabled: {endpoint.get_disabled_because_display()}. Enable it first, "
            f"at /api/v1/webhooks/{endpoint.pk}/.",
            code="webhook_disabled",
        )
    return Named(endpoint, secret)


def change(endpoint: WebhookEndpoint, **values: Any) -> None:
    """Set other columns. Raises UrlRefused, and WebhookRefused as `create` does."""
    if "url" in values:
        values["url"] = check_url(values["url"])
    if endpoint.named_only and values.get("named_only") is False:
        _refuse_too_many(endpoint.owner)
    try:
        with transaction.atomic():
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**values)
    except IntegrityError:
        raise _exists() from None


def _refuse_too_many(owner: Any) -> None:
    if WebhookEndpoint.objects.filter(owner=owner, named_only=False).count() >= MOST_ENDPOINTS:
        raise WebhookRefused(
            f"There are {MOST_ENDPOINTS} webhooks already. Delete one, or change its filters.", code="too_many_webhooks"
        )


def _exists() -> WebhookRefused:
    return WebhookRefused("There is a webhook for this URL already. Change that one (PATCH).", code="webhook_exists")


def rotate_secret(endpoint: WebhookEndpoint) -> str:
    """Give the endpoint a new secret and return it. For a day the old one signs as well."""
    secret = signing.new_secret()
    with transaction.atomic():
        row = _lock(endpoint)
        row.old_sealed_secret, row.old_secret_until = row.sealed_secret, timezone.now() + OLD_SECRET_FOR
        row.sealed_secret = sealing.seal(secret)
        row.save(update_fields=["sealed_secret", "old_sealed_secret", "old_secret_until"])
    endpoint.old_secret_until = row.old_secret_until
    return secret


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises SecretLost."""
    secrets = [sealing.unseal(endpoint.sealed_secret)]
    if endpoint.old_secret_until is not None and endpoint.old_secret_until > timezone.now():
        secrets.append(sealing.unseal(endpoint.old_sealed_secret))
    return secrets


def reseal_secrets() -> int:
    """Seal with SECRET_KEY what is sealed with one of SECRET_KEY_FALLBACKS, which may go afterwards.

    Returns how many endpoints. A secret that no key opens stays as it is: its owner has to rotate it.
    """
    resealed = 0
    for key in WebhookEndpoint.objects.values_list("pk", flat=True) if settings.SECRET_KEY_FALLBACKS else ():
        with transaction.atomic():
            row = WebhookEndpoint.objects.select_for_update().filter(pk=key).first()
            changed = [name for name in ("sealed_secret", "old_sealed_secret") if row and _resealed(row, name)]
            if row is not None and changed:
                row.save(update_fields=changed)
                resealed += 1
    return resealed


def _resealed(row: WebhookEndpoint, name: str) -> bool:
    sealed = getattr(row, name)
    if not sealed or not sealing.is_sealed_with_an_earlier_key(sealed):
        return False
    try:
        setattr(row, name, sealing.reseal(sealed))
    except sealing.SecretLost:
        logger.warning("no key opens the secret of webhook %s", row.pk)
        return False
    return True


def disable(endpoint: WebhookEndpoint, because: str, note: str = "") -> bool:
    """Send nothing to it any more; what waits is dropped when its time comes. False if it was disabled already."""
    disabled = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True).update(
        disabled_at=Now(), disabled_because=because, disabled_note=note
    )
    if disabled and because in (Because.GONE, Because.FAILING):
        logger.warning("webhook %s is disabled: %s", endpoint.pk, because)
    return bool(disabled)


def enable(endpoint: WebhookEndpoint) -> bool:
    """Send to it again, as if it had never failed. False if it was not disabled."""
    return bool(
        WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=False).update(
            disabled_at=None,
            disabled_because="",
            disabled_note="",
            failures_in_row=0,
            spent_in_row=0,
            failing_since=None,
            resting_until=None,
        )
    )


def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send an event that tells of no job."""
    with transaction.atomic():
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint,
            type=WebhookEvent.TEST,
            data={"webhook_id": str(endpoint.pk)},
            occurred_at=timezone.now(),
        )
        events.send([delivery])
    return delivery


def replay(delivery: WebhookDelivery) -> bool:
    """Send a delivery once more, with the same `webhook-id`. False while it waits, or the endpoint is disabled."""
    with transaction.atomic():
        moved = WebhookDelivery.objects.filter(
            ~Q(state=WebhookDelivery.State.WAITING), pk=delivery.pk, endpoint__disabled_at__isnull=True
        ).update(state=WebhookDelivery.State.WAITING, replays=F("replays") + 1, next_attempt_at=None)
        if moved:
            events.send([delivery], replay=True)
    return bool(moved)


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Lock the row, but not against those who only point at it: the end of a job must not wait for us."""
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
