"""JSON as a type of the caller's: a dataclass, a TypedDict, containers of them, or a pydantic model.

Names that the type does not know are left out; what it asks for must be there.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from ._errors import WrongShape

T = TypeVar("T")


def read_as(type: type[T], value: Any, where: str = "result") -> T:
    """Return JSON `value` as a `type`. where: how the value is called in errors. Raises WrongShape."""
    return _read(type, value, where)


def _read(wanted: Any, value: Any, where: str) -> Any:
    if wanted is Any or wanted is object:
        return value
    if hasattr(wanted, "model_validate"):  # pydantic's way
        return wanted.model_validate(value)
    if dataclasses.is_dataclass(wanted):
        return _read_dataclass(wanted, value, where)
    if is_typeddict(wanted):
        return _read_typed_dict(wanted, value, where)
    if isinstance(wanted, type):
        return _read_plain(wanted, value, where)
    return _read_generic(wanted, value, where)


def _read_dataclass(wanted: Any, value: Any, where: str) -> Any:
    given = _an_object(value, wanted, where)
    hints = _hints(wanted)
    arguments = {}
    for field in dataclasses.fields(wanted):
        if not field.init:
            continue
        if field.name in given:
            arguments[field.name] = _read(hints[field.name], given[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise WrongShape(f"{where} has no {field.name!r}, which {wanted.__name__} asks for")
    return wanted(**arguments)


def _read_typed_dict(wanted: Any, value: Any, where: str) -> dict[str, Any]:
    given = _an_object(value, wanted, where)
    for name, hint in _hints(wanted).items():
        # __required_keys__ does not see NotRequired where annotations are strings.
        required = {Required: True, NotRequired: False}.get(get_origin(hint), name in wanted.__required_keys__)
        if required and name not in given:
            raise WrongShape(f"{where} has no {name!r}, which {wanted.__name__} asks for")
    return {name: _read(hint, given[name], f"{where}.{name}") for name, hint in _hints(wanted).items() if name in given}


def _read_plain(wanted: Any, value: Any, where: str) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted in (int, float, str, bool, type(None)):
        if type(value) is wanted:
            return value
    elif wanted in (dict, list):
        if isinstance(value, wanted):
            return value
    elif wanted is tuple and isinstance(value, list):
        return tuple(value)
    elif isinstance(value, str | int) and issubclass(wanted, datetime | date | uuid.UUID | Enum):
        read = wanted.fromisoformat if issubclass(wanted, date) else wanted
        try:
            return read(value)
        except (ValueError, TypeError):
            raise WrongShape(f"{where}: {value!r} is no {wanted.__name__}") from None
    raise WrongShape(f"{where}: expected {wanted.__name__}, got {_named(value)}")


def _read_generic(wanted: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, where)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in arguments):
            return value
        raise WrongShape(f"{where}: expected one of {', '.join(map(repr, arguments))}, got {value!r}")
    if origin in (Required, NotRequired, Annotated):
        return _read(arguments[0], value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {
            name: _read(arguments[1], one, f"{where}.{name}") for name, one in _an_object(value, dict, where).items()
        }
    if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset):
        if not isinstance(value, list):
            raise WrongShape(f"{where}: expected a list, got {_named(value)}")
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is ...):
            if len(arguments) != len(value):
                raise WrongShape(f"{where}: expected {len(arguments)} values, got {len(value)}")
            pairs = zip(arguments, value, strict=True)
            return tuple(_read(one, part, f"{where}[{at}]") for at, (one, part) in enumerate(pairs))
        items = [_read(arguments[0], one, f"{where}[{at}]") for at, one in enumerate(value)]
        return origin(items) if origin in (tuple, set, frozenset) else items
    raise TypeError(f"{where}: a result cannot be read as {wanted!r}")


def _read_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in choices:
        return None
    failures = []
    for choice in choices:
        if choice is type(None):
            continue
        try:
            return _read(choice, value, where)
        except WrongShape as failure:
            failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    raise WrongShape(f"{where}: none of {len(failures)} types fits; the last: {failures[-1] if failures else 'null'}")


@functools.lru_cache(maxsize=512)
def _hints(wanted: Any) -> dict[str, Any]:
    return get_type_hints(wanted, include_extras=True)


def _an_object(value: Any, wanted: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongShape(f"{where}: expected an object for {wanted.__name__}, got {_named(value)}")
    return value


def _named(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
