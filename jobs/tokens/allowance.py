"""How many requests a minute a token may make, over all web processes together.

The count of the current minute stands in the token's row. A process takes a block of it with one guarded UPDATE and
spends the block in memory, so that most requests write nothing. A block ends with its minute. That way no minute sees
more requests than the limit; it may see fewer when several processes hold blocks that they do not spend, which is why
blocks grow smaller as less is left.

A minute begins with the first request after the one before it is over. So two minutes that follow each other can have
their requests close together: twice the limit within sixty seconds, at the most, and not again.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import look_up

WINDOW = timedelta(minutes=1)
#: A limit is taken in about so many blocks …
BLOCKS = 50
#: … and none is larger than this part of what is left.
PART_OF_REST = 4
#: So often somebody else may be quicker before we give up.
MOST_TRIES = 20
#: When more tokens than this are remembered, those whose minute is over are forgotten.
MANY_SHARES = 1000


@dataclass(frozen=True)
class Standing:
    """What is left of a token's minute after a request. seconds: until the next one begins."""

    limit: int
    left: int
    seconds: int
    passed: bool


class NothingHeld(Exception):
    """The block of this process is spent, or somebody is about to take the next one."""


@dataclass
class _Share:
    """What this process has taken of a token's minute and not spent.

    ends_at: by time.monotonic. spent: what all processes have taken, as far as this one knows.
    """

    begun_at: datetime | None = None
    ends_at: float = 0.0
    left: int = 0
    spent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def has_some(self) -> bool:
        return self.left > 0 and self.ends_at > time.monotonic()

    def spend(self, token: ApiToken, limit: int) -> Standing:
        passed = self.left > 0
        self.left -= passed
        if token.window_started_at == self.begun_at:
            self.spent = max(self.spent, token.window_spent)
        left = max(0, limit - self.spent) + self.left if passed else 0
        seconds = max(1, math.ceil(self.ends_at - time.monotonic()))
        return Standing(limit=limit, left=left, seconds=seconds, passed=passed)


class Ledger:
    """The shares of one process."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._lock = threading.Lock()

    def spend(self, token: ApiToken) -> Standing | None:
        """Count one request. token: as `recognise` has just returned it. Returns None for one without a limit."""
        limit = limit_of(token)
        if not limit:
            return None
        share = self._share(token.digest)
        with share.lock:  # one thread fetches the next block, and the others find it there
            if not share.has_some():
                token = _take(token, share, limit)
            return share.spend(token, limit)

    def spend_held(self, token: ApiToken) -> Standing | None:
        """Count one request as `spend` does, but without waiting: of a block that is held. Raises NothingHeld."""
        limit = limit_of(token)
        if not limit:
            return None
        share = self._share(token.digest)
        if not share.lock.acquire(blocking=False):
            raise NothingHeld
        try:
            if not share.has_some():
                raise NothingHeld
            return share.spend(token, limit)
        finally:
            share.lock.release()

    def give_back(self, token: ApiToken) -> None:
        """Take back what `spend_held` counted a moment ago: the request is counted elsewhere."""
        share = self._share(token.digest)
        if limit_of(token) and share.lock.acquire(blocking=False):  # else one is lost, and nobody waits
            share.left += share.has_some()
            share.lock.release()

    def _share(self, name: str) -> _Share:
        with self._lock:
            if len(self._shares) > MANY_SHARES:
                now = time.monotonic()
                self._shares = {one: share for one, share in self._shares.items() if share.ends_at > now}
            return self._shares.setdefault(name, _Share())


def limit_of(token: ApiToken) -> int:
    """Return how many requests a minute a token may make; 0 for no limit."""
    own = token.requests_per_minute
    return settings.API_REQUESTS_PER_MINUTE if own is None else own


def _take(token: ApiToken, share: _Share, limit: int) -> ApiToken:
    """Put the next block into the share, or nothing when all is spent. Returns the row as it was then."""
    share.left = 0
    for attempt in range(MOST_TRIES):
        if attempt:
            token = look_up(pk=token.pk) or token
        begun_at, spent, now = token.window_started_at, token.window_spent, token.now
        is_over = begun_at is None or now - begun_at >= WINDOW
        if begun_at is None or is_over:
            begun_at, spent = now, 0
        block = max(1, min(limit // BLOCKS, (limit - spent) // PART_OF_REST))
        share.begun_at, share.spent = begun_at, spent
        # By our clock, counted from before the database was asked for its own: never too late.
        share.ends_at = token.read_at + (begun_at + WINDOW - now).total_seconds()
        if share.ends_at <= time.monotonic():  # the row was read too long ago
            continue
        if spent + block > limit:
            return token
        if is_over:
            over = Q(window_started_at__isnull=True) | Q(window_started_at__lte=now - WINDOW)
            taken = ApiToken.objects.filter(over, pk=token.pk).update(window_started_at=begun_at, window_spent=block)
        else:
            same = ApiToken.objects.filter(pk=token.pk, window_started_at=begun_at, window_spent__lte=limit - block)
            taken = same.update(window_spent=F("window_spent") + block)
        if taken:
            share.left = block
            token.window_started_at, token.window_spent = begun_at, spent + block
            return token
    return token


ledger = Ledger()
