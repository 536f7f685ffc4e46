"""Where sockets go, and who may open one."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from jobs.live.consumers import LiveConsumer


class Sockets:
    """The routes for sockets. A browser names the page's origin, which must be one of our hosts; programs name none.

    A page of another site could open a socket with the user's cookie; a program has no cookie to be tricked out of.
    """

    def __init__(self) -> None:
        router = URLRouter([path("ws/live/", LiveConsumer.as_asgi())])
        self.for_programs = AuthMiddlewareStack(router)
        self.for_browsers = AllowedHostsOriginValidator(self.for_programs)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        has_origin = any(name == b"origin" for name, _ in scope.get("headers", []))
        application = self.for_browsers if has_origin else self.for_programs
        return await application(scope, receive, send)
