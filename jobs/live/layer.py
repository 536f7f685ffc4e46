"""The channel layer of a web process: from its one tailer to its sockets and streams.

Channels' own in-memory layer is meant for tests. With every message that somebody takes it goes through all channels
and groups to look for old ones, so a thousand sockets that hear of the same event cost a million steps. It also copies
each message for each channel, and has a task put it there.

Here a message is shared (whoever gets it must not change it), old ones are looked for once a second, and a channel that
has nothing before a message may take it at once, without a task being woken: see `listen`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

#: How often messages and memberships that are too old are looked for.
CLEAN_SECONDS = 1.0
#: After so many channels of a group the event loop goes round once, so that what was written to sockets leaves.
AT_A_TIME = 50

Listener = Callable[[dict[str, Any]], bool]


class ProcessLayer(InMemoryChannelLayer):
    """See above. For one process and one event loop, with groups."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._cleaned_at = 0.0
        self._listeners: dict[str, Listener] = {}
        #: Channels whose reader waits: it has handled all that it ever took, and nothing is queued.
        self._waiting: set[str] = set()

    def listen(self, channel: str, listener: Listener) -> None:
        """Offer each message for a channel to `listener` first, while the channel's reader waits for the next one.

        It returns whether it has taken the message; one that it has not taken is queued. So messages keep their order.
        """
        self._listeners[channel] = listener

    def forget(self, channel: str) -> None:
        """Offer nothing to the channel's listener any more."""
        self._listeners.pop(channel, None)

    def has(self, group: str, channel: str) -> bool:
        """Whether a channel is in a group."""
        return channel in self.groups.get(group, ())

    def put(self, channel: str, message: dict[str, Any]) -> None:
        """Give a message to a channel. Raises ChannelFull."""
        if channel in self._waiting:
            if (listener := self._listeners.get(channel)) is not None and listener(message):
                return
            self._waiting.discard(channel)
        queue = self.channels.get(channel)
        if queue is None:
            queue = self.channels[channel] = asyncio.Queue(maxsize=self.get_capacity(channel))
        try:
            queue.put_nowait((time.time() + self.expiry, message))
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    # --- as Channels has it ---------------------------------------------------------------------------------------

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self.require_valid_channel_name(channel)
        self.put(channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        if channel not in self.channels:
            self._waiting.add(channel)
        try:
            return await super().receive(channel)
        finally:
            self._waiting.discard(channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        self._clean_expired()
        for number, channel in enumerate(list(self.groups.get(group, ())), start=1):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            if self.has(group, channel):  # it may have left meanwhile
                with suppress(ChannelFull):  # its reader notices that it has missed something
                    self.put(channel, message)

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now - self._cleaned_at >= CLEAN_SECONDS:
            self._cleaned_at = now
            super()._clean_expired()
