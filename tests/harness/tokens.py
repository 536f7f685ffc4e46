"""API tokens for tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from jobs.tokens.keys import digest, new_key, prefix_of
from jobs.tokens.models import ALL_SCOPES, ApiToken


def token_of(user: Any, scopes: Iterable[str] = ALL_SCOPES, **fields: Any) -> str:
    """Return a new token of a user, as it goes into `Authorization: Token …`; the audit log says nothing of it.

    fields: of the row, such as requests_per_minute or expires_at.
    """
    key = new_key()
    fields = {"name": f"test {secrets.token_hex(6)}"} | fields
    ApiToken.objects.create(owner=user, scopes=list(scopes), prefix=prefix_of(key), digest=digest(key), **fields)
    return key
