"""What every answer tells the browser: where it may load from, who may frame it, and what it may ask the machine for.

Django's SecurityMiddleware sets the others (HSTS, nosniff, Referrer-Policy, Cross-Origin-Opener-Policy).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

#: No script and no style stands in a page: all are files of ours. `'self'` covers our WebSocket as well.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",  # pictures in style sheets; previews of files that were chosen
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Outside of all that may answer by itself, so that errors and redirects have them too.

    An answer that has one of its own keeps it: downloads have a stricter policy. Sync or async as the others are.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._call_async(request)
        return _with_headers(self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        return _with_headers(await self.get_response(request))


def _with_headers(response: HttpResponse) -> HttpResponse:
    for name, value in HEADERS.items():
        response.setdefault(name, value)
    return response
