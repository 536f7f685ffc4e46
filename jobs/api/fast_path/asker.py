"""Asking PostgreSQL from the event loop, with connections of its own."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import AdaptersMap
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool

from jobs.asking import Answers, Question, Unanswered, answered_by
from jobs.compiled import Compiled, Statement
from jobs.fast_path.plans import DISCARD_PLANS, plans_of

T = TypeVar("T")

#: Connections of one web process, besides those of its threads. Statements take a fraction of a millisecond each.
MOST_CONNECTIONS = 8
#: Who has not got one by then goes the usual way, which says so when the database is away.
PATIENCE_SECONDS = 1.0
#: For what changes slowly: whose heartbeat was heard lately, how long runs of a kind take.
RECENT_SECONDS = 1.0
MOST_RECENT = 1000
#: In characters. What is longer is read in a thread.
LARGEST_VALUE = 64 * 1024
#: More answers than this no plain request needs.
MOST_ANSWERS = 20


class CannotAsk(Exception):
    """No connection is free, the database is away, or its answer is too large for the event loop. Nothing was done."""


class Asker:
    """One for each event loop; it connects with the first question."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[Any] | None = None
        self._statements: dict[Compiled[Any], Statement] = {}
        self._recent: dict[Question, tuple[float, Any]] = {}
        self._together: dict[tuple[Compiled[Any], ...], str] = {}

    async def replay(
        self,
        work: Callable[[], T],
        *first: tuple[Compiled[Any], dict[str, Any]],
        answers: Answers | None = None,
    ) -> T:
        """Run what asks questions, again and again with one answer more, until it comes to its end.

        first: what it will ask for certain, each with at most one row for an answer: asked in one statement.
        answers: some that are there already. Raises what it raises, CannotAsk, and psycopg's errors.
        """
        answers = answers or Answers()
        if first:
            await self._ask_together(first, answers)
        for _ in range(MOST_ANSWERS):
            try:
                with answered_by(answers):
                    return work()
            except Unanswered as question:
                answers.add(question.asks, question.values, await self._answer(question))
        raise CannotAsk

    async def run(self, sql: bytes, values: Any) -> list[Any]:
        """Run one statement ($1, $2 …) as a transaction of its own. Raises CannotAsk, psycopg's errors."""
        return await self._ask(psycopg.AsyncRawCursor, sql, values, binary=True)

    async def recently(self, compiled: Compiled[Any], **values: Any) -> Any:
        """Return an answer that is at most RECENT_SECONDS old, for `Answers.add`."""
        key, now = (compiled, tuple(values.items())), time.monotonic()
        known = self._recent.get(key)
        if known is None or now - known[0] > RECENT_SECONDS:
            if len(self._recent) > MOST_RECENT:
                self._recent.clear()
            known = self._recent[key] = now, await self._answer(Unanswered(*key))
        return known[1]

    async def _answer(self, question: Unanswered) -> Any:
        compiled = question.asks
        if not isinstance(compiled, Compiled):
            return await self.run(compiled, [list(v) if isinstance(v, tuple) else v for v in question.values])
        statement = await self._statement(compiled)
        parameters = compiled.parameters(statement, dict(question.values))
        rows = await self._ask(psycopg.AsyncCursor, statement.sql, parameters)
        for row in rows:
            _refuse_large(row)
        return statement, list(compiled.converted(statement, rows))

    async def _ask_together(self, asked: Sequence[tuple[Compiled[Any], dict[str, Any]]], answers: Answers) -> None:
        """A step to the database and back costs more than what it does there."""
        statements = [await self._statement(compiled) for compiled, _ in asked]
        key = tuple(compiled for compiled, _ in asked)
        if (sql := self._together.get(key)) is None:
            sql = self._together[key] = _join(statements)
        pairs = list(zip(asked, statements, strict=True))
        parameters = [one for (compiled, values), statement in pairs for one in compiled.parameters(statement, values)]
        (row,) = await self._ask(psycopg.AsyncCursor, sql, parameters)
        _refuse_large(row)
        for (compiled, values), statement in pairs:
            there, own, row = row[0], row[1 : 1 + statement.width], row[1 + statement.width :]
            rows = list(compiled.converted(statement, [own])) if there else []
            answers.add(compiled, tuple(values.items()), (statement, rows))

    async def _statement(self, compiled: Compiled[Any]) -> Statement:
        if (statement := self._statements.get(compiled)) is None:
            statement = self._statements[compiled] = await asyncio.to_thread(_compile, compiled)
        return statement

    async def _ask(self, cursor: Any, sql: Any, values: Any, *, binary: bool = False) -> list[Any]:
        async with self._connection() as connection:
            plans = plans_of(connection)
            if plans.are_old():
                await connection.execute(DISCARD_PLANS)
            with plans.used():
                asking = cursor(connection)
                await asking.execute(sql, values, prepare=True, binary=binary)
                return await asking.fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Yield a connection. Raises CannotAsk."""
        pool = self._pool or await self._open()
        try:
            connection = await pool.getconn(PATIENCE_SECONDS)
            # A submission over a closed one would fail, and nobody could say whether it was stored. (The pool's own
            # checks wait longer and longer between two of them.)
            while _was_closed(connection):
                await connection.close()
                await pool.putconn(connection)
                connection = await pool.getconn(PATIENCE_SECONDS)
        except psycopg.OperationalError as error:  # PoolTimeout is one
            raise CannotAsk from error
        try:
            yield connection
        except psycopg.NotSupportedError:
            # A migration has changed a column, and with it what a plan of this connection returns.
            await connection.close()
            raise
        finally:
            await pool.putconn(connection)

    async def _open(self) -> AsyncConnectionPool[Any]:
        django = connections[DEFAULT_DB_ALIAS]
        options = django.get_connection_params()
        options.pop("cursor_factory", None)
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            kwargs=options | {"autocommit": True, "context": _values()},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            open=False,
            configure=_in_utc,
            reconnect_timeout=PATIENCE_SECONDS,
            name="fast-path",
        )
        self._pool = pool
        await pool.open()
        return pool


def _refuse_large(row: Sequence[Any]) -> None:
    """Raise CannotAsk for what would hold up the event loop: JSON of megabytes."""
    if any(isinstance(value, str) and len(value) > LARGEST_VALUE for value in row):
        raise CannotAsk


def _join(statements: Sequence[Statement]) -> str:
    """Return one statement for many that have one row or none: of each `true` and its columns, or as many NULLs."""
    each = [
        f"LEFT JOIN (SELECT true AS there, one.* FROM ({statement.sql}) AS one) AS part_{number} ON true"
        for number, statement in enumerate(statements)
    ]
    columns = ", ".join(f"part_{number}.*" for number in range(len(statements)))
    return f"SELECT {columns} FROM (SELECT 1) AS nothing {' '.join(each)}"


def _values() -> AdaptersMap:
    """Values as Django's fields expect them: JSON as text. Times need no help, for all is in UTC."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("jsonb", TextLoader)
    return adapters


async def _in_utc(connection: Any) -> None:
    await connection.execute("SELECT set_config('TimeZone', 'UTC', false)")


def _was_closed(connection: Any) -> bool:
    """Whether the server has closed a connection: it can be read from, though nothing was asked."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _compile(compiled: Compiled[Any]) -> Statement:
    try:
        return compiled.statement()
    finally:
        connections[DEFAULT_DB_ALIAS].close()
