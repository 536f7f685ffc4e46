"""A webhook, what it was told, and how each telling went."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.shapes.examples import CREATED, DELIVERY, FINISHED, JOB, WEBHOOK
from jobs.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent

_AT = f"/api/v1/webhooks/{WEBHOOK}/"


class DisabledShape(serializers.Serializer):
    """Since when and why nothing is sent."""

    at = serializers.DateTimeField()
    reason = serializers.ChoiceField(choices=WebhookEndpoint.Because.values)
    detail = serializers.CharField(help_text="the same for people")
    note = serializers.CharField(help_text="what staff wrote")

    example = {"at": CREATED, "reason": "gone", "detail": "it answered 410: gone for good", "note": ""}


class WebhookLinksShape(serializers.Serializer):
    """The webhook's addresses."""

    self = serializers.CharField()
    deliveries = serializers.CharField()
    test = serializers.CharField()
    rotate_secret = serializers.CharField()

    example = {
        "self": _AT,
        "deliveries": f"{_AT}deliveries/",
        "test": f"{_AT}test/",
        "rotate_secret": f"{_AT}rotate-secret/",
    }


class WebhookShape(serializers.Serializer):
    """A webhook: all but its secrets."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField()
    event_types = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.values))
    kinds = serializers.ListField(child=serializers.CharField(), help_text="empty: every kind")
    named_only = serializers.BooleanField(help_text="hears only of jobs that named it as `webhook_url`")
    enabled = serializers.BooleanField()
    disabled = DisabledShape(allow_null=True)
    old_secret_until = serializers.DateTimeField(allow_null=True, help_text="until then two secrets sign")
    successes = serializers.IntegerField(help_text="attempts that were answered with 2xx")
    failures = serializers.IntegerField(help_text="all other attempts")
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.ChoiceField(choices=WebhookAttempt.Error.values, allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    resting_until = serializers.DateTimeField(allow_null=True, help_text="nothing is sent before")
    created_at = serializers.DateTimeField()
    links = WebhookLinksShape()

    example: dict[str, Any] = {
        "id": WEBHOOK,
        "url": "https://hooks.example.com/sira",
        "description": "the CRM",
        "event_types": ["job.cancelled", "job.failed", "job.succeeded"],
        "kinds": [],
        "named_only": False,
        "enabled": True,
        "disabled": None,
        "old_secret_until": None,  # nosec B105 # a time
        "successes": 41,
        "failures": 1,
        "last_success_at": FINISHED,
        "last_failure_at": CREATED,
        "last_error": "timed_out",
        "failing_since": None,
        "resting_until": None,
        "created_at": CREATED,
        "links": WebhookLinksShape.example,
    }


class NewWebhookShape(WebhookShape):
    """The new webhook with its secret, which is not shown again."""

    secret = serializers.CharField(help_text="signs what is sent (Standard Webhooks)")

    example = WebhookShape.example | {
        "successes": 0,
        "failures": 0,
        "last_success_at": None,
        "last_failure_at": None,
        "last_error": None,
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",  # nosec B105 # an example
    }


class WebhookListShape(serializers.Serializer):
    """One page of your webhooks, newest first."""

    results = WebhookShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="the address of the next page; null on the last one")

    example = {"results": [WebhookShape.example], "next": None}


class NewSecretShape(serializers.Serializer):
    """The new secret, shown once."""

    secret = serializers.CharField()
    old_secret_until = serializers.DateTimeField(help_text="until then the old one signs as well")

    example = {
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",  # nosec B105 # an example
        "old_secret_until": "2025-11-17T13:30:00.000000+03:00",  # nosec B105 # a time
    }


class SendingShape(serializers.Serializer):
    """One sending of a delivery; nothing of what the receiver wrote is kept."""

    number = serializers.IntegerField()
    is_replay = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    seconds = serializers.FloatField(allow_null=True, help_text="null: it runs, or was cut off")
    status = serializers.IntegerField(allow_null=True, help_text="of HTTP, as the receiver answered")
    error = serializers.ChoiceField(choices=WebhookAttempt.Error.values, allow_null=True)
    outcome = serializers.CharField(help_text="for people")

    example = {
        "number": 1,
        "is_replay": False,
        "started_at": FINISHED,
        "seconds": 0.084,
        "status": 204,
        "error": None,
        "outcome": "delivered",
    }


class DeliveryLinksShape(serializers.Serializer):
    """The delivery's addresses."""

    self = serializers.CharField()
    replay = serializers.CharField()

    example = {"self": f"{_AT}deliveries/{DELIVERY}/", "replay": f"{_AT}deliveries/{DELIVERY}/replay/"}


class DeliveryShape(serializers.Serializer):
    """One event for one webhook, with every attempt to deliver it."""

    id = serializers.UUIDField()
    message_id = serializers.CharField(help_text="what the header `webhook-id` says, the same at every attempt")
    type = serializers.ChoiceField(choices=WebhookEvent.values)
    job_id = serializers.UUIDField(allow_null=True, help_text="null for a test")
    occurred_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=WebhookDelivery.State.values)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    replays = serializers.IntegerField()
    attempts = SendingShape(many=True)
    links = DeliveryLinksShape()

    example: dict[str, Any] = {
        "id": DELIVERY,
        "message_id": f"msg_{DELIVERY.replace('-', '')}",
        "type": "job.succeeded",
        "job_id": JOB,
        "occurred_at": FINISHED,
        "state": "delivered",
        "next_attempt_at": None,
        "replays": 0,
        "attempts": [SendingShape.example],
        "links": DeliveryLinksShape.example,
    }


class DeliveryListShape(serializers.Serializer):
    """One page of a webhook's deliveries, newest first."""

    results = DeliveryShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="the address of the next page; null on the last one")

    example = {"results": [DeliveryShape.example], "next": None}


WEBHOOK_NOT_FOUND = Fault(404, "webhook_not_found", "There is no such webhook, or it is not yours.")
DELIVERY_NOT_FOUND = Fault(404, "delivery_not_found", "This webhook has no such delivery, or it was forgotten.")
WEBHOOK_EXISTS = Fault(409, "webhook_exists", "There is a webhook for this URL already. Change that one (PATCH).")
TOO_MANY_WEBHOOKS = Fault(409, "too_many_webhooks", "There are as many webhooks as one may have. Delete one.")
URL_REFUSED = Fault(400, "webhook_url_refused", "No webhook is sent to such a URL.")
WEBHOOK_DISABLED = Fault(409, "webhook_disabled", "The webhook is disabled. Enable it first (PATCH enabled).")
DELIVERY_UNFINISHED = Fault(409, "delivery_unfinished", "It is still being sent; there is nothing to replay yet.")
