"""How the live side reaches the database: from the event loop, in a few threads of its own.

Outside of an HTTP request `database_sync_to_async` would use the one thread that all sockets share; there one slow
query, or a database that is away, would hold up every socket and the tailer with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.db import DatabaseSyncToAsync
from django.db import InterfaceError, OperationalError

T = TypeVar("T")

#: The tailer's query and a few sockets' own; each is short, and a pool of ten connections serves the pages as well.
THREADS = 3
#: After a read that found the database away, those that waited behind it fail at once instead of waiting in turn for
#: a connection: everybody asks again within a second or two anyway.
PAUSE_SECONDS = 0.5

_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
_away_until = 0.0


async def read(function: Callable[..., T], *args: Any) -> T:
    """Call `function` in a thread, with a database connection that is given back afterwards. Raises DatabaseError."""
    return await DatabaseSyncToAsync(_read, thread_sensitive=False, executor=_executor)(function, *args)


def _read(function: Callable[..., T], *args: Any) -> T:
    global _away_until
    if time.monotonic() < _away_until:
        raise OperationalError("the database was away a moment ago")
    try:
        return function(*args)
    except (OperationalError, InterfaceError):
        _away_until = time.monotonic() + PAUSE_SECONDS
        raise
