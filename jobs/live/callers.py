"""Who listens: asked again while a socket or a stream is open, for it may outlive the right to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import is_still_good

#: A logged-out session, a revoked or expired token and a deactivated user lose what is open within this.
REVALIDATE_SECONDS = 60.0


@dataclass(frozen=True)
class Caller:
    """A user, and what they came with: a token, or a session."""

    user: Any
    token: ApiToken | None = None
    session: Any = None

    def may_still_listen(self) -> bool:
        """Return whether they would be let in now."""
        if self.token is not None:
            return is_still_good(self.token.pk)
        session = self.session
        if session is not None and session.session_key and not session.exists(session.session_key):
            return False
        return get_user_model().objects.filter(pk=self.user.pk, is_active=True).exists()
