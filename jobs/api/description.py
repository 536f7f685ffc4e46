"""/api/v1/schema/ and /api/v1/docs/: the API's description, for programs and for people; and what /healthz says.

Public: the description says what the code can do, and nothing of who uses it or what is stored.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.gzip import gzip_page
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.health import healthz
from jobs.api.openapi import IF_NONE_MATCH, Answer, operation
from jobs.api.serializers import to_json
from jobs.api.shapes.overview import HealthShape, SickShape
from jobs.api.views import View

#: A description that was deployed does not change; clients look again soon after a release.
CACHE_CONTROL = "public, max-age=60"
JSON = {"type": "object", "description": "an OpenAPI 3.1 document"}
YAML = {"type": "string", "description": "the same in YAML"}


class Json(BaseRenderer):
    """What it renders was made before; or it is a problem."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return data if isinstance(data, bytes) else to_json(data).encode()


class OpenApiJson(Json):
    media_type = "application/vnd.oai.openapi+json"


class Yaml(Json):
    media_type = "application/yaml"
    format = "yaml"


class OpenApiYaml(Yaml):
    media_type = "application/vnd.oai.openapi"


@method_decorator(gzip_page, name="dispatch")
class Schema(View):
    tag = "description"
    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [Json, OpenApiJson, Yaml, OpenApiYaml]

    @operation(
        {
            200: [
                Answer(
                    YAML if renderer.format == "yaml" else JSON,
                    "The description.",
                    media=renderer.media_type,
                    headers=("ETag",),
                )
                for renderer in renderer_classes
            ],
            304: Answer(description="It is as you know it.", headers=("ETag",)),
        },
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> Response:
        """Read this description.

        OpenAPI 3.1, as JSON; as YAML for `Accept: application/yaml`. `/api/v1/docs/` shows it to people.
        """
        document, etag = written(request.accepted_renderer.format)
        headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(document, headers=headers)


@functools.cache
def written(form: str) -> tuple[bytes, str]:
    """Return the description in "json" or "yaml", and its ETag. Made once in each process: it takes a second."""
    document = _generate()
    data = OpenApiYamlRenderer().render(document) if form == "yaml" else to_json(document).encode()
    return data, quote_etag(hashlib.sha256(data).hexdigest()[:32])


@functools.cache
def _generate() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


class Health(View):
    tag = "description"
    authentication_classes = []
    permission_classes = [AllowAny]

    # Load balancers send any Accept, or none.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation({200: HealthShape, 503: Answer(SickShape)}, name="get_healthz")
    def get(self, request: Request) -> HttpResponse:
        """Ask whether this server can work.

        For load balancers and people in a hurry: it answers within two seconds. That no worker runs is told, but is no
        failure of this server.
        """
        return healthz(request._request)


class Docs(TemplateView):
    """Swagger UI, from our own static files; its only script is a file as well."""

    template_name = "api-docs.html"
