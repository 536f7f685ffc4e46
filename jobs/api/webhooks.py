"""/api/v1/webhooks/: a person's own webhooks and how their deliveries went. Staff look after others' at the desk."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.openapi import Answer, operation
from jobs.api.problems import Problem
from jobs.api.serializers import LONGEST_PAGE, PAGE, WebhookUrl
from jobs.api.shapes.webhooks import (
    DELIVERY_NOT_FOUND,
    DELIVERY_UNFINISHED,
    TOO_MANY_WEBHOOKS,
    URL_REFUSED,
    WEBHOOK_DISABLED,
    WEBHOOK_EXISTS,
    WEBHOOK_NOT_FOUND,
    DeliveryListShape,
    DeliveryShape,
    NewSecretShape,
    NewWebhookShape,
    WebhookListShape,
    WebhookShape,
)
from jobs.api.views import View, page_response, refuse_unknown
from jobs.kinds import UnknownKind, registry
from jobs.tokens.models import Scope
from jobs.webhooks import endpoints
from jobs.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent

Because = WebhookEndpoint.Because

#: What an endpoint can ask for; a test is sent when somebody asks for one.
ASKABLE = [str(event) for event in WebhookEvent if event != WebhookEvent.TEST]


class KindName(serializers.CharField):
    """The name of a kind."""


class WebhookInput(serializers.Serializer):
    """What an owner says about a webhook."""

    url = WebhookUrl()
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=ASKABLE), required=False, min_length=1, max_length=len(ASKABLE)
    )
    kinds = serializers.ListField(child=KindName(max_length=100), required=False, max_length=100)
    named_only = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)

    refuses_unknown = True
    example = {"url": "https://hooks.example.com/sira", "event_types": ["job.succeeded", "job.failed"]}

    def validate_event_types(self, types: list[str]) -> list[str]:
        return sorted(set(types))

    def validate_kinds(self, names: list[str]) -> list[str]:
        for name in names:
            try:
                registry.get(name)  # batches too, which nobody can submit as such
            except UnknownKind as unknown:
                raise serializers.ValidationError(str(unknown.args[0]), code="unknown_kind") from None
        return sorted(set(names))


class Page(serializers.Serializer):
    cursor = serializers.UUIDField(required=False, help_text="from `next` of the page before")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of one page"
    )


class DeliveryPage(Page):
    state = serializers.ChoiceField(
        choices=WebhookDelivery.State.choices, required=False, help_text="only those that stand so"
    )


#: Of an address that is said to be a webhook's.
OF_URLS = (URL_REFUSED, WEBHOOK_EXISTS, TOO_MANY_WEBHOOKS)


class WebhookView(View):
    tag = "webhooks"
    path_parameters = {"webhook_id": "The webhook's id.", "delivery_id": "The delivery's id."}


class Webhooks(WebhookView):
    scopes = {"POST": Scope.OPERATE}

    @operation(Answer(WebhookListShape, headers=("NextPage",)), parameters=[Page])
    def get(self, request: Request) -> Response:
        """List your webhooks.

        Newest first; also those that jobs named as their `webhook_url`. Nobody sees the webhooks of others.
        """
        return _page(request, Page, WebhookEndpoint.objects.filter(owner_id=request.user.pk), describe)

    @operation({201: Answer(NewWebhookShape, headers=("Location",))}, request=WebhookInput, faults=OF_URLS)
    def post(self, request: Request) -> Response:
        """Make a webhook.

        It is told when your jobs end; with `event_types` and `kinds` of those only that you name. The answer holds its
        secret, which is not shown again. What is sent, and how it is signed, is in docs/webhooks.md.
        """
        refuse_unknown(request.data, WebhookInput().fields)
        given = WebhookInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        enabled = values.pop("enabled", True)
        endpoint, secret = endpoints.create(request.user, values.pop("url"), **values)
        if not enabled:
            endpoints.disable(endpoint, Because.OWNER)
        endpoint.refresh_from_db()
        body = describe(endpoint) | {"secret": secret}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["links"]["self"]})


class OneWebhook(WebhookView):
    scopes = {"PATCH": Scope.OPERATE, "DELETE": Scope.OPERATE}

    @operation(WebhookShape, faults=[WEBHOOK_NOT_FOUND])
    def get(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Look at a webhook.

        With how its deliveries went lately, and since when and why nothing is sent to it, if so.
        """
        return Response(describe(_get(request, webhook_id)))

    @operation(WebhookShape, request=WebhookInput, faults=[WEBHOOK_NOT_FOUND, *OF_URLS])
    def patch(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Change a webhook.

        What is not named stays. `enabled` switches it off and on.
        """
        endpoint = _get(request, webhook_id)
        refuse_unknown(request.data, WebhookInput().fields)
        given = WebhookInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        enabled = values.pop("enabled", None)
        endpoints.change(endpoint, **values)
        if enabled is True:
            endpoints.enable(endpoint)
        elif enabled is False:
            endpoints.disable(endpoint, Because.OWNER)
        return Response(describe(_get(request, webhook_id)))

    @operation({204: Answer(description="It is gone.")}, faults=[WEBHOOK_NOT_FOUND])
    def delete(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Delete a webhook with its deliveries.

        Nothing is sent to it any more, not even what waits to be sent again.
        """
        _get(request, webhook_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class RotateSecret(WebhookView):
    scopes = {"POST": Scope.OPERATE}

    @operation(NewSecretShape, faults=[WEBHOOK_NOT_FOUND])
    def post(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Give a webhook a new secret.

        It is shown once. For a day the old one signs as well, so that the receiver can change over.
        """
        endpoint = _get(request, webhook_id)
        secret = endpoints.rotate_secret(endpoint)
        return Response({"secret": secret, "old_secret_until": endpoint.old_secret_until})


class Test(WebhookView):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {202: Answer(DeliveryShape, "It will be sent in a moment.", headers=("Location",))},
        faults=[WEBHOOK_NOT_FOUND, WEBHOOK_DISABLED],
    )
    def post(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Send a test event to a webhook.

        An event of type `webhook.test`. How it went is at `Location`.
        """
        endpoint = _get(request, webhook_id)
        _refuse_disabled(endpoint)
        return _sent(endpoints.send_test(endpoint))


class Deliveries(WebhookView):
    @operation(Answer(DeliveryListShape, headers=("NextPage",)), parameters=[DeliveryPage], faults=[WEBHOOK_NOT_FOUND])
    def get(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """List what a webhook was told.

        Or should have been told; newest first, with every attempt.
        """
        return _page(request, DeliveryPage, _deliveries(_get(request, webhook_id)), describe_delivery)


class OneDelivery(WebhookView):
    @operation(DeliveryShape, faults=[WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND])
    def get(self, request: Request, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> Response:
        """Look at one delivery.

        With every attempt: when, how long it took, and what came of it.
        """
        return Response(describe_delivery(_get_delivery(_get(request, webhook_id), delivery_id)))


class Replay(WebhookView):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {202: Answer(DeliveryShape, "It will be sent in a moment.", headers=("Location",))},
        faults=[WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND, WEBHOOK_DISABLED, DELIVERY_UNFINISHED],
    )
    def post(self, request: Request, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> Response:
        """Send a delivery once more.

        With the same `webhook-id`, so a receiver that had it already can tell; marked as a replay.
        """
        endpoint = _get(request, webhook_id)
        delivery = _get_delivery(endpoint, delivery_id)
        _refuse_disabled(endpoint)
        if not endpoints.replay(delivery):
            raise Problem(409, "It is still being sent; there is nothing to replay yet.", code="delivery_unfinished")
        return _sent(_get_delivery(endpoint, delivery_id))


# --- out ------------------------------------------------------------------------------------------------------


def describe(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return a webhook as its owner sees it: all but its secrets."""
    disabled = None
    if endpoint.disabled_at is not None:
        disabled = {
            "at": endpoint.disabled_at,
            "reason": endpoint.disabled_because,
            "detail": str(endpoint.get_disabled_because_display()),
            "note": endpoint.disabled_note,
        }
    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "kinds": endpoint.kinds,
        "named_only": endpoint.named_only,
        "enabled": disabled is None,
        "disabled": disabled,
        "old_secret_until": endpoint.old_secret_until,
        "successes": endpoint.successes,
        "failures": endpoint.failures,
        "last_success_at": endpoint.last_success_at,
        "last_failure_at": endpoint.last_failure_at,
        "last_error": endpoint.last_error or None,
        "failing_since": endpoint.failing_since,
        "resting_until": endpoint.resting_until if endpoint.failures_in_row else None,
        "created_at": endpoint.created_at,
        "links": {
            "self": reverse("api:webhook", args=[endpoint.pk]),
            "deliveries": reverse("api:webhook-deliveries", args=[endpoint.pk]),
            "test": reverse("api:webhook-test", args=[endpoint.pk]),
            "rotate_secret": reverse("api:webhook-rotate-secret", args=[endpoint.pk]),
        },
    }


def describe_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return one delivery and its attempts; nothing of what the receiver wrote was kept."""
    ids = [delivery.endpoint_id, delivery.pk]
    return {
        "id": str(delivery.pk),
        "message_id": delivery.message_id,
        "type": delivery.type,
        "job_id": str(delivery.job_id) if delivery.job_id else None,
        "occurred_at": delivery.occurred_at,
        "state": delivery.state,
        "next_attempt_at": delivery.next_attempt_at,
        "replays": delivery.replays,
        "attempts": [
            {
                "number": attempt.number,
                "is_replay": attempt.is_replay,
                "started_at": attempt.started_at,
                "seconds": attempt.seconds,
                "status": attempt.status,
                "error": attempt.error or None,
                "outcome": attempt.outcome,
            }
            for attempt in delivery.attempts.all()
        ],
        "links": {
            "self": reverse("api:webhook-delivery", args=ids),
            "replay": reverse("api:webhook-replay", args=ids),
        },
    }


# --- in -------------------------------------------------------------------------------------------------------


def _get(request: Request, webhook_id: uuid.UUID) -> WebhookEndpoint:
    try:
        return WebhookEndpoint.objects.get(pk=webhook_id, owner_id=request.user.pk)
    except WebhookEndpoint.DoesNotExist:
        raise Problem(404, "There is no such webhook, or it is not yours.", code="webhook_not_found") from None


def _deliveries(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(endpoint=endpoint).prefetch_related("attempts")


def _get_delivery(endpoint: WebhookEndpoint, delivery_id: uuid.UUID) -> WebhookDelivery:
    try:
        return _deliveries(endpoint).get(pk=delivery_id)
    except WebhookDelivery.DoesNotExist:
        raise Problem(
            404, "This webhook has no such delivery, or it was forgotten.", code="delivery_not_found"
        ) from None


def _refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.disabled_at is not None:
        raise Problem(409, "The webhook is disabled. Enable it first (PATCH enabled).", code="webhook_disabled")


def _sent(delivery: WebhookDelivery) -> Response:
    body = describe_delivery(delivery)
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["links"]["self"]})


def _page(request: Request, query: type[Page], rows: QuerySet[Any], shown: Any) -> Response:
    given = query(data=request.query_params)
    given.is_valid(raise_exception=True)
    values = given.validated_data
    if "state" in values:
        rows = rows.filter(state=values["state"])
    if "cursor" in values:
        rows = rows.filter(pk__lt=values["cursor"])
    found = list(rows.order_by("-pk")[: values["limit"] + 1])
    page = found[: values["limit"]]
    following = None
    if len(found) > len(page):
        following = f"{request.path}?{urlencode(request.query_params.dict() | {'cursor': str(page[-1].pk)})}"
    return page_response([shown(row) for row in page], following)
