"""What drf-spectacular calls before and after it makes the description; and what our own classes are in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension

from jobs.api.openapi.headers import ALWAYS, COMPONENTS
from jobs.api.scopes import needed_scope
from jobs.kinds import registry

#: The end of an address that is taken with a slash and without.
OPTIONAL_SLASH = "/?$"


def without_optional_slashes(endpoints: list[Any]) -> list[Any]:
    """Describe an address that is taken with and without a slash at its end once: without, as the seeds have it."""
    return [
        (path.rstrip("/") if regex.endswith(OPTIONAL_SLASH) else path, regex, method, callback)
        for path, regex, method, callback in endpoints
    ]


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the components that answers refer to, and make one of each answer that many operations have."""
    components = result.setdefault("components", {})
    components["headers"] = {
        name: ({"required": True} if name in ALWAYS else {}) | described for name, described in COMPONENTS.items()
    }
    components["responses"] = _shared(result["paths"])
    return result


def _shared(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the answers that occur more than once by name, and put references in their places."""
    responses = [
        (operation["responses"], status)
        for methods in paths.values()
        for operation in methods.values()
        for status in operation["responses"]
    ]
    written: dict[int, dict[str, str]] = {id(found): {} for found, _ in responses}
    counts: Counter[str] = Counter()
    for found, status in responses:
        written[id(found)][status] = text = json.dumps([status, found[status]], sort_keys=True)
        counts[text] += 1
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for found, status in responses:
        text = written[id(found)][status]
        if counts[text] == 1:
            continue
        if text not in names:
            title = re.sub(r"[^A-Za-z]", "", HTTPStatus(int(status)).phrase)
            number = sum(name.rstrip("0123456789") == title for name in shared) + 1
            names[text] = title if number == 1 else f"{title}{number}"
            shared[names[text]] = found[status]
        found[status] = {"$ref": f"#/components/responses/{names[text]}"}
    return shared


class TokenScheme(OpenApiAuthenticationExtension):
    """A token, under both words that clients use for it."""

    target_class = "jobs.api.authentication.TokenAuthentication"
    name = ["bearer", "token"]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        scope = str(needed_scope(auto_schema.view, auto_schema.method))
        return [{"bearer": [scope]}, {"token": [scope]}]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`"},
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Authorization: Token <token>`: the word and the token.",
            },
        ]


class ScraperScheme(OpenApiAuthenticationExtension):
    """What Prometheus comes with."""

    target_class = "jobs.api.metrics.ScraperAuthentication"
    name = "metrics"

    def get_security_definition(self, auto_schema: Any) -> Any:
        return {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, which is good for nothing else"}


class SessionScheme(OpenApiAuthenticationExtension):
    """A person who has signed in on the pages."""

    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Any:
        from django.conf import settings

        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "For pages. What changes something needs the header `X-CSRFToken` as well.",
        }


class CommaSeparated(OpenApiSerializerFieldExtension):
    """Several words in one parameter."""

    target_class = "jobs.search.CommaSeparated"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        if self.target.words is None:
            return {"type": "string"}
        word = f"({'|'.join(map(re.escape, self.target.words))})"
        return {"type": "string", "pattern": f"^{word}(,{word})*$"}


class KindName(OpenApiSerializerFieldExtension):
    """The name of any kind, the engine's own as well."""

    target_class = "jobs.api.webhooks.KindName"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "enum": [kind.name for kind in registry]}


class FileField(OpenApiSerializerFieldExtension):
    """An uploaded file; our shapes have files in requests only."""

    target_class = "rest_framework.fields.FileField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}
