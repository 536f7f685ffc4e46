"""What a token may be used for. A view says what its methods need: `scopes = {"POST": Scope.SUBMIT}`.

Looking (GET, HEAD, OPTIONS) needs `read`. What a view does not declare needs `operate`; a test sees to it that our own
views declare. A session has all scopes: what its user may do is asked elsewhere, as it is for tokens.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from jobs.api import problems
from jobs.api.authentication import token_used
from jobs.tokens.models import Scope


class HasScope(BasePermission):
    """A 403 problem `insufficient_scope`, which names the scope, for a token that has not got it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = token_used(request)
        if token is None or not hasattr(view, str(request.method).lower()):  # no such method: 405
            return True
        needed = needed_scope(view, str(request.method))
        if needed in token.scopes:
            return True
        raise problems.Problem(
            403,
            f"This token may not do that: it needs the scope `{needed}`. Use one that has it, or make one.",
            code="insufficient_scope",
            headers={"WWW-Authenticate": f'Bearer realm="sira", error="insufficient_scope", scope="{needed}"'},
            scope=needed,
        )


def needed_scope(view: Any, method: str) -> Scope:
    """Return the scope that a method of a view, or of its class, needs."""
    if method in SAFE_METHODS:
        return Scope.READ
    declared: dict[str, Scope] = getattr(view, "scopes", {})
    return declared.get(method, Scope.OPERATE)
