"""LISTEN on PostgreSQL over a connection of its own, for a thread that waits."""

from __future__ import annotations

import logging

import psycopg
from django.db import connection

logger = logging.getLogger(__name__)


class Listener:
    """Waits for notifications of one channel. Not for SQLite; not to be shared between threads or processes."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> list[str]:
        """Return the payloads that arrive; as soon as there is one, or an empty list after `seconds`.

        Raises django.db.DatabaseError when the server is away. The first wait after a (re)connect returns at once:
        what was announced before we listened has to be looked for.
        """
        with connection.wrap_database_errors:
            if self._connection is None:
                self._connection = _connect()
                self._connection.execute(f"LISTEN {self.channel}")
                return []
            return [note.payload for note in self._connection.notifies(timeout=seconds, stop_after=1)]

    def close(self) -> None:
        """Drop the connection; the next wait opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect() -> psycopg.Connection:
    params = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        params.pop(django_only, None)
    return psycopg.connect(**params, autocommit=True)
