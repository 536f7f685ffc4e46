"""How drf-spectacular reads our views: by `@operation` and docstrings, and nothing is guessed."""

from __future__ import annotations

import inspect
import re
from typing import Any

import uritemplate
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_parameter_type
from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework.parsers import MultiPartParser
from rest_framework.serializers import BaseSerializer, ListSerializer
from rest_framework.views import APIView

from jobs.api.openapi import faults
from jobs.api.openapi.common import JOB_NOT_FOUND
from jobs.api.openapi.headers import CANCEL_AFTER, IDEMPOTENCY_KEY, OF_TOKENS, PREFER, response_headers
from jobs.api.openapi.operation import Answer, Operation

#: What an operation without `@operation` carries, for the test that finds it.
UNDESCRIBED = "x-undescribed"
ANY_TEXT = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
UUID_PATTERN = "[0-9a-fA-F]{8}-"
#: Parameters of addresses that mean the same everywhere.
PATH_PARAMETERS = {
    "job_id": "The job's id.",
    "file_id": "The file's id, from `files` of the job.",
    "session_id": "Your own name for the session.",
}


class Schema(AutoSchema):
    """DRF's DEFAULT_SCHEMA_CLASS."""

    @property
    def operation(self) -> Operation | None:
        return getattr(self._method, "operation", None)

    @property
    def _method(self) -> Any:
        return getattr(self.view, self.method.lower(), None)

    def get_operation(self, *args: Any) -> Any:
        described = super().get_operation(*args)
        if described is not None and self.operation is None:
            described[UNDESCRIBED] = True
        return described

    # --- words ------------------------------------------------------------------------------------------------
    def get_summary(self) -> str:
        return getattr(self.view, "summary", "") or self._documentation.partition("\n")[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        return self._documentation.partition("\n")[2].strip() or self._documentation

    @property
    def _documentation(self) -> str:
        return inspect.cleandoc(getattr(self._method, "__doc__", None) or "")

    def get_tags(self) -> list[str]:
        tag = (self.operation.tag if self.operation else "") or getattr(self.view, "tag", "")
        return [tag or type(self.view).__module__.partition(".")[0]]

    def get_operation_id(self) -> str:
        if self.operation and self.operation.name:
            return self.operation.name
        app = type(self.view).__module__.partition(".")[0]
        words = re.sub(r"^/api(/v1)?/", "", self.path).strip("/")
        own = "" if app == "jobs" else f"{app}_"
        return f"{own}{self.method.lower()}_{re.sub(r'[^A-Za-z0-9]+', '_', words).strip('_')}"

    # --- in ---------------------------------------------------------------------------------------------------
    def get_override_parameters(self) -> list[Any]:
        declared = list(self.operation.parameters) if self.operation else []
        # What takes a key becomes a job, and jobs have deadlines.
        return [*declared, CANCEL_AFTER] if IDEMPOTENCY_KEY in declared else declared

    def get_request_serializer(self) -> Any:
        if self.operation is None:
            return None
        bodies = {"application/json": self.operation.request, "multipart/form-data": self.operation.form}
        return {
            media: OpenApiRequest(shape, examples=_request_examples(shape)) for media, shape in bodies.items() if shape
        }

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> Any:
        if getattr(serializer, "never_partial", False):  # of a PATCH as well
            return self.resolve_serializer(serializer, direction).ref, True
        schema, required = super()._get_request_for_media_type(serializer, direction)
        return schema, required or getattr(serializer, "always_sent", False)

    def _resolve_path_parameters(self, variables: list[str]) -> list[Any]:
        own = {**getattr(self.view, "path_parameters", {}), **((self.operation and self.operation.path) or {})}
        return [
            build_parameter_type(
                name=name,
                location="path",
                required=True,
                description=own.get(name) or PATH_PARAMETERS.get(name, ""),
                schema=_path_schema(self.path_regex, name),
            )
            for name in variables
        ]

    def get_response_serializers(self) -> Any:
        return None

    def _is_list_view(self, serializer: Any = None) -> bool:
        return isinstance(serializer, ListSerializer)

    # --- out --------------------------------------------------------------------------------------------------
    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        if self.operation is None:
            return {"200": {"description": ""}}
        responses: dict[str, Any] = {}
        for status, answers in self.operation.answers.items():
            merged: dict[str, Any] = {}
            for answer in answers:
                response = self._answer(answer, str(status), direction)
                merged.setdefault("description", response["description"])
                for part in ("headers", "content"):
                    if part in response:
                        merged.setdefault(part, {}).update(response[part])
            responses[str(status)] = merged
        for code, response in faults.responses(self._faults(), self._resolve_shape).items():
            responses.setdefault(code, response)
        if self.view.get_authenticators():
            for response in responses.values():
                response["headers"] = response.get("headers", {}) | response_headers(OF_TOKENS)
        return dict(sorted(responses.items()))

    def _answer(self, answer: Answer, status: str, direction: Any) -> dict[str, Any]:
        shape = answer.shape
        response = self._get_response_for_code(shape, status, (answer.media,), direction)
        response["description"] = answer.description or _about(shape)
        if answer.headers:
            response["headers"] = response_headers(answer.headers)
        example = answer.example if answer.example is not None else _example(shape)
        if example is not None and "content" in response:
            response["content"][answer.media]["examples"] = {"example": {"value": example}}
        return response

    def _faults(self) -> list[faults.Fault]:
        assert self.operation is not None
        found = list(self.operation.faults)
        if self.method in ("POST", "PUT", "PATCH"):
            found += faults.OF_BODIES
            if self.operation.form:
                found += faults.OF_FORMS
            elif MultiPartParser in self.view.parser_classes:
                found += faults.OF_PARTS
        elif any(map(_may_be_invalid, self.operation.parameters)):
            found.append(faults.INVALID)
        if self.view.get_authenticators():
            found += faults.OF_CALLERS
        if PREFER in self.operation.parameters:  # while it is waited for, somebody may delete it
            found.append(JOB_NOT_FOUND)
        if any(_path_schema(self.path_regex, name) != ANY_TEXT for name in uritemplate.variables(self.path)):
            found.append(faults.NOT_FOUND)
        if type(self.view).perform_content_negotiation is APIView.perform_content_negotiation:
            found.append(faults.NOT_ACCEPTABLE)
        return [*found, faults.INTERNAL, faults.DATABASE_AWAY]

    def _resolve_shape(self, shape: Any) -> dict[str, Any]:
        return self.resolve_serializer(shape, "response").ref

    # --- components -------------------------------------------------------------------------------------------
    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name = type(serializer).__name__
        return name.removesuffix("Shape") if name.endswith("Shape") else name.removesuffix("Input")

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        # A rule of a field of ours, in the words of JSON Schema.
        return schema | getattr(field, "rule", {}) if isinstance(schema, dict) else schema

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        schema = super()._map_basic_serializer(serializer, direction)
        for name, field in serializer.fields.items():
            if isinstance(field, ListSerializer):
                limits = {"minItems": None if field.allow_empty else 1, "maxItems": getattr(field, "max_length", None)}
                schema["properties"][name] |= {limit: value for limit, value in limits.items() if value is not None}
        if getattr(serializer, "refuses_unknown", False):
            schema["additionalProperties"] = False
        if getattr(serializer, "takes_more", False):
            schema["additionalProperties"] = True
        return schema


def _path_schema(regex: str, name: str) -> dict[str, Any]:
    pattern = re.search(rf"<(\w+):{name}>", regex)
    group = re.search(rf"\(\?P<{name}>([^)]*)", regex)
    if (pattern and pattern[1] == "uuid") or (group and group[1].startswith(UUID_PATTERN)):
        return {"type": "string", "format": "uuid"}
    if (pattern and pattern[1] == "int") or (group and group[1].startswith(r"\d")):
        return {"type": "integer", "minimum": 0}
    if pattern and pattern[1] == "slug":
        return {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
    return ANY_TEXT


def _may_be_invalid(given: Any) -> bool:
    """Whether a query may be refused; the serializer of one that never is says `takes_anything`."""
    if hasattr(given, "location"):
        return given.location == "query"
    return not getattr(given, "takes_anything", False)


def _about(shape: Any) -> str:
    shape = shape.child if isinstance(shape, ListSerializer) else shape
    declared = type(shape) if isinstance(shape, BaseSerializer) else shape
    if inspect.isclass(declared) and issubclass(declared, BaseSerializer):
        return (inspect.getdoc(declared) or "").partition("\n")[0]
    return ""


def _example(shape: Any) -> Any:
    if isinstance(shape, ListSerializer):
        one = getattr(shape.child, "example", None)
        return None if one is None else [one]
    return shape.get("example") if isinstance(shape, dict) else getattr(shape, "example", None)


def _request_examples(shape: Any) -> list[OpenApiExample]:
    examples = getattr(shape, "examples", None) or {"example": _example(shape)}
    examples = examples() if callable(examples) else examples
    return [OpenApiExample(name, value=value) for name, value in examples.items() if value is not None]
