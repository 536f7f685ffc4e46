"""A TCP proxy on loopback that spoils connections: it cuts them after some bytes, or falls silent without a word."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

from .postgres import find_free_port


class Proxy:
    """Passes on what clients send, and of what the server answers only as many bytes as `allow` says.

    allow: called for each new connection; bytes, or None for all. silent: when these are over, the connection stays
    open and says nothing more, as one whose other end has lost its power; else it is reset. connections: so many there
    were; spoiled: of so many the bytes were over.
    """

    def __init__(self, target_port: int, allow: Callable[[], int | None], *, silent: bool = False) -> None:
        self.target_port, self.allow, self.silent = target_port, allow, silent
        self.port = find_free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.connections = self.spoiled = 0

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        started.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.CancelledError):
            try:
                upstream, out = await asyncio.open_connection("127.0.0.1", self.target_port)
            except OSError:
                writer.transport.abort()
                return
            try:
                up = asyncio.create_task(self._pass_on(reader, out, None, writer))
                await self._pass_on(upstream, writer, self.allow(), writer)
                up.cancel()
            finally:
                out.transport.abort()
                writer.transport.abort()

    async def _pass_on(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, left: int | None, client: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65536):
                if left is not None and len(piece) >= left:
                    to.write(piece[:left])
                    await to.drain()
                    self.spoiled += 1
                    while self.silent and not client.is_closing():
                        await asyncio.sleep(0.05)
                    return
                to.write(piece)
                await to.drain()
                left = None if left is None else left - len(piece)


@contextlib.contextmanager
def spoil(target_port: int, allow: Callable[[], int | None], *, silent: bool = False) -> Iterator[Proxy]:
    """Run a Proxy in a thread of its own."""
    proxy = Proxy(target_port, allow, silent=silent)
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(proxy.serve(started, stop))
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
