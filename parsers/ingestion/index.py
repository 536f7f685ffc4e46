"""The full text index: PostgreSQL's tsvector with GIN, SQLite's FTS5. It finds candidates; `search` ranks them.

Both hold the same: the folded words of a chunk (see `words`) and one term for its session, so that the index itself
keeps sessions apart. The databases' own stemmers are not used. Snowball's Turkish one wants its vowels with their dots,
which scans and hurried people leave out, and SQLite has none at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

#: PostgreSQL keeps no position beyond this (tsvector); such words are still found.
LAST_POSITION = 16_383
#: Words are letters and digits, so no word can be this.
_SESSION = "@{}"


class TermsField(models.TextField):
    """The words of a text as its index wants them, written as a list of words and never read back."""

    def db_type(self, connection: Any) -> str | None:
        return "tsvector" if connection.vendor == "postgresql" else super().db_type(connection)

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else list(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not isinstance(value, list):
            return value
        if connection.vendor != "postgresql":
            return " ".join(value)
        return " ".join(f"'{word}':{min(place, LAST_POSITION)}" for place, word in enumerate(value, start=1))


def terms_of(session_pk: int, words: Sequence[str]) -> list[str]:
    """Return what is indexed of a chunk with these folded words."""
    return [_SESSION.format(session_pk), *words]


def find_candidates(session_pk: int, beginnings: Sequence[str], limit: int) -> list[int]:
    """Return the ids of the session's chunks that hold a word with one of these beginnings, the likeliest first.

    beginnings: folded, letters and digits only.
    """
    if not beginnings:
        return []
    session = _SESSION.format(session_pk)
    if connection.vendor == "postgresql":
        words = " | ".join(f"'{word}':*" for word in beginnings)
        asked = f"'{session}' & ({words})"
        return _ids(
            "SELECT id FROM parsers_chunk, CAST(%s AS tsquery) AS asked WHERE terms @@ asked "
            "ORDER BY ts_rank(terms, asked, 1) DESC, id LIMIT %s",
            (asked, limit),
        )
    words = " OR ".join(f'"{word}"*' for word in beginnings)
    asked = f'"{session}" AND ({words})'
    return _ids(
        "SELECT rowid FROM parsers_chunk_index WHERE parsers_chunk_index MATCH %s ORDER BY rank, rowid LIMIT %s",
        (asked, limit),
    )


def _ids(sql: str, parameters: Iterable[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, tuple(parameters))
        return [row[0] for row in cursor.fetchall()]
