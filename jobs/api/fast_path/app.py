"""The ASGI application that stands before Django; see `__init__.py`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from django.core.exceptions import SynchronousOnlyOperation
from django.db import OperationalError, connection

from jobs import door, positions
from jobs.api import replies, submissions
from jobs.api.fast_path import plain
from jobs.api.fast_path.asker import Asker, CannotAsk
from jobs.api.fast_path.exchange import Exchange, LookExchange, Sent, SubmitExchange
from jobs.api.fast_path.plain import Declined
from jobs.api.language import english
from jobs.api.problems import Problem
from jobs.api.serializers import Seen, describe
from jobs.asking import NO_ROWS, Answers
from jobs.fast_path import arrivals
from jobs.idempotency import IdempotencyConflict, was_replayed
from jobs.kinds import JobKind, registry
from jobs.models import Job
from jobs.submission import plan_plain
from jobs.tokens.allowance import NothingHeld, ledger
from jobs.tokens.models import ApiToken, Scope
from jobs.tokens.recognising import TokenRefused

logger = logging.getLogger(__name__)

LOOK = re.compile(r"/api/v1/jobs/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/")
SUBMIT = "/api/v1/jobs/"

#: Why a request goes the usual way. Errors of the database, too: there they are told as they should be.
USUAL_WAY = (
    Declined, IdempotencyConflict, CannotAsk, NothingHeld, SynchronousOnlyOperation, TokenRefused, Problem,
    psycopg.Error,
)  # fmt: skip


#: A submission that the database has refused, or that was never sent. Any other error leaves it open.
NOT_STORED = (
    CannotAsk, psycopg.errors.IntegrityError, psycopg.errors.DataError, psycopg.errors.ProgrammingError,
    psycopg.errors.NotSupportedError,
)  # fmt: skip


class FastPath:
    """Answers what is plain and passes everything else on."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.asker = Asker()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"]
        sent: Sent | None = None
        try:
            if method == "GET" and (found := LOOK.fullmatch(path)):
                sent = await self._look(LookExchange(scope), UUID(found[1]))
            elif method == "POST" and path == SUBMIT:
                exchange = SubmitExchange(scope)
                if plain.is_plain_json(exchange.headers):
                    body, receive = await _read(receive)
                    sent = await self._submit(exchange, body)
        except USUAL_WAY:
            pass
        except Exception:  # a fault of ours, before anything was stored
            logger.exception("%s went the usual way", method)
        if sent is None:
            await self.application(scope, receive, send)
        else:
            await _send(send, *sent)

    async def _look(self, exchange: Exchange, job_id: UUID) -> Sent:
        if_none_match = exchange.header(b"if-none-match")

        def look() -> tuple[ApiToken, replies.Reply]:
            token = exchange.recognise(Scope.READ)
            job, seen = submissions.look_at(token.owner, job_id)
            return token, replies.to_a_look(job, seen, if_none_match)

        with english():
            token, reply = await self.asker.replay(look, exchange.whose_token, (submissions.DESCRIBED, {"id": job_id}))
            exchange.frame(is_empty=reply.body is None)
            return exchange.answer(reply, token, ledger.spend_held(token))

    async def _submit(self, exchange: Exchange, body: bytes) -> Sent:
        idempotency_key = exchange.header(b"idempotency-key") if b"idempotency-key" in exchange.headers else None
        if idempotency_key is not None and not door.IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise Declined
        token = await self.asker.replay(lambda: exchange.recognise(Scope.SUBMIT), exchange.whose_token)
        with english():
            submission = plain.checked(body)
            kind = registry.get(submission.kind)
            job = await self.asker.replay(lambda: plan_plain(submission, token.owner, idempotency_key))
            if job is None or was_replayed(job):
                raise Declined
            exchange.frame(is_empty=False)
            answers = await self._about(kind)
            standing = ledger.spend_held(token)
            try:
                rows = await self.asker.run(*arrivals.insertion(job))
            except NOT_STORED:
                ledger.give_back(token)
                raise
            except psycopg.Error as error:
                # Perhaps it was stored and the answer is lost: to submit it again might make two of it.
                logger.warning("POST %s: %s", exchange.route, type(error).__name__)
                return exchange.answer(replies.to_an_error(OperationalError(), SUBMIT), token, standing)
            if not arrivals.inserted(job, rows):  # its queue drains
                ledger.give_back(token)
                raise Declined
            if not job.into_paused_queue:
                answers.add(positions.PAUSED, (("queue", job.queue),), NO_ROWS)
            try:
                said = await self._describe(job, answers)
            except Exception as error:  # it is stored: nobody may submit it once more the usual way
                logger.exception("POST %s: a job that was stored cannot be described", exchange.route)
                return exchange.answer(replies.to_an_error(error, SUBMIT), token, standing)
            return exchange.answer(replies.to_a_submission(job, said), token, standing)

    async def _about(self, kind: JobKind) -> Answers:
        """Return what `describe` will want to know of a queue and a kind."""
        answers = Answers()
        answers.add(positions.alive(), (), await self.asker.recently(positions.alive()))
        answers.add(positions.RUNS, (("kind", kind.name),), await self.asker.recently(positions.RUNS, kind=kind.name))
        return answers

    async def _describe(self, job: Job, answers: Answers) -> dict[str, Any]:
        """Return the description of a job that was stored a moment ago: whatever happens now, it is there."""

        def say() -> dict[str, Any]:
            return describe(job, Seen(job.stored_at, has_files=False, has_children=False), place=job.queue_position)

        try:
            return await self.asker.replay(say, answers=answers)
        except Exception:  # whatever it is: in a thread nothing is missing
            return await asyncio.to_thread(_and_close, say)


def _and_close(say: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        with english():
            return say()
    finally:
        connection.close()


async def _read(receive: Any) -> tuple[bytes, Any]:
    """Return a body, and what gives it once more. Raises Declined when the client hangs up."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Declined
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    again: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return again.pop() if again else await receive()

    return body, receive_again


async def _send(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
