"""One cell of the matrix: a request, its answer, and what it wrote. Nothing of it stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
#: What any request may write: who visits or tries to, when they were here last, what a token has spent of its minute.
NOBODYS = re.compile(r'"django_session"|"last_login"|"jobs_signintries"|"jobs_apitoken" SET "(last_used_at|window)')
SIGN_IN = ("/login/", "/admin/login/")
#: What is another one in each answer: the token of a form, and the moment.
CHANGING = re.compile(
    r'(name="csrfmiddlewaretoken" value=")[^"]+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+\d\d:\d\d)|"as_of":\s*"[^"]*"'
)


@dataclass(frozen=True)
class Answer:
    """What came back. body: as text, "" for a stream that goes on; writes: the statements that changed rows."""

    status: int
    body: str
    location: str
    media_type: str
    writes: tuple[str, ...]

    @property
    def word(self) -> str:
        """What a declaration calls it: "2xx", "3xx", "login", or the status itself."""
        if self.status in (301, 302, 303) and self.location.split("?")[0] in SIGN_IN:
            return "login"
        return f"{self.status // 100}xx" if 200 <= self.status < 400 else str(self.status)

    def without(self, *ids: str) -> tuple[int, str, str]:
        """Return what may be compared between two answers: all but the ids that were asked for, and the moment."""
        body = CHANGING.sub("", self.body)
        for text in ids:
            body = body.replace(text, "ID")
        return self.status, self.media_type, body


@contextmanager
def counting_writes() -> Iterator[list[str]]:
    written: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITES.match(sql) and not NOBODYS.search(sql):
            written.append(sql[:120])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield written


def ask(client: Any, method: str, path: str, **options: Any) -> Answer:
    """Ask, and undo what it did. options: as for the client; `format` for the API's."""
    with transaction.atomic():
        with counting_writes() as written:
            response = getattr(client, method.lower())(path, **options)
        answer = Answer(
            response.status_code,
            _body_of(response),
            response.get("Location", ""),
            response.get("Content-Type", ""),
            tuple(written),
        )
        transaction.set_rollback(True)
    return answer


def _body_of(response: Any) -> str:
    if not response.streaming:
        return response.content.decode("utf-8", "replace")
    if response.is_async:  # server-sent events: they would go on
        return ""
    return b"".join(response.streaming_content).decode("utf-8", "replace")
