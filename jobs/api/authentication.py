"""Who is calling: a token in the Authorization header, `Token <key>` or `Bearer <key>`."""

from __future__ import annotations

from typing import Any

from rest_framework import authentication, exceptions
from rest_framework.request import Request


class TokenAuthentication(authentication.TokenAuthentication):
    """DRF's token, under both words that clients use for it."""

    keywords = ("token", "bearer")

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme = authentication.get_authorization_header(request).split(b" ", 1)[0].decode("latin-1").lower()
        if scheme in self.keywords:
            self.keyword = scheme
        return super().authenticate(request)

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def find_user_by_token(key: str) -> Any | None:
    """Return the active user whose token this is, or None: for what is no HTTP request."""
    if not key or "\0" in key or len(key) > 200:
        return None
    try:
        user, _ = TokenAuthentication().authenticate_credentials(key)
    except exceptions.AuthenticationFailed:
        return None
    return user
