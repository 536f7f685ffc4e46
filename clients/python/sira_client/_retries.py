"""When a request is sent again, and after how long."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ._effects import Answer, Lost, Request, Send, Sleep, Steps
from ._errors import Unreachable, WrongShape, api_error

#: A server that restarts is back within seconds: soon at first, then every few seconds.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0
#: "Not now." All but 429 may also come after the work was done, so only what can be repeated is sent again.
TRANSIENT = {408, 429, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """seconds: how long an answer is tried for, in all. timeout: seconds for each step of a try. clock: in seconds."""

    seconds: float
    timeout: float = 30.0
    clock: Callable[[], float] = time.monotonic


class TimeIsUp(Exception):
    """The caller's own deadline has come."""


class Pauses:
    """Pauses that double, each spread so that the clients of a restarted server do not all come at once."""

    def __init__(self, first: float | None = None, longest: float | None = None) -> None:
        self.first = FIRST_PAUSE_SECONDS if first is None else first
        self.longest = LONGEST_PAUSE_SECONDS if longest is None else longest
        self.count = 0

    def next(self) -> float:
        pause = min(self.first * 2 ** min(self.count, 30), self.longest)
        self.count += 1
        return pause * random.uniform(0.5, 1)

    def reset(self) -> None:
        self.count = 0


def send(request: Request, patience: Patience, *, repeatable: bool, until: float | None = None) -> Steps[Any]:
    """Send until there is an answer that says something, and return its JSON.

    repeatable: whether it does no harm when the server gets the request twice. What was certainly not received or not
    taken is sent again in any case. until: the caller's deadline, by the clock.
    Raises ApiError; Unreachable when the patience is over; TimeIsUp at the deadline; WrongShape for what is no JSON.
    """
    began = patience.clock()
    pauses = Pauses()
    while True:
        left = patience.timeout if until is None else max(0.05, until - patience.clock())
        outcome = yield Send(replace(request, timeout=min(patience.timeout, left)))
        tries = pauses.count + 1
        if isinstance(outcome, Answer):
            if outcome.ok:
                return _json(request, outcome)
            again = outcome.status == 429 or (repeatable and outcome.status in TRANSIENT)
        else:
            again = repeatable or not outcome.sent
        now = patience.clock()
        pause = max(pauses.next(), _asked_for(outcome))
        if until is not None and again and now + pause >= until:
            yield Sleep(max(0.0, until - now))
            raise TimeIsUp
        if not again or now + pause > began + patience.seconds:
            if isinstance(outcome, Lost):
                raise Unreachable(request, outcome.reason, tries, now - began)
            raise api_error(request, outcome, tries)
        yield Sleep(pause)


def _json(request: Request, answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise WrongShape(f"{request.method} /{request.path}: the answer is no JSON; is this address Sıra's?") from None


def _asked_for(outcome: Answer | Lost) -> float:
    """Return how long the server would have us wait, in seconds; 0 when it did not say."""
    text = outcome.headers.get("retry-after", "") if isinstance(outcome, Answer) else ""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else 0.0
    except (ValueError, TypeError):
        return 0.0
