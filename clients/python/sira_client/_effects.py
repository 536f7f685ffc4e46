"""What the client's logic asks of the outside, as plain values: it is written once, as generators that yield these,
and `Sira` and `AsyncSira` only carry them out.

    Send → Answer | Lost              a request and its whole answer
    Open → Answer | Lost              the same, but the body of a 200 is left open, to be read piece by piece
    Read → bytes | Lost               the next piece of what is open; b"" at its end
    Close, Sleep                      → None
    Emit                              → None; a value for the caller: an event, a job of a list
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ._uploads import Upload

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """path: below the server's address, without a leading slash. content: a JSON body, ready to be sent; or a form with
    `uploads`. timeout: seconds for each step of the exchange; None for the client's own."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    uploads: tuple[Upload, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Answer:
    """headers: with names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Lost:
    """No answer, or not all of it. sent: whether the server may have got the request. silent: nothing came in time."""

    reason: str
    sent: bool = True
    silent: bool = False


@dataclass(frozen=True)
class Send:
    request: Request


@dataclass(frozen=True)
class Open:
    request: Request


@dataclass(frozen=True)
class Read:
    pass


@dataclass(frozen=True)
class Close:
    pass


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Emit:
    value: Any


Effect: TypeAlias = Send | Open | Read | Close | Sleep | Emit
#: Steps that end in a T.
Steps: TypeAlias = Generator[Effect, Any, T]
