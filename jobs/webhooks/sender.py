"""One POST to a receiver: bounded in time, to a public address, without redirects, proxies, cookies or its body."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from jobs.providers.base import find_retry_after
from jobs.webhooks import addresses
from jobs.webhooks.models import WebhookAttempt

#: From the first packet to the last header of the answer (Standard Webhooks: 15 to 30).
ANSWER_SECONDS = 15.0
CONNECT_SECONDS = 5.0

Error = WebhookAttempt.Error


@dataclass(frozen=True)
class Answer:
    """What came of it. error: "" for a 2xx. status: None when there was no answer. retry_after: if it said so."""

    error: str
    seconds: float
    status: int | None = None
    retry_after: timedelta | None = None


def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send `body` and say how it was answered. What the receiver wrote is not read: it may be anything."""
    began = time.monotonic()
    status: int | None = None
    retry_after: timedelta | None = None
    try:
        status, retry_after = _exchange(url, headers, body, began + ANSWER_SECONDS)
        error = _judge(status)
    except addresses.AddressRefused:
        error = Error.ADDRESS_REFUSED
    except (httpcore2.TimeoutException, TimeoutError):
        error = Error.TIMED_OUT
    except _TlsFailed:
        error = Error.TLS_FAILED
    except (httpcore2.NetworkError, OSError):
        error = Error.UNREACHABLE
    except httpcore2.ProtocolError:
        error = Error.BAD_ANSWER
    return Answer(error, round(time.monotonic() - began, 3), status, retry_after)


def _judge(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return Error.REDIRECTED
    return {410: Error.GONE, 429: Error.TOLD_TO_WAIT}.get(status, Error.STATUS)


def _exchange(url: str, headers: Mapping[str, str], body: bytes, deadline: float) -> tuple[int, timedelta | None]:
    with (
        httpcore2.ConnectionPool(
            ssl_context=httpcore2.default_ssl_context(), network_backend=_Guarded(deadline)
        ) as pool,
        pool.stream("POST", url, headers=[("host", urlsplit(url).netloc), *headers.items()], content=body) as response,
    ):
        told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return response.status, find_retry_after(told)


class _TlsFailed(Exception):
    """There is no certificate that is valid for the name, or no way to speak TLS with each other."""


class _Guarded(httpcore2.NetworkBackend):
    """Connects to what a name means now, if that may be called. TLS still asks for the certificate of the name."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._network = httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        last_error: Exception | None = None
        for address in addresses.resolve(host, port):
            try:
                seconds = min(CONNECT_SECONDS, _left(self._deadline))
                return _Bounded(self._network.connect_tcp(address, port, timeout=seconds), self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last_error = error  # another address of the same name may answer
        raise last_error or httpcore2.ConnectError("the name has no address")


class _Bounded(httpcore2.NetworkStream):
    """A connection whose whole life has one deadline: a receiver that sends a byte now and then gains no time."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = min(CONNECT_SECONDS, _left(self._deadline))
        try:
            return _Bounded(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)
        except httpcore2.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise _TlsFailed from error
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Return the seconds until the deadline. Raises TimeoutException after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the time for the whole exchange is over")
    return left
