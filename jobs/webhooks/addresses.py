"""Where a webhook may go: not into our own network, whatever a name says (server-side request forgery).

A URL is looked at when it is given. What its name means is looked at when the connection is made, and the connection
goes to the very address that was looked at: a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from jobs.errors import InvalidInput
from jobs.webhooks.models import LONGEST_URL

#: Below 1024 lives what speaks other protocols; above, whatever people let their programs listen on.
WELL_KNOWN_PORTS = frozenset({80, 443})
FIRST_FREE_PORT = 1024
#: A name server that is silent must not hold a worker.
RESOLVE_SECONDS = 5.0

#: What a URL is made of (RFC 3986); no blank, no backslash, nothing that two parsers could read in two ways.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9\-_]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9\-_]*[a-z0-9_])?)*")
#: The part of IPv6 that is routed on the internet; all else is local, multicast, or a way to write an IPv4 address.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
#: Set aside for protocols, documentation and old relays; what Python knows of these grew over its releases.
_SET_ASIDE = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
]


class UrlRefused(InvalidInput):
    """No webhook is sent to such a URL."""

    code = "webhook_url_refused"


class AddressRefused(Exception):
    """The name means an address that we do not call."""


def check_url(url: str) -> str:
    """Return the URL with scheme and host in lower case. Raises UrlRefused, with a sentence that says what to do."""
    if len(url) > LONGEST_URL:
        raise UrlRefused(f"The webhook's URL is longer than {LONGEST_URL} characters.")
    if not _URL.fullmatch(url):
        raise UrlRefused(
            "The webhook's URL has characters that do not belong in a URL, or a fragment (#). "
            "Percent-encode them; write a host with other letters in its xn-- form."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("The webhook's URL cannot be read. It should look like https://example.com/hook.") from None
    schemes = ("https", "http") if settings.WEBHOOK_ALLOW_HTTP else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise UrlRefused(
            f"The webhook's URL must begin with {' or '.join(f'{name}://' for name in schemes)} and a host."
        )
    if "@" in parts.netloc:
        raise UrlRefused("The webhook's URL must not hold a user or password; the signature says who is calling.")
    if port is not None and port not in WELL_KNOWN_PORTS and port < FIRST_FREE_PORT:
        raise UrlRefused("The webhook's port must be 443, 80, or above 1023.")
    _check_host(parts.hostname)
    return _normal(parts)


def _check_host(host: str) -> None:
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST_NAME.fullmatch(host.removesuffix(".")) or re.fullmatch(r"\d+|0x[0-9a-f]*", host.split(".")[-1]):
            raise UrlRefused("The webhook's host is neither a name nor an address in its usual form.") from None
        if settings.WEBHOOK_ALLOW_PRIVATE or not re.fullmatch(r"(.*\.)?localhost\.?", host):
            return
    else:
        if settings.WEBHOOK_ALLOW_PRIVATE or is_public(str(literal)):
            return
    raise UrlRefused("The webhook's URL names this machine or a private network. Give one on the internet.")


def _normal(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/").geturl()


def is_public(address: str) -> bool:
    """Whether an address is on the internet: not private, loopback, link-local, multicast or reserved, in any form."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    if any(ip.version == network.version and ip in network for network in _SET_ASIDE):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a host means, each fit to be called.

    Raises AddressRefused when one of them is not, OSError for a name without any, TimeoutError for a silent resolver.
    """
    found = list(dict.fromkeys(_look_up(host, port)))
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(is_public(address) for address in found):
        raise AddressRefused(host)
    return found


def _look_up(host: str, port: int) -> list[str]:
    """Ask the resolver in a thread of its own: no time-out reaches into it."""
    answers: list[str] = []
    errors: list[OSError] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            errors.append(error if isinstance(error, OSError) else OSError("not a name"))
        else:
            answers.extend(str(row[4][0]) for row in rows)

    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(RESOLVE_SECONDS)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError("the name server did not answer")
    return list(answers)
