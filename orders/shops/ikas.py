"""The İkas Admin API: a token, and listOrder."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from jobs.errors import JobError, RateLimited, Unavailable
from jobs.providers.base import LONGEST_WAIT, bad_answer, error_for_status, timed_out, unreachable
from orders.providers import IKAS
from orders.shops.ikas_orders import FIELDS, snapshot_of
from orders.snapshot import Snapshot

TITLE = "İkas"
LIST_ORDERS = f"""\
query ListOrders($orderNumber: StringFilterInput, $customerEmail: StringFilterInput, $pagination: PaginationInput) {{
  listOrder(orderNumber: $orderNumber, customerEmail: $customerEmail, pagination: $pagination, sort: "-orderedAt") {{
    count
    data {{ {FIELDS} }}
  }}
}}"""
#: Orders of one answer; the largest page is not documented, 50 is in use.
LARGEST_PAGE = 50
LARGEST_ANSWER = 4 * 1024 * 1024
#: A token is renewed when so much of its life is over, and at least so long before its end.
RENEW_AT, RENEW_BEFORE_SECONDS = 0.9, 60.0
#: How long to wait when İkas says "too many" but not for how long: its window.
UNSAID_WAIT = timedelta(seconds=10)

Guard = Callable[[], AbstractContextManager[Any]]


@dataclass
class _Token:
    value: str
    renew_at: float  # time.monotonic()


#: Of this process, by who asks where: a token serves for hours, and each one minted counts.
_tokens: dict[tuple[str, str], _Token] = {}
_minting = threading.Lock()


class Unauthenticated(Exception):
    """The token was not taken."""


class Ikas:
    """A Shop.

    timeout: to connect and for each wait for bytes. guard: entered for each request to the API; a rate limit and a
    breaker. It may raise RateLimited.
    """

    name = IKAS

    def __init__(
        self, *, token_url: str, api_url: str, client_id: str, client_secret: str, timeout: timedelta, guard: Guard
    ) -> None:
        self._token_url = token_url
        self._api_url = api_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout = timeout
        self._guard = guard

    def find_by_number(self, number: str) -> list[Snapshot]:
        """Return the orders of that number. Raises RateLimited, Unavailable or JobError."""
        found = self._list({"orderNumber": {"eq": number}, "pagination": {"page": 1, "limit": LARGEST_PAGE}})
        # A filter that is ignored must not hand out a stranger's order.
        return [order for order in found if order["number"].lower() == number.lower()]

    def find_by_email(self, email: str, most: int) -> list[Snapshot]:
        """Return the customer's latest orders, newest first. Raises as above."""
        limit = min(most, LARGEST_PAGE)
        found = self._list({"customerEmail": {"eq": email}, "pagination": {"page": 1, "limit": limit}})
        own = [order for order in found if order["customer"]["email"] == email.lower()]
        return sorted(own, key=lambda order: order["ordered_at"] or "", reverse=True)[:most]

    def _list(self, variables: dict[str, Any]) -> list[Snapshot]:
        try:
            return self._ask(variables)
        except Unauthenticated:
            _tokens.pop(self._token_key, None)
        # Once more, with a token that was minted for this. The guard may say that it is not our turn: the job
        # comes back.
        try:
            return self._ask(variables)
        except Unauthenticated:
            pass
        raise error_for_status(401, {}, TITLE)

    def _ask(self, variables: dict[str, Any]) -> list[Snapshot]:
        token = self._token()
        refused = False
        with self._guard():
            try:
                status, headers, body = self._post(
                    self._api_url, json={"query": LIST_ORDERS, "variables": variables},
                    headers={"Authorization": f"Bearer {token}"},
                )  # fmt: skip
                return _read_orders(status, headers, body)
            except Unauthenticated:
                refused = True  # the API answered, so for the breaker this is no failure
        assert refused
        raise Unauthenticated

    # --- the token ------------------------------------------------------------------------------------------------

    @property
    def _token_key(self) -> tuple[str, str]:
        return self._token_url, self._client_id

    def _token(self) -> str:
        with _minting:
            token = _tokens.get(self._token_key)
            if token is None or time.monotonic() >= token.renew_at:
                token = _tokens[self._token_key] = self._mint()
            return token.value

    def _mint(self) -> _Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        asked_at = time.monotonic()
        status, headers, body = self._post(self._token_url, data=form)
        if status in (400, 401, 403):
            raise error_for_status(401, headers, TITLE)
        if status != 200:
            raise error_for_status(status, headers, TITLE)
        answer = _parse(body)
        value, life = answer.get("access_token"), answer.get("expires_in", 14_400)
        if not isinstance(value, str) or not value or isinstance(life, bool) or not isinstance(life, int | float):
            raise bad_answer(TITLE)
        return _Token(value, asked_at + max(0.0, min(life * RENEW_AT, life - RENEW_BEFORE_SECONDS)))

    # --- the wire -------------------------------------------------------------------------------------------------

    def _post(self, url: str, **request: Any) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; its answer is read up to a size that no honest one has. Raises Unavailable."""
        failure: JobError
        try:
            # A client for each: it holds sockets, and a worker may sit idle for hours between two.
            with (
                httpx2.Client(timeout=self._timeout.total_seconds(), follow_redirects=False) as client,
                client.stream("POST", url, **request) as answer,
            ):
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        break
                else:
                    return answer.status_code, answer.headers, bytes(body)
            failure = bad_answer(TITLE)
        except httpx2.TimeoutException:
            failure = timed_out(TITLE, self._timeout)
        except httpx2.TransportError:
            failure = unreachable(TITLE)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            failure = bad_answer(TITLE)
        raise failure


def _read_orders(status: int, headers: Mapping[str, str], body: bytes) -> list[Snapshot]:
    """Return the orders of an answer. Raises Unauthenticated, RateLimited, Unavailable or JobError: never "nothing"."""
    if status == 401:
        raise Unauthenticated
    if status != 200:
        _raise_for(status, headers, body)
    answer = _parse(body)
    if answer.get("errors"):
        _raise_for_errors(answer["errors"])
    try:
        return [snapshot_of(order) for order in answer["data"]["listOrder"]["data"]]
    except (KeyError, TypeError, ValueError):
        pass
    raise bad_answer(TITLE)


def _raise_for(status: int, headers: Mapping[str, str], body: bytes) -> None:
    error = error_for_status(status, headers, TITLE)
    if isinstance(error, RateLimited) and error.retry_after is None:
        error.retry_after = _wait_in(body)
    raise error


def _wait_in(body: bytes) -> timedelta:
    """Return the wait that the body of a 429 asks for: `retryAfter`, in seconds."""
    try:
        answer = json.loads(body)
    except ValueError:
        return UNSAID_WAIT
    return _find_wait(answer) or UNSAID_WAIT


def _find_wait(answer: Any) -> timedelta | None:
    if isinstance(answer, dict):
        value = answer.get("retryAfter")
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return timedelta(seconds=min(float(value), LONGEST_WAIT.total_seconds()))
        for inner in (answer.get("extensions"), answer.get("error")):
            if (wait := _find_wait(inner)) is not None:
                return wait
    return None


#: What is refused for good; others are İkas's own trouble, and pass.
_OUR_FAULT = frozenset(
    {"ARGUMENT_VALIDATION_ERROR", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
)
_NO_RIGHT = frozenset({"FORBIDDEN", "UNAUTHORIZED", "PERMISSION_DENIED"})
_TOO_MANY = frozenset({"TOO_MANY_REQUESTS", "RATE_LIMITED", "THROTTLED", "RATE_LIMIT_EXCEEDED"})


def _raise_for_errors(errors: Any) -> None:
    """Raise what GraphQL's `errors` mean; they come with HTTP 200 as well."""
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    extensions = first.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if code == "UNAUTHENTICATED":
        raise Unauthenticated
    if code in _TOO_MANY:
        limited = error_for_status(429, {}, TITLE)
        assert isinstance(limited, RateLimited)
        limited.retry_after = _find_wait(first) or UNSAID_WAIT
        raise limited
    if code in _OUR_FAULT:
        raise error_for_status(400, {}, TITLE)
    if code in _NO_RIGHT:
        raise error_for_status(403, {}, TITLE)
    raise Unavailable(f"{TITLE} could not answer. It will be tried again.", code="provider_unavailable")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise bad_answer(TITLE)
    return answer
