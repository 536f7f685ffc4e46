"""/ws/live/: the one WebSocket. What a client may say and what it hears:

    {"subscribe": "job:<id>", "after": 41}   snapshot, every event after 41, then the live ones
    {"subscribe": "jobs"}                    snapshot (counts), then the events of all own jobs
    {"subscribe": "batch:<id>"}              snapshot (the parent), then the events of it and of all its children
    {"unsubscribe": "job:<id>"}
    {"authenticate": "<token>"}              first, by clients with neither a session nor an Authorization header
    {"ping": 1}                              answered with a ping

    snapshot, event, position, ping, authenticated, error: {"type": …, "topic": …}

Events of "jobs" and "batch:<id>" name their `job_id`. There is no cursor: subscribe, read the list over REST, and apply
what has a greater `seq` than the job has in the list. What was missed and can no longer be told comes as another
snapshot: read the list again.

Codes of errors: bad_message, not_found, too_many_topics. While the database is away nothing is said: it is tried again.
Codes of closes: 4401 not authenticated, 4403 a token without the scope `read`, 4429 a token whose requests of this
minute are used up (a socket is one), 4400 too many messages that make no sense, 1013 (RFC 6455's registry: try again
later) a database that is away, so that nobody can be recognised now.

Messages to one socket are handled one after the other, and `send` waits for a slow client (`transport.py`); meanwhile
its group messages are dropped, and it catches up from the database. Nobody else waits. What comes when nothing else is
in hand and leaves no gap is written in the same moment (`hear`): so an event reaches a thousand sockets in time.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from channels.exceptions import ChannelFull, StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from rest_framework.exceptions import ParseError

from jobs.api.authentication import key_in
from jobs.api.parsers import parse_object
from jobs.api.serializers import to_json
from jobs.live import callers
from jobs.live.callers import Caller
from jobs.live.database import read
from jobs.live.feeds import BatchFeed, JobFeed, NotVisible, OwnerFeed, StreamFeed
from jobs.live.tailer import get_tailer
from jobs.live.transport import Gate, gate_of
from jobs.metrics import process
from jobs.tokens.allowance import ledger
from jobs.tokens.models import ApiToken, Scope
from jobs.tokens.recognising import TokenRefused, recognise

logger = logging.getLogger(__name__)

NOT_AUTHENTICATED, NOT_ALLOWED, THROTTLED, SENSELESS, LATER = 4401, 4403, 4429, 4400, 1013
MOST_TOPICS = 200
LONGEST_MESSAGE = 8 * 1024
#: After so many messages that make no sense the socket is closed.
MOST_ERRORS = 50
#: Texts that are written in one go; with more of them `send` waits for the client.
MOST_AT_ONCE = 50
#: How often a socket looks whether it has all that the tailer knew of at the look before.
TICK_SECONDS = 0.5
PING_SECONDS = 15.0
#: An anonymous client says who it is within this.
AUTHENTICATE_SECONDS = 10.0

AWAY = (DatabaseError, InterfaceError)

#: The feeds of what has an id, by the word before the colon; "jobs" is the one topic without an id.
OF_AN_ID: dict[str, Callable[[uuid.UUID, Any, int | None], JobFeed | StreamFeed]] = {
    "job": lambda job_id, user, after: JobFeed(get_tailer(), job_id, user, after),
    "batch": lambda job_id, user, _after: BatchFeed(get_tailer(), job_id, user),
}
TOPICS = 'A topic is "jobs", "job:<id>" or "batch:<id>".'


class LiveConsumer(AsyncWebsocketConsumer):
    """One socket of one user."""

    user: Any = None
    token: ApiToken | None = None
    _gate: Gate | None = None
    _ticker: asyncio.TimerHandle | None = None
    _is_handling = False

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own would visit the one shared database thread before every message; our reads have their own.
        handler = getattr(self, message["type"].replace(".", "_"), None)
        if handler is None:
            raise ValueError(f"no handler for {message['type']}")
        self._is_handling = True
        try:
            if message["type"] == "websocket.disconnect" or await self._is_still_admitted():
                await handler(message)
        except AWAY as error:
            logger.warning("live: the database is away (%s)", type(error).__name__)
        finally:
            self._is_handling = False

    # --- life -------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        self.feeds: dict[str, JobFeed | StreamFeed] = {}
        self.errors = 0
        self.connected_at = self.pinged_at = self.validated_at = time.monotonic()
        await self.accept()  # before any refusal: only an open socket can tell its close code
        self._gate = gate_of(self.scope)
        self.channel_layer.listen(self.channel_name, self.hear)
        self._tick()
        user = self.scope.get("user")
        if user is not None and user.is_authenticated:
            self.user = user
        elif header := dict(self.scope["headers"]).get(b"authorization"):
            await self._authenticate(key_in(header) or "")

    async def disconnect(self, code: int) -> None:
        await self._leave_all()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        try:
            with process.connected(process.WEBSOCKET):
                return await super().__call__(scope, receive, send)
        finally:  # also when the server cancels us
            await self._leave_all()

    async def _leave_all(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            self.channel_layer.forget(self.channel_name)
        feeds, self.feeds = getattr(self, "feeds", {}), {}
        for feed in feeds.values():
            await feed.leave(self.channel_layer, self.channel_name)

    def _tick(self) -> None:
        """Look whether there is something to do; it is done in line with everything else."""
        self._ticker = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        if self._is_handling:
            return  # perhaps a slow client: there is enough to do, and what is handled next looks who it is for
        for what in self._find_something_to_do():
            with suppress(ChannelFull):
                self.channel_layer.put(self.channel_name, {"type": f"live.{what}"})

    def _find_something_to_do(self) -> Iterator[str]:
        now = time.monotonic()
        if self.user is None:
            if now - self.connected_at > AUTHENTICATE_SECONDS:
                yield "nobody"
            return
        if now - self.validated_at >= callers.REVALIDATE_SECONDS:
            yield "validate"
        if now - self.pinged_at >= PING_SECONDS:
            yield "ping"
        late = [
            feed.is_late() or not self.channel_layer.has(feed.group, self.channel_name) for feed in self.feeds.values()
        ]
        if any(late):
            yield "missed"

    # --- what the client says ---------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None or len(text_data) > LONGEST_MESSAGE:
            await self._refuse(None, f"Send JSON as text, at most {LONGEST_MESSAGE // 1024} KiB.")
            return
        try:
            message = parse_object(text_data)
        except ParseError as error:
            await self._refuse(None, str(error.detail))
            return
        if self.user is None:
            token = message.get("authenticate")
            if await self._authenticate(token if isinstance(token, str) else ""):
                await self.send('{"type":"authenticated"}')
        elif "subscribe" in message:
            await self._subscribe(message["subscribe"], message.get("after"))
        elif "unsubscribe" in message:
            await self._unsubscribe(message["unsubscribe"])
        elif "ping" in message:
            await self._ping()
        elif "authenticate" not in message:  # who is known already may say it again
            await self._refuse(None, "Say subscribe, unsubscribe or ping.")

    async def _subscribe(self, topic: Any, after: Any) -> None:
        if not isinstance(topic, str) or len(topic) > 100:
            await self._refuse(None, TOPICS)
            return
        if after is not None and (isinstance(after, bool) or not isinstance(after, int) or not 0 <= after < 2**62):
            await self._refuse(topic, "`after` is the number of the last event you have had, 0 or more.")
            return
        feed = self._make_feed(topic, after)
        if feed is None:
            await self._refuse(topic, TOPICS)
            return
        await self._unsubscribe(feed.topic)
        if len(self.feeds) >= MOST_TOPICS:
            await self._error(topic, "too_many_topics", f"At most {MOST_TOPICS} topics a socket; unsubscribe some.")
            return
        # Known from here on, so that whatever happens in between, the feed is left again.
        self.feeds[feed.topic] = feed
        await self._advance(feed)

    def _make_feed(self, topic: str, after: int | None) -> JobFeed | StreamFeed | None:
        if topic == "jobs":
            return OwnerFeed(get_tailer(), self.user)
        kind, _, name = topic.partition(":")
        try:
            job_id = uuid.UUID(name)
        except ValueError:
            return None
        make = OF_AN_ID.get(kind)
        return make(job_id, self.user, after) if make is not None else None

    async def _unsubscribe(self, topic: Any) -> None:
        feed = self.feeds.pop(topic, None) if isinstance(topic, str) else None
        if feed is not None:
            await feed.leave(self.channel_layer, self.channel_name)

    async def _authenticate(self, key: str) -> bool:
        """Let in who has this token, or close with the reason."""
        try:
            self.token = await read(_admit, key)
        except _NotAdmitted as refused:
            await self.close(refused.close_code)
            return False
        except AWAY as error:
            logger.warning("live: the database is away (%s)", type(error).__name__)
            await self.close(LATER)  # waiting would end in 4401, as if the token were bad
            return False
        self.user = self.token.owner
        return True

    # --- what the tailer says ---------------------------------------------------------------------------------

    def hear(self, message: dict[str, Any]) -> bool:
        """Write at once what a message brings. Returns False, with nothing done, when it has to wait for its turn."""
        feed = self.feeds.get(message.get("topic", ""))
        if feed is None or self._is_handling or self._gate is None or not self._gate.is_open:
            return False
        texts = _texts_now(feed, message)
        if texts is None:
            return False
        try:
            self._gate.write(texts)
        except Exception:  # the tailer has more to tell than this socket, which comes again with its cursor
            logger.exception("live: a socket is let go")
            self._gate.abort()
        return True

    async def live_events(self, message: dict[str, Any]) -> None:
        feed = self.feeds.get(message["topic"])
        if isinstance(feed, JobFeed):
            try:
                async for event in feed.take(message):
                    await self.send(event.message)
            except NotVisible:
                await self._lose(feed)

    async def live_more(self, message: dict[str, Any]) -> None:
        if (feed := self.feeds.get(message["topic"])) is not None:
            await self._advance(feed)

    live_gone = live_more

    async def live_position(self, message: dict[str, Any]) -> None:
        feed = self.feeds.get(message["topic"])
        if isinstance(feed, JobFeed) and (text := feed.new_position()):
            await self.send(text)

    # --- what the time says -----------------------------------------------------------------------------------

    async def live_nobody(self, message: dict[str, Any]) -> None:
        if self.user is None:
            await self.close(NOT_AUTHENTICATED)

    async def live_ping(self, message: dict[str, Any]) -> None:
        await self._ping()

    async def live_validate(self, message: dict[str, Any]) -> None:
        """Nothing is left to do: before any message is handled it is looked who it is for."""

    async def live_missed(self, message: dict[str, Any]) -> None:
        for feed in list(self.feeds.values()):
            if feed.watched is not None:
                await feed.rejoin(self.channel_layer, self.channel_name)
            await self._advance(feed)

    async def _is_still_admitted(self) -> bool:
        """Look, once in REVALIDATE_SECONDS, whether the user may still listen, and to what. Closes when not."""
        now = time.monotonic()
        if self.user is None or now - self.validated_at < callers.REVALIDATE_SECONDS:
            return True
        try:
            user = await read(Caller(self.user, self.token, self.scope.get("session")).find_still_valid)
            if user is None:
                await self.close(NOT_AUTHENTICATED)
                return False
            self.user = user
            await self._lose_what_is_no_longer_visible()
            self.validated_at = now
        except AWAY as error:  # it is asked again before the next message
            logger.warning("live: the database is away (%s)", type(error).__name__)
        return True

    async def _lose_what_is_no_longer_visible(self) -> None:
        """Leave the topics that the user may not see any more: who is no longer staff keeps their own."""
        for feed in list(self.feeds.values()):
            if not await feed.is_still_visible(self.user):
                await self._lose(feed)

    # --- to the client ----------------------------------------------------------------------------------------

    async def _advance(self, feed: JobFeed | StreamFeed) -> None:
        """Send all that the subscriber has not had. A database that is away is asked again at the next tick."""
        try:
            if feed.watched is None:
                await feed.join(self.channel_layer, self.channel_name)
            if not feed.is_started:
                await self.send(await feed.start(with_snapshot=True))
            if isinstance(feed, JobFeed):
                async for event in feed.catch_up():
                    await self.send(event.message)
                if text := feed.new_position():
                    await self.send(text)
            elif (texts := feed.missed()) is None:
                await self.send(await feed.start())
            else:
                for text in texts:
                    await self.send(text)
        except NotVisible:
            await self._lose(feed)
        except AWAY as error:
            logger.warning("live: the database is away (%s)", type(error).__name__)

    async def _lose(self, feed: JobFeed | StreamFeed) -> None:
        if self.feeds.get(feed.topic) is feed:
            del self.feeds[feed.topic]
        await feed.leave(self.channel_layer, self.channel_name)
        await self._error(feed.topic, "not_found", "There is no such job, or it is not yours.")

    async def _ping(self) -> None:
        self.pinged_at = time.monotonic()
        await self.send(to_json({"type": "ping", "at": timezone.now()}))

    async def _refuse(self, topic: str | None, message: str) -> None:
        self.errors += 1
        if self.errors > MOST_ERRORS:
            await self.close(SENSELESS)
            raise StopConsumer
        await self._error(topic, "bad_message", message)

    async def _error(self, topic: str | None, code: str, message: str) -> None:
        await self.send(to_json({"type": "error", "topic": topic, "code": code, "message": message}))


def _texts_now(feed: JobFeed | StreamFeed, message: dict[str, Any]) -> list[str] | None:
    """Return what a message of the tailer brings; None when it takes a look at the database."""
    if not feed.is_started or feed.watched is None or feed.watched.gone:
        return None
    if isinstance(feed, StreamFeed):
        is_little = feed.watched.number - feed.number <= MOST_AT_ONCE
        return feed.missed() if message["type"] == "live.more" and is_little else None
    match message["type"]:
        case "live.events":
            events = feed.take_now(message)
            return None if events is None else [event.message for event in events]
        case "live.position":
            text = feed.new_position()
            return [text] if text else []
    return None


class _NotAdmitted(Exception):
    def __init__(self, close_code: int) -> None:
        super().__init__(close_code)
        self.close_code = close_code


def _admit(key: str) -> ApiToken:
    """Return the token, counted as one request. Raises _NotAdmitted."""
    try:
        token = recognise(key)
    except TokenRefused:
        raise _NotAdmitted(NOT_AUTHENTICATED) from None
    standing = ledger.spend(token)
    if standing is not None and not standing.passed:
        raise _NotAdmitted(THROTTLED)
    if Scope.READ not in token.scopes:
        raise _NotAdmitted(NOT_ALLOWED)
    return token
