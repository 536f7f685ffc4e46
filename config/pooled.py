"""The connections of a web process's pool: cheaper to look after than asking the server before every request."""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg

#: A connection that was asked so lately is only looked at.
LATELY_SECONDS = 1.0


class PooledConnection(psycopg.Connection[Any]):
    """A connection whose check (an empty statement, `ConnectionPool.check_connection`) seldom asks the server.

    A server that goes away closes its connections, and a closed one can be read from. So one that cannot is as good as
    it was when it was last asked, at most LATELY_SECONDS ago.
    """

    _asked_at = 0.0

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        if query == "" and not args and not options:
            now = time.monotonic()
            if now - self._asked_at < LATELY_SECONDS and not _has_something(self.fileno()):
                return None
            self._asked_at = now
        return super().execute(query, *args, **options)


def _has_something(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
