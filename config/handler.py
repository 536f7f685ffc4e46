"""How a request reaches Django: one step into a thread, and one back.

Django's own handler keeps the middleware on the event loop and steps into a thread for every part that is not async, a
dozen times a request, in a thread that is made for that request. All our views and middleware are sync: here they run
one after the other in one thread that has served others before. Streams are sent from the event loop, as Django does.

Many requests may be in threads at once, for some of them only wait (`Prefer: wait`); but only so many are worked on, in
the order in which they came. The others would take the processor from each other, and not be done any sooner.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import FileResponse
from django.urls import set_script_prefix

from jobs.api.turns import turns

#: Requests in threads, waiting ones included; more of them queue up.
MOST_THREADS = 512
#: A thread that computes gives way to the event loop after so many seconds, which else would be 0.005: the loop has to
#: read and answer while views run.
SWITCH_SECONDS = 0.001


class Handler(ASGIHandler):
    """Django behind ASGI; see above."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self.threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="request")
        sys.setswitchinterval(SWITCH_SECONDS)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        step = asyncio.get_running_loop().run_in_executor(self.threads, copy_context().run, self._respond, scope, body)
        # A client that hangs up meanwhile changes nothing: what it asked for is done, and its answer goes nowhere.
        response = await step
        if not response.streaming:
            await self.send_response(response, send)
            return
        async with ThreadSensitiveContext():
            await self._stream(response, receive, send)

    def _respond(self, scope: dict[str, Any], body: Any) -> Any:
        """Run in a thread: everything from the request to the response, which is closed unless it streams."""
        with turns.take():
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=self.__class__, scope=scope)
            request, refusal = self.create_request(scope, body)
            response: Any = refusal
            if request is not None:
                response = self.get_response(request)
                response._handler_class = self.__class__
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            if response.streaming:
                close_old_connections()  # this thread's own: what streams asks from another one
            else:
                response.close()
                body.close()
            return response

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        """Send a stream to its end, or until the client hangs up."""
        sending = asyncio.create_task(self.send_response(response, send))
        hanging_up = asyncio.create_task(self._hung_up(receive))
        try:
            await asyncio.wait([sending, hanging_up], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, hanging_up):
                task.cancel()
            results = await asyncio.gather(sending, hanging_up, return_exceptions=True)
            await asyncio.get_running_loop().run_in_executor(self.threads, response.close)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _hung_up(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
