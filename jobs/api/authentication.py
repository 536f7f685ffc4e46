"""Who is calling: a token in the Authorization header, `Token <token>` or `Bearer <token>`.

DRF imports this module while it imports its own views, so `problems`, which needs those, is used by name only.
"""

from __future__ import annotations

from typing import Any

from rest_framework import authentication
from rest_framework.request import Request

from jobs.api import problems
from jobs.tokens.allowance import Standing, ledger
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise

SCHEMES = ("token", "bearer")
REALM = 'Bearer realm="sira"'


class TokenAuthentication(authentication.BaseAuthentication):
    """Answers (owner, ApiToken). Each request counts against the token's allowance, whatever comes of it."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        key = key_in(authentication.get_authorization_header(request))
        if key is None:
            return None
        try:
            token = recognise(key)
        except TokenRefused as refused:
            challenge = f'{REALM}, error="invalid_token", error_description="{refused.detail}"'
            raise problems.Problem(
                401, refused.detail, code=refused.code, headers={"WWW-Authenticate": challenge}
            ) from None
        standing = ledger.spend(token)
        request._request.token_standing = standing  # type: ignore[attr-defined]
        if standing is not None and not standing.passed:
            raise problems.Problem(
                429,
                f"This token has made its {standing.limit:,} requests of this minute. Go on in {standing.seconds} s.",
                headers={"Retry-After": str(standing.seconds)},
            )
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return REALM


def token_used(request: Request) -> ApiToken | None:
    """Return the token that came with the request; None for a session."""
    token: Any = request.auth
    return token if isinstance(token, ApiToken) else None


def key_in(header: bytes) -> str | None:
    """Return what follows `Token` or `Bearer` in an Authorization header; None for another scheme."""
    scheme, _, key = header.decode("latin-1").partition(" ")
    return key.strip() if scheme.lower() in SCHEMES else None


def add_limit_headers(request: Any, response: Any) -> None:
    """Say what is left of the token's minute."""
    for name, value in limit_headers(getattr(request, "token_standing", None)).items():
        response[name] = value


def limit_headers(standing: Standing | None) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers; none without a limit."""
    if standing is None:
        return {}
    return {
        "RateLimit-Policy": f'"token";q={standing.limit};w=60',
        "RateLimit": f'"token";r={standing.left};t={standing.seconds}',
    }
