"""Who listens: asked again while a socket or a stream is open, for it may outlive the right to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import is_still_good

#: A logged-out session, a revoked or expired token and a deactivated user lose what is open within this; who is no
#: longer staff loses what is of others.
REVALIDATE_SECONDS = 60.0


@dataclass(frozen=True)
class Caller:
    """A user, and what they came with: a token, or a session."""

    user: Any
    token: ApiToken | None = None
    session: Any = None

    def find_still_valid(self) -> Any | None:
        """Return the user as they are now, or None when they would not be let in now."""
        if self.token is not None and not is_still_good(self.token.pk):
            return None
        session = self.session
        if (
            self.token is None
            and session is not None
            and session.session_key
            and not session.exists(session.session_key)
        ):
            return None
        user = get_user_model().objects.filter(pk=self.user.pk, is_active=True).first()
        if user is None or self.token is not None:
            return user
        # Another password ends the other sessions: they are not deleted, but no longer good.
        return user if user.get_session_auth_hash() == self.user.get_session_auth_hash() else None
