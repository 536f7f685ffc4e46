"""How many wrong passwords there may be: so many at once, then one more each time a part of the window is over.

Counted for a name from one address, and for an address with whatever names. Never for a name alone: then anybody could
keep its owner out. A try is taken before the password is looked at and given back when it was right, so guesses that
come at the same moment, to whatever process, do not get past. A try that was refused counts nothing: who waits gets in.

The limit is GCRA, as in `jobs/providers/rates.py`: one timestamp for each row, one guarded UPDATE to pass.
"""

from __future__ import annotations

import ipaddress
import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Greatest, Now
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from jobs.providers.rates import Rate
from jobs.sign_in.models import SignInTries

#: Whoever has IPv6 has at least this much of it.
IPV6_PREFIX = 64
#: Rows whose tries have all come back so long ago are forgotten.
FORGOTTEN_AFTER = timedelta(hours=1)


class TooManyTries(Exception):
    """The password was not looked at. seconds: until there is another try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the next try in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Try:
    """One try to sign in, and the limits by which it has been counted."""

    name: str
    counted: tuple[tuple[str, Rate], ...]

    def was_right(self) -> None:
        """Give the try back; the name, from this address, has all of its own again."""
        for key, rate in self.counted:
            if key != self.name:
                _give_back(key, rate)
        SignInTries.objects.filter(key=self.name, settled_at__gt=Now()).update(settled_at=Now())


def begin(name: str, address: str) -> Try:
    """Take a try, before the password is looked at. Raises TooManyTries."""
    forget()
    of_name = _key("name", name.casefold(), address)
    limits = ((of_name, settings.SIGN_IN_TRIES), (_key("address", address), settings.SIGN_IN_TRIES_PER_ADDRESS))
    counted: list[tuple[str, Rate]] = []
    for key, tries in limits:
        if not tries:
            continue
        rate = Rate(tries, settings.SIGN_IN_WINDOW, burst=tries)
        if not _take(key, rate):
            for taken in counted:
                _give_back(*taken)
            raise TooManyTries(_seconds_left(key, rate))
        counted.append((key, rate))
    return Try(of_name, tuple(counted))


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from: an IPv4 address, the network of an IPv6 one, or "" when that is not known.

    Each of TRUSTED_PROXIES has added the address it was asked from to the end of X-Forwarded-For; what stands before
    those was written by the client.
    """
    remote = request.META.get("REMOTE_ADDR") or ""
    if proxies := settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if hops:
            remote = hops[max(0, len(hops) - proxies)]
    for written in (remote, remote.rpartition(":")[0].strip("[]")):  # some proxies add the port
        with suppress(ValueError):
            ip = ipaddress.ip_address(written.partition("%")[0])
            if isinstance(ip, ipaddress.IPv6Address):
                return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
            return str(ip)
    return ""


def _key(*words: str) -> str:
    return salted_hmac("jobs.sign_in", "\0".join(words), algorithm="sha256").hexdigest()


def _take(key: str, rate: Rate) -> int:
    SignInTries.objects.get_or_create(key=key)
    later = ExpressionWrapper(Greatest(F("settled_at"), Now()) + rate.interval, output_field=DateTimeField())
    return SignInTries.objects.filter(key=key, settled_at__lte=Now() + rate.tolerance).update(settled_at=later)


def _give_back(key: str, rate: Rate) -> None:
    SignInTries.objects.filter(key=key).update(
        settled_at=ExpressionWrapper(F("settled_at") - rate.interval, output_field=DateTimeField())
    )


def _seconds_left(key: str, rate: Rate) -> int:
    row = SignInTries.objects.annotate(now=Now()).filter(key=key).values_list("settled_at", "now").first()
    if row is None:
        return 1
    settled_at, now = row
    left: timedelta = settled_at - rate.tolerance - now
    return max(1, math.ceil(left.total_seconds()))


def forget() -> None:
    """Delete rows whose tries came back a while ago."""
    SignInTries.objects.filter(settled_at__lt=Now() - FORGOTTEN_AFTER).delete()
