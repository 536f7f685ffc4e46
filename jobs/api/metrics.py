"""GET /metrics: for Prometheus, which sends a bearer token.

That is METRICS_TOKEN, which is good for nothing else and needs no database; or a token with the scope `read`, or the
session, of staff: they see all jobs in the API, whatever their role.
"""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from jobs.api.authentication import REALM
from jobs.api.openapi import Answer, operation
from jobs.api.scopes import HasScope
from jobs.metrics import process


class Scraper:
    """Who comes with METRICS_TOKEN: no user, and allowed nothing but this."""

    pk = None
    is_authenticated = True


class ScraperAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        known = settings.METRICS_TOKEN.encode()
        if scheme.lower() == b"bearer" and known and hmac.compare_digest(token.strip(), known):
            return Scraper(), None
        return None

    def authenticate_header(self, request: Request) -> str:
        return REALM


class MayLook(BasePermission):
    message = "Metrics are for staff, and for METRICS_TOKEN."

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return isinstance(user, Scraper) or bool(user.is_staff)


TEXT = {
    "type": "string",
    "description": "a line for each sample",
    "example": 'sira_queue_depth{queue="default",state="queued"} 3.0\n',
}


class Metrics(APIView):
    tag = "operations"
    permission_classes = [MayLook, HasScope]

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [ScraperAuthentication(), *super().get_authenticators()]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return JSONRenderer(), JSONRenderer.media_type  # for problems; whatever is asked for, there is an answer

    @operation(
        {200: [Answer(TEXT, "Every metric.", media=media) for media in ("text/plain", "application/openmetrics-text")]}
    )
    def get(self, request: Request) -> HttpResponse:
        """Read the metrics of this server.

        In Prometheus' text format or as OpenMetrics, whichever `Accept` asks for. For staff, and for whoever comes with
        METRICS_TOKEN.
        """
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (ValueError, TypeError):  # a version that is no number
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        response = HttpResponse(encode(process.registry), content_type=content_type)
        response["Cache-Control"] = "no-store"
        return response
