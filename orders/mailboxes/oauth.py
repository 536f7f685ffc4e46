"""Access tokens for mailboxes of those who have no passwords any more (Google, Microsoft): OAuth 2.0, RFC 6749 6."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2

from jobs.errors import JobError
from jobs.providers.base import bad_answer, error_for_status, timed_out, unreachable

TITLE = "The mail provider's sign-in"
#: How long before its end a token is not used any more.
EARLY = timedelta(minutes=2)
#: How long a token is good whose answer does not say it; the shortest that is usual.
ASSUMED = timedelta(minutes=5)
#: How long a token is believed to be good at most.
LONGEST_LIFE = timedelta(days=1)
LONGEST_ANSWER = 64 * 1024  # bytes
# Not compressed: a short answer could become an endless one.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


class AccessToken:
    """Mints access tokens from a refresh token, and keeps one for as long as it is good. Threads may share it."""

    def __init__(
        self, *, token_url: str, client_id: str, client_secret: str, refresh_token: str, timeout: timedelta
    ) -> None:
        self._url = token_url
        self._form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        self._timeout = timeout
        self._lock = threading.Lock()
        self._token = ""  # nosec B105 # none yet
        self._good_until = 0.0

    def get(self) -> str:
        """Return a token that is good for a while.

        Raises RateLimited, Unavailable, or JobError (mailbox_refused_login) when the refresh token is not taken.
        """
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._token, life = self._mint()
                # Half of a short life is better than none.
                self._good_until = time.monotonic() + max(life - EARLY, life / 2).total_seconds()
            return self._token

    def _mint(self) -> tuple[str, timedelta]:
        failure: JobError
        try:
            with (
                httpx2.Client(timeout=self._timeout.total_seconds(), follow_redirects=False) as client,
                client.stream("POST", self._url, data=self._form, headers=_HEADERS) as answer,
            ):
                if answer.status_code == 200:
                    return _token_of(_read(answer))
                failure = _failure(answer.status_code, answer.headers)
        except httpx2.TimeoutException:
            failure = timed_out(TITLE, self._timeout)
        except (httpx2.HTTPError, OSError):
            failure = unreachable(TITLE)
        except (ValueError, TypeError, LookupError, AttributeError, httpx2.InvalidURL):
            failure = bad_answer(TITLE)
        # Outside of `except`: the client's error holds the request with our secrets.
        raise failure


def _read(answer: httpx2.Response) -> Any:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > LONGEST_ANSWER:
            raise ValueError("longer than any token")
    return json.loads(body)


def _token_of(answer: Any) -> tuple[str, timedelta]:
    token, seconds = answer["access_token"], float(answer.get("expires_in") or ASSUMED.total_seconds())
    if not (isinstance(token, str) and token.isascii() and token.isprintable() and token and 0 < seconds < math.inf):
        raise ValueError("no token")
    return token, timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds()))


def _failure(status: int, headers: Mapping[str, str]) -> JobError:
    if status in (400, 401, 403):  # invalid_grant, invalid_client (RFC 6749 5.2)
        return JobError(
            "The mail provider does not renew our access any more. The operator must give Sıra a new refresh token.",
            code="mailbox_refused_login",
        )
    return error_for_status(status, headers, TITLE)
