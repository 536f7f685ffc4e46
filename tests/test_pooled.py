"""Connections of the web processes' pool are asked seldom, and noticed when they have died."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from config import pooled


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(pooled.time, "monotonic", lambda: now[0])
    return now


def test_a_connection_that_was_asked_lately_is_only_looked_at(
    own_postgresql: Any, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    execute = psycopg.Connection.execute

    def note(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        asked.append(query)
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", note)
    with pooled.PooledConnection.connect(own_postgresql.url(), autocommit=True) as connection:
        for later, expected in ((0.0, 1), (0.5, 1), (1.1, 2)):
            seconds[0] += later
            ConnectionPool.check_connection(connection)
            assert len(asked) == expected
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_whose_server_has_gone_is_noticed_at_once(own_postgresql: Any, seconds: list[float]) -> None:
    with pooled.PooledConnection.connect(own_postgresql.url(), autocommit=True) as connection:
        ConnectionPool.check_connection(connection)
        own_postgresql.restart()
        with pytest.raises(psycopg.OperationalError):
            ConnectionPool.check_connection(connection)
