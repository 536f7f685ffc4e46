"""`@operation`: what one method of a view takes and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from jobs.api.openapi.faults import Fault

Method = TypeVar("Method", bound=Callable[..., Any])
#: A serializer class, a field of a list, a raw JSON schema, or None for no body.
Shape = Any


@dataclass(frozen=True)
class Answer:
    """What is sent with one status.

    shape: None for no body. media: its types; JSON if none is named. headers: names of `headers.COMPONENTS`. example:
    instead of the shape's own. status: of faults no part, these are answers.
    """

    shape: Shape = None
    description: str = ""
    headers: tuple[str, ...] = ()
    media: str = "application/json"
    example: Any = None


@dataclass(frozen=True)
class Operation:
    """See `operation`."""

    answers: Mapping[int, Sequence[Answer]]
    faults: Sequence[Fault] = ()
    request: Shape = None
    form: Shape = None
    parameters: Sequence[type[serializers.Serializer] | OpenApiParameter] = ()
    path: Mapping[str, str] | None = None
    public: bool = False
    tag: str = ""
    name: str = ""


def operation(
    answers: Shape | Mapping[int, Shape | Answer | Sequence[Answer]],
    *,
    faults: Sequence[Fault] = (),
    request: Shape = None,
    form: Shape = None,
    parameters: Sequence[type[serializers.Serializer] | OpenApiParameter] = (),
    path: Mapping[str, str] | None = None,
    tag: str = "",
    name: str = "",
) -> Callable[[Method], Method]:
    """Describe a method of a view. Its docstring is the summary (first line) and the description.

    answers: the shape of the 200, or {status: shape or Answer or several Answers, for several media types}.
    faults: its own errors; those that every operation of its sort has are added. request: the JSON body. form: the
    body as multipart/form-data; both where both are taken. parameters: a serializer whose fields are the query, headers
    (`PREFER`, …). path: {parameter: description}; `path_parameters` of the view class has those that its methods share.
    tag: instead of the view class's `tag`. name: the operationId, instead of one made from the address.
    """
    if not isinstance(answers, Mapping):
        answers = {200: answers}
    declared = Operation(
        answers={status: _answers(given) for status, given in answers.items()},
        faults=faults,
        request=request,
        form=form,
        parameters=parameters,
        path=path,
        tag=tag,
        name=name,
    )

    def declare(method: Method) -> Method:
        method.operation = declared  # type: ignore[attr-defined]
        return method

    return declare


def _answers(given: Any) -> list[Answer]:
    if isinstance(given, Answer):
        return [given]
    if isinstance(given, Sequence) and all(isinstance(one, Answer) for one in given):
        return list(given)
    return [Answer(given)]
