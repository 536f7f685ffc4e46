"""Holds every answer that a test gets from the API against the API's description.

A test that asks an address in a way that nobody described, or gets what nobody described, fails where it asks:
undeclared statuses, media types, headers and members of a body, missing members, values of another type.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from rest_framework.views import APIView

from jobs.api.openapi.schema import UNDESCRIBED
from jobs.api.problems import MEDIA_TYPE

#: Headers that mean something to a client of the API: an answer has one only if that is declared.
MEANINGFUL = (
    "Location",
    "Link",
    "ETag",
    "Retry-After",
    "Content-Disposition",
    "WWW-Authenticate",
    "RateLimit",
    "RateLimit-Policy",
    "Idempotent-Replayed",
    "Preference-Applied",
)


class NotAsDescribed(AssertionError):
    """The API did what its description does not say."""


@dataclass(frozen=True)
class Description:
    """document: as it is published. routes: {(route of Django, method): path in the document}."""

    document: dict[str, Any]
    routes: dict[tuple[str, str], str]

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield path, method and operation of each."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield path, method.upper(), operation


@functools.cache
def describe() -> Description:
    """Return the description of this process's API, made once."""
    generator = SchemaGenerator()
    document = json.loads(json.dumps(generator.get_schema(request=None, public=True)))
    routes = {(plain_route(regex), method): path for path, regex, method, _ in generator.endpoints}
    return Description(document, routes)


def plain_route(route: str) -> str:
    """Return a route as Django and DRF both have it: each joins the parts of a regular expression in its own way."""
    return route.replace("^", "")


def check_answer(response: Any) -> None:
    """Raise NotAsDescribed when this answer to a test's client is not as the API's description has it."""
    request = response.wsgi_request if hasattr(response, "wsgi_request") else response.asgi_request
    match = request.resolver_match
    if match is None or settings.ROOT_URLCONF != "config.urls" or request.method in ("OPTIONS", "HEAD"):
        return
    path = describe().routes.get((plain_route(match.route), request.method))
    if path is None:
        view = getattr(match.func, "cls", None)
        if view is not None and issubclass(view, APIView) and response.status_code not in (401, 403, 405):
            raise NotAsDescribed(f"{request.method} {match.route} is not in the description")
        return
    operation = describe().document["paths"][path][request.method.lower()]
    if not operation.get(UNDESCRIBED):
        _check(response, operation, f"{request.method} {path}")


def _check(response: Any, operation: dict[str, Any], name: str) -> None:
    status = str(response.status_code)
    name = f"{name} answered {status}"
    declared = resolve(operation["responses"].get(status))
    if declared is None:
        raise NotAsDescribed(f"{name}, which is not described; it was {_shown(response)}")
    _check_headers(response, declared, name)
    content = declared.get("content", {})
    if response.streaming or not content:
        body = b"" if response.streaming else response.content
        if body:
            raise NotAsDescribed(f"{name} with a body, which is not described; it was {_shown(response)}")
    sent = response.headers.get("Content-Type", "").partition(";")[0]
    if not content:
        return
    media = next((known for known in content if _fits(known, sent)), None)
    if media is None:
        raise NotAsDescribed(f"{name} as {sent!r}, described are {sorted(content)}")
    if media in ("application/json", MEDIA_TYPE) and not response.streaming:
        validator = _validator(operation["operationId"], status, media)
        found = validator.iter_errors(json.loads(response.content))
        errors = [f"{error.instance_path}: {error.message}" for error in found]
        if errors:
            raise NotAsDescribed(f"{name}, but its body is not as described: {errors}; it was {_shown(response)}")


def _check_headers(response: Any, declared: dict[str, Any], name: str) -> None:
    headers = declared.get("headers", {})
    components = describe().document["components"]["headers"]
    for header in MEANINGFUL:
        if header in response.headers and header not in headers:
            raise NotAsDescribed(f"{name} with a header {header}, which is not described")
    for header, reference in headers.items():
        required = components[reference["$ref"].rpartition("/")[2]].get("required")
        if required and header not in response.headers:
            raise NotAsDescribed(f"{name} without the header {header}")


def _fits(known: str, sent: str) -> bool:
    """Whether a declared media type, or range of them, covers the one that was sent."""
    if known == "*/*":
        return True
    return known == sent or (known.endswith("/*") and sent.startswith(known.removesuffix("*")))


def _shown(response: Any) -> str:
    return "a stream" if response.streaming else repr(response.content[:2000].decode(errors="replace"))


@functools.cache
def _validator(operation_id: str, status: str, media: str) -> Any:
    operation = next(one for _, _, one in describe().operations() if one["operationId"] == operation_id)
    schema = resolve(operation["responses"][status])["content"][media]["schema"]
    return validator_of(schema, strict=True)


def resolve(response: Any) -> Any:
    """Return an answer of an operation, if it is a reference the one that it refers to."""
    reference = (response or {}).get("$ref")
    return describe().document["components"]["responses"][reference.rpartition("/")[2]] if reference else response


def validator_of(schema: dict[str, Any], *, strict: bool = False) -> Any:
    """Return a validator for a schema of the document. strict: a member that is not declared is an error as well."""
    if strict and "allOf" in schema:
        schema = schema | {"unevaluatedProperties": False}
    components = {"schemas": _closed_components() if strict else describe().document["components"]["schemas"]}
    return jsonschema_rs.Draft202012Validator(schema | {"components": components}, validate_formats=True)


@functools.cache
def _closed_components() -> dict[str, Any]:
    """Return the schemas so that what is not declared is refused: but for the parts of problems, which are joined."""
    document = describe().document
    schemas = copy.deepcopy(document["components"]["schemas"])
    joined = {
        part["$ref"].rpartition("/")[2]
        for _, _, operation in describe().operations()
        for response in operation["responses"].values()
        for part in resolve(response).get("content", {}).get(MEDIA_TYPE, {}).get("schema", {}).get("allOf", [])
    }
    for name, schema in schemas.items():
        if name not in joined and "properties" in schema and "oneOf" not in schema:
            schema.setdefault("additionalProperties", False)
    return schemas
