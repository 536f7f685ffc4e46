"""What `POST /api/v1/jobs/` takes: for each kind a component, made from the kind's own declaration.

A new kind is in the description by itself: its docstring, the fields of its serializer, and the serializer's `example`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from jobs.api.shapes.examples import FILE
from jobs.door import file_fields
from jobs.kinds import JobKind, registry

BINARY = {"type": "string", "format": "binary"}
FILE_ID = {"type": "string", "format": "uuid", "description": "of a file that was sent to /api/v1/files/ before"}


class SubmissionForm(serializers.Serializer):
    """A submission as a form: the kind's own fields stand beside those of the envelope."""

    metadata = serializers.CharField(required=False, help_text="one JSON object")

    always_sent = True

    @staticmethod
    def examples() -> dict[str, Any]:
        return {
            kind.name: {"kind": kind.name, **example}
            for kind in _kinds()
            if file_fields(kind) and (example := _example(kind)) is not None
        }


class AsJson(OpenApiSerializerExtension):
    """One variant for each kind. A file is named by the id that it got when it was sent before."""

    target_class = "jobs.api.serializers.SubmissionInput"

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        envelope = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return _one_of(auto_schema, "Submit", list(_kinds()), lambda kind: _as_json(auto_schema, kind, envelope))


class AsForm(OpenApiSerializerExtension):
    """One variant for each kind."""

    target_class = "jobs.api.openapi.kinds.SubmissionForm"

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        from jobs.api.serializers import SubmissionInput

        envelope = auto_schema._map_serializer(SubmissionInput(), direction, bypass_extensions=True)
        own = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        envelope["properties"] |= own["properties"]
        # Said here as well: some readers look no further for what is sent as a file.
        files = {
            name: {"type": "array", "items": BINARY} if many else BINARY
            for kind in _kinds()
            for name, many in file_fields(kind).items()
        }
        one_of = _one_of(auto_schema, "SubmitForm", list(_kinds()), lambda kind: _as_form(auto_schema, kind, envelope))
        return {"type": "object", "properties": files} | one_of


def examples_as_json() -> dict[str, Any]:
    """Return one submission for each kind, by the kind's name."""
    examples = {kind.name: (kind, _example(kind)) for kind in _kinds()}
    return {
        name: {"kind": name, "input": {**example, **_ids(kind, example)}}
        for name, (kind, example) in examples.items()
        if example is not None
    }


def _ids(kind: JobKind, example: dict[str, Any]) -> dict[str, Any]:
    """Return ids in place of the files of an example."""
    return {name: [FILE] if many else FILE for name, many in file_fields(kind).items() if name in example}


def _kinds() -> Iterator[JobKind]:
    return (kind for kind in registry if not kind.internal)


def _example(kind: JobKind) -> dict[str, Any] | None:
    """Return an input of the kind; None if nobody wrote one and it needs one."""
    needed = any(field.required for field in kind.input().fields.values())
    return getattr(kind.input, "example", None if needed else {})


def _one_of(auto_schema: Any, prefix: str, kinds: list[JobKind], make: Any) -> dict[str, Any]:
    refs = {}
    for kind in kinds:
        component = ResolvedComponent(
            name=f"{prefix}.{kind.name}", type=ResolvedComponent.SCHEMA, object=kind.name, schema=make(kind)
        )
        auto_schema.registry.register_on_missing(component)
        refs[kind.name] = component.ref["$ref"]
    return {
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "kind", "mapping": refs},
    }


def _as_json(auto_schema: Any, kind: JobKind, envelope: dict[str, Any]) -> dict[str, Any]:
    taken = _fields(auto_schema, kind)
    for name, many in file_fields(kind).items():
        taken["properties"][name] = {"type": "array", "items": FILE_ID} if many else FILE_ID
    properties = {
        **envelope["properties"],
        "kind": {"const": kind.name},
        "input": taken | {"additionalProperties": False},
    }
    required = ["kind", *(["input"] if taken.get("required") else [])]
    return _variant(kind, properties, required)


def _as_form(auto_schema: Any, kind: JobKind, envelope: dict[str, Any]) -> dict[str, Any]:
    taken = _fields(auto_schema, kind)
    properties = {**envelope["properties"], **taken["properties"], "kind": {"const": kind.name}}
    del properties["input"]
    return _variant(kind, properties, ["kind", *taken.get("required", [])])


def _variant(kind: JobKind, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "title": kind.title,
        "description": kind.documentation,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _fields(auto_schema: Any, kind: JobKind) -> dict[str, Any]:
    schema = auto_schema._map_serializer(kind.input(), "request")
    return {"type": "object", "properties": {}, **schema}
