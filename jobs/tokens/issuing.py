"""How tokens are made and revoked: each in one transaction with its audit entry, which says nothing of the secret."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import audit
from jobs.errors import InvalidInput
from jobs.models import AuditEntry
from jobs.tokens.keys import digest, new_key, prefix_of
from jobs.tokens.models import ALL_SCOPES, ApiToken, Scope

TARGET = "api_token"


def issue(
    owner: Any,
    name: str,
    scopes: Iterable[str] = ALL_SCOPES,
    *,
    by: Any = None,
    via: str = AuditEntry.Via.TERMINAL,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    key: str = "",
) -> tuple[ApiToken, str]:
    """Make a token for `owner`. Returns its row, and the token itself: it cannot be read again.

    by: who makes it; None for the terminal. requests_per_minute: None for the setting, 0 for no limit. key: for one
    that is known already. Raises InvalidInput when the owner has a token of this name that is not revoked.
    """
    wanted = set(scopes)
    checked = [scope.value for scope in Scope if scope in wanted]
    if not checked or wanted - set(Scope.values):
        raise InvalidInput(_("Choose scopes of: %s.") % ", ".join(Scope.values), code="invalid_scopes")
    if not (name := name.strip()):
        raise InvalidInput(_("A token needs a name."), code="invalid_name")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput(_("The token would have expired already."), code="invalid_expiry")
    key = key or new_key()
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                owner=owner,
                name=name,
                scopes=checked,
                prefix=prefix_of(key),
                digest=digest(key),
                created_by=by,
                expires_at=expires_at,
                requests_per_minute=requests_per_minute,
            )
            audit.record("make_token", TARGET, token.prefix, actor=by, via=via, after=_shown(token))
    except IntegrityError:
        if not ApiToken.objects.filter(owner=owner, name=name, revoked_at__isnull=True).exists():
            raise
        raise InvalidInput(
            _("There is a token “%s” of this user already. Choose another name, or revoke it first.") % name,
            code="name_taken",
        ) from None
    return token, key


def revoke(token: ApiToken, *, by: Any = None, via: str = AuditEntry.Via.TERMINAL, reason: str = "") -> bool:
    """End a token, from the next request on. Returns whether it was not revoked already."""
    with transaction.atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            return False
        audit.record("revoke_token", TARGET, token.prefix, actor=by, via=via, reason=reason, before=_shown(token))
    token.refresh_from_db(fields=["revoked_at"])
    return True


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "owner": token.owner.get_username(),
        "name": token.name,
        "scopes": token.scopes,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "requests_per_minute": token.requests_per_minute,
    }
