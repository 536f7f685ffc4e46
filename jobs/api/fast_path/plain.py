"""What is plain enough for the event loop: the headers, the body, the kind. Whatever is not is Declined."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.fields import _UnvalidatedField

from jobs import door
from jobs.api.authentication import key_in
from jobs.api.parsers import parse_object
from jobs.api.views import ENVELOPE
from jobs.errors import InvalidInput
from jobs.kinds import UnknownKind
from jobs.submission import Submission

#: A larger body takes its time to be read and checked: not on the event loop.
MOST_BYTES = 64 * 1024
JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
PLAIN_FIELDS = frozenset({"kind", "input", "priority", "user_id", "session_id", "metadata"})
#: Fields that look at nothing but their value.
PLAIN_TYPES = frozenset(
    {
        serializers.BooleanField, serializers.CharField, serializers.ChoiceField, serializers.DateField,
        serializers.DateTimeField, serializers.DecimalField, serializers.DictField, serializers.FloatField,
        serializers.IntegerField, serializers.JSONField, serializers.UUIDField,
    }
)  # fmt: skip
#: Of a serializer: what else takes part in its checks.
CHECKING = frozenset({"run_validation", "to_internal_value", "is_valid", "get_fields", "__init__"})
#: Who accepts these gets plain JSON; what else may be meant, DRF knows.
ACCEPTED = frozenset({b"*/*", b"application/json", b"application/json, */*"})
#: Headers that make a request more than a plain one.
NOT_PLAIN = frozenset(
    {b"cookie", b"prefer", b"cancel-after", b"x-http-method-override", b"expect", b"content-encoding"}
)


class Declined(Exception):
    """Not plain enough; nothing was done."""


def headers_of(scope: dict[str, Any]) -> dict[bytes, bytes]:
    """Return the headers of a request by name. Raises Declined for one that is not plain."""
    headers = dict(scope["headers"])
    if (
        settings.SIRA_TRACING
        or scope["query_string"]
        or scope.get("root_path")
        or len(headers) != len(scope["headers"])
        or headers.get(b"accept", b"*/*") not in ACCEPTED
        or not NOT_PLAIN.isdisjoint(headers)
    ):
        raise Declined
    return headers


def key_of_token(headers: dict[bytes, bytes]) -> str:
    key = key_in(headers.get(b"authorization", b""))
    if key is None:
        raise Declined
    return key


def checked(body: bytes) -> Submission:
    """Return what a body submits. Raises Declined for what is not plain, or not right: the usual way says what is."""
    try:
        envelope = parse_object(body)
        if not PLAIN_FIELDS.issuperset(envelope):
            raise Declined
        given = dict(ENVELOPE.run_validation(envelope))
        kind, data = door.open_kind(given.pop("kind")), given.pop("input")
        if not _is_plain(kind.input) or kind.rate_limit or kind.resource or not door.field_names(kind).issuperset(data):
            raise Declined
        valid = door.check(kind.name, data)
        return Submission(kind.name, door.as_json(valid.serializer, valid.fields), **given)
    except (APIException, InvalidInput, UnknownKind) as error:
        raise Declined from error


@lru_cache(maxsize=1000)
def _is_plain(input: type[serializers.Serializer]) -> bool:
    """Whether an input can be checked on the event loop: DRF's own fields, and no code of others, which may wait."""
    own = {name for base in input.__mro__ if not _is_known(base) for name in vars(base)}
    made = input()
    return (
        not any(name.startswith("validate") or name in CHECKING for name in own)
        and not made.validators
        and all(_is_plain_field(field) for field in made.fields.values())
    )


def _is_plain_field(field: serializers.Field) -> bool:
    child = getattr(field, "child", None)
    return (
        type(field) in PLAIN_TYPES
        and all(_is_known(type(one)) for one in field.validators)
        and (not callable(field.default) or _is_known(field.default) or _is_known(type(field.default)))
        and (child is None or type(child) is _UnvalidatedField or _is_plain_field(child))
    )


def _is_known(code: Any) -> bool:
    return code.__module__ == "builtins" or code.__module__.startswith(("rest_framework.", "django."))


def is_plain_json(headers: dict[bytes, bytes]) -> bool:
    said = headers.get(b"content-length", b"")
    return said.isdigit() and int(said) <= MOST_BYTES and headers.get(b"content-type", b"").lower() in JSON
