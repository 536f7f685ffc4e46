"""What ASGI has no word for: a client that does not take what is sent to it.

daphne's `send` returns at once, and what the client has not read piles up in the server's memory. This wrapper asks
Twisted to say when a connection's buffer is full, and lets `send` return only when it has been emptied. A client that
takes nothing for a minute is let go: it reconnects with its cursor and has lost nothing.

On another server than daphne (uvicorn, hypercorn: their `send` waits by itself) it does nothing.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

#: A connection whose buffer (64 KiB) is not emptied for so long is aborted.
STALLED_SECONDS = 60.0


class Backpressure:
    """ASGI middleware: makes `send` wait for slow clients."""

    def __init__(self, application: Any, stalled_seconds: float = STALLED_SECONDS) -> None:
        self.application = application
        self.stalled_seconds = stalled_seconds

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        protocol = _daphne_protocol(send)
        if protocol is None:
            await self.application(scope, receive, send)
            return
        gate = Gate(protocol, self.stalled_seconds)

        async def send_patiently(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send" or (
                message["type"] == "http.response.body" and message.get("more_body")
            ):
                gate.open()
                await send(message)
                await gate.wait()
            else:
                gate.close()  # Twisted wants its producer to have left before a response ends
                await send(message)

        try:
            await self.application(scope, receive, send_patiently)
        finally:
            gate.close()


def _daphne_protocol(send: Any) -> Any:
    """Return the Twisted protocol behind daphne's `send`, or None."""
    if isinstance(send, functools.partial) and send.args and hasattr(send.args[0], "registerProducer"):
        return send.args[0]
    return None


@implementer(IPushProducer)
class Gate:
    """Twisted closes it when the connection's buffer is full and opens it when that is empty again."""

    def __init__(self, protocol: Any, stalled_seconds: float) -> None:
        self.protocol = protocol
        self.stalled_seconds = stalled_seconds
        self.is_websocket = hasattr(protocol, "sendMessage")
        self._registered = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    def open(self) -> None:
        """Begin to listen for a full buffer."""
        if self._registered or self._is_gone():
            return
        if self.is_websocket:
            self.protocol.unregisterProducer()  # the HTTP channel of before the upgrade
        self.protocol.registerProducer(self, True)
        self._registered = True

    def close(self) -> None:
        if self._registered:
            self._registered = False
            self._flowing.set()
            if not self._is_gone():
                self.protocol.unregisterProducer()

    async def wait(self) -> None:
        """Return when the client has taken what was sent, or is gone."""
        if self._flowing.is_set():
            return
        try:
            async with asyncio.timeout(self.stalled_seconds):
                await self._flowing.wait()
        except TimeoutError:
            self._flowing.set()
            if self._is_gone():
                return
            if self.is_websocket:
                self.protocol.dropConnection(abort=True)
            else:
                self.protocol.channel.forceAbortClient()

    def _is_gone(self) -> bool:
        return self.protocol.transport is None if self.is_websocket else self.protocol.channel is None

    # --- IPushProducer: called by Twisted, in the event loop's thread
    def pauseProducing(self) -> None:
        self._flowing.clear()
        if self.is_websocket:
            self.protocol.transport.pauseProducing()  # who does not listen is not listened to either

    def resumeProducing(self) -> None:
        self._flowing.set()
        if self.is_websocket and self.protocol.transport is not None:
            self.protocol.transport.resumeProducing()

    def stopProducing(self) -> None:
        self._flowing.set()
