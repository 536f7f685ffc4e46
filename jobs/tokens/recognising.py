"""Whose token is this? Asked before every request, so it is one query by one index."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from jobs.compiled import Compiled
from jobs.tokens.keys import digest
from jobs.tokens.models import ApiToken


def _with_owner(**by: Any) -> Any:
    return ApiToken.objects.select_related("owner").annotate(as_of=Now()).filter(**by)


BY_DIGEST = Compiled(_with_owner, digest=(ApiToken._meta.get_field("digest"), "a digest"))
_BY_ID = Compiled(_with_owner, pk=(ApiToken._meta.pk, -1))

#: `last_used_at` is written at most this often.
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenRefused(Exception):
    """A token that is not good.

    code: token_unknown, token_expired, token_revoked or user_inactive. All but the first are told only to somebody who
    has the whole secret, for by nothing less is the row found.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def recognise(key: str) -> ApiToken:
    """Return the token, its owner with it, and note that it is used. Raises TokenRefused.

    The row also has `now` and `read_at`, as `spend` needs them.
    """
    token = look_up(digest=digest(key))
    if token is None:
        raise TokenRefused("token_unknown", "There is no such token. Check it, or make a new one.")
    _refuse_bad(token)
    if token.last_used_at is None or token.now - token.last_used_at >= USE_NOTED_EVERY:
        _note_use(token)
    return token


def is_still_good(token_id: int) -> bool:
    """Return whether a token that was recognised before is good now: for what stays open for long."""
    token = look_up(pk=token_id)
    try:
        if token is not None:
            _refuse_bad(token)
    except TokenRefused:
        return False
    return token is not None


def look_up(**by: Any) -> ApiToken | None:
    """Return a token with its owner, `now` and `read_at`, good or not. by: its `digest` or its `pk`."""
    read_at = time.monotonic()
    token = BY_DIGEST.first(**by) if "digest" in by else _BY_ID.first(**by)
    if token is not None:
        token.now, token.read_at = token.as_of, read_at
    return token


def _refuse_bad(token: ApiToken) -> None:
    match token.state_at(token.now):
        case ApiToken.State.REVOKED:
            raise TokenRefused("token_revoked", "This token was revoked. Make a new one.")
        case ApiToken.State.EXPIRED:
            raise TokenRefused("token_expired", "This token has expired. Make a new one.")
    if not token.owner.is_active:
        raise TokenRefused("user_inactive", "The user of this token is not active.")


def _note_use(token: ApiToken) -> None:
    # Guarded, so that of many requests in the same moment one writes.
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=Now() - USE_NOTED_EVERY)
    ApiToken.objects.filter(long_ago, pk=token.pk).update(last_used_at=Now())
