"""What ASGI has no word for: a client that does not take what is sent to it.

daphne's `send` returns at once, and what the client has not read piles up in the server's memory. This wrapper asks
Twisted to say when a connection's buffer is full, and lets `send` return only when it has been emptied. A client that
takes nothing for a minute is let go: it reconnects with its cursor and has lost nothing.

And ASGI has no word for the same text to a thousand sockets at once: a socket's gate, which `gate_of` finds in its
scope, writes it without a task or a coroutine for each, framed once for all.

On another server than daphne (uvicorn, hypercorn: their `send` waits by itself) it does neither.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

#: A connection whose buffer (64 KiB) is not emptied for so long is aborted.
STALLED_SECONDS = 60.0

_EXTENSION = "sira.gate"
#: The frame of a longer text is made anew for each socket: to keep it costs memory.
LARGEST_KEPT = 16 * 1024


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
        if gate.is_websocket:
            scope = scope | {"extensions": (scope.get("extensions") or {}) | {_EXTENSION: gate}}

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


def _frame(text: str) -> bytes:
    from autobahn.websocket.protocol import PreparedMessage  # daphne has chosen its event loop by now

    return PreparedMessage(text.encode(), isBinary=False, applyMask=False, doNotCompress=True).payloadHybi


#: Of the texts that are being sent now: a thousand sockets have each in turn.
_framed = functools.lru_cache(maxsize=64)(_frame)


def _write(transport: Any, data: bytes) -> None:
    """Write to a transport; when nothing is before it, without a round through the event loop's selector."""
    if isinstance(transport, FileDescriptor) and not getattr(transport, "TLS", False):
        is_free = not transport.dataBuffer and not transport._tempDataLen
        if is_free and transport.connected and not transport.disconnecting:
            sent = transport.writeSomeData(data)
            data = data[sent:] if isinstance(sent, int) else data  # lost: `write` finds that out as well
    if data:
        transport.write(data)


def gate_of(scope: dict[str, Any]) -> Gate | None:
    """Return the gate of this socket; None on another server than daphne."""
    return (scope.get("extensions") or {}).get(_EXTENSION)


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

    @property
    def is_open(self) -> bool:
        """Whether a socket's client keeps up, so that more can be written to it at once."""
        return self._flowing.is_set() and self.protocol.state == self.protocol.STATE_OPEN

    def write(self, texts: list[str]) -> None:
        """Write these, in their order, to a socket whose gate is open."""
        self.open()
        for text in texts:
            frame = _framed(text) if len(text) <= LARGEST_KEPT else _frame(text)
            if self.protocol.send_queue:
                self.protocol.sendData(frame)
            else:  # `sendData` does no more than this, and words a line for the debug log that takes twice as long
                _write(self.protocol.transport, frame)

    async def wait(self) -> None:
        """Return when the client has taken what was sent, or is gone."""
        if self._flowing.is_set():
            return
        try:
            async with asyncio.timeout(self.stalled_seconds):
                await self._flowing.wait()
        except TimeoutError:
            self._flowing.set()
            self.abort()

    def abort(self) -> None:
        """Let the client go at once."""
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
