"""Answers of the database that were fetched beforehand, so that code which asks for them can run on the event loop.

Our code is sync, and on the event loop nobody may wait for a database. There it runs with `answers`: a question whose
answer is among them gets it, and the first one that is not raises Unanswered. Whoever runs the code
(`jobs/api/fast_path/`) asks the database meanwhile, adds the answer and runs the code again from its start, until it
comes to its end. So the code is the same as in a thread, and what it decides is; but it must change nothing.

Only the questions of `Compiled` and `prepared.look` can be answered so. Any other is refused by Django itself
(SynchronousOnlyOperation), since a loop runs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Question = tuple[Any, Hashable]
#: The answer to a Compiled that has no rows. Else it is the statement and its rows.
NO_ROWS: tuple[Any, list[Any]] = (None, [])


class Unanswered(Exception):
    """A question that has no answer yet. asks: a Compiled, or the SQL of `prepared.look`; values: its values."""

    def __init__(self, asks: Any, values: Any) -> None:
        super().__init__()
        self.asks = asks
        self.values = values


class Answers:
    """What was asked so far."""

    def __init__(self) -> None:
        self._known: dict[Question, Any] = {}

    def find(self, asks: Any, values: Hashable) -> Any:
        """Return the answer. Raises Unanswered."""
        try:
            return self._known[asks, values]
        except KeyError:
            raise Unanswered(asks, values) from None

    def add(self, asks: Any, values: Hashable, answer: Any) -> None:
        self._known[asks, values] = answer


_beforehand: ContextVar[Answers | None] = ContextVar("answers", default=None)


def beforehand() -> Answers | None:
    """Return the answers that the running code has to do with; None where it may ask the database."""
    return _beforehand.get()


@contextmanager
def answered_by(answers: Answers) -> Iterator[None]:
    """Let the block do with these answers."""
    token = _beforehand.set(answers)
    try:
        yield
    finally:
        _beforehand.reset(token)
