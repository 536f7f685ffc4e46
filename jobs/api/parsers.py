"""What may come in as JSON: one object, of text that a database can keep."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from jobs.api.problems import Problem, printable

#: Deeper nesting is no request of ours, and would only be a way to exhaust the stack.
DEEPEST = 64


class ObjectParser(BaseParser):
    """application/json whose root is an object. NUL bytes and lone surrogates are refused, wherever they stand."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        too_large = Problem(413, "The JSON body is larger than this server takes. Send large texts as a file.")
        said = str(stream.META.get("CONTENT_LENGTH") or "") if hasattr(stream, "META") else ""
        if said.isdecimal() and int(said) > most:
            raise too_large  # nothing of it is read
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise too_large
        return parse_object(raw)


def parse_object(raw: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `raw`. Raises ParseError (400) for anything else."""
    try:
        text = raw if isinstance(raw, str) else raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ParseError(f"The body is not valid JSON{place}. Send one object in UTF-8.", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ParseError(
            f"The body is JSON, but not an object: it is {_name(data)}. Send an object.", code="not_an_object"
        )
    refuse_unstorable(data)
    return data


def refuse_unstorable(data: Any) -> None:
    """Raise ParseError (400) if any text in `data`, keys included, holds a NUL byte or a lone surrogate."""
    _check(data, "", 0)


def _check(value: Any, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise ParseError(f"The body is nested deeper than {DEEPEST} levels.", code="too_deep")
    if isinstance(value, str):
        problem = "a NUL byte" if "\0" in value else "half a surrogate pair" if _has_surrogate(value) else ""
        if problem:
            name = printable(where) if where else "A name"
            raise ParseError(
                f"{name} holds {problem}, which is no text. Remove it and send the request again.",
                code="unstorable_text",
            )
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _check(key, where and f"A name in {where}", depth)
            _check(inner, f"{where}.{key}" if where else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check(inner, f"{where}.{index}", depth + 1)


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _finite(written: str) -> float:
    number = float(written)
    if math.isinf(number):  # 5e400 is valid JSON, but no number that a database can keep
        raise ValueError(written)
    return number


def _name(data: Any) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(data), "null")
