"""How many queued jobs come before a place in claim order: one pass over an index, however many places are asked for.

The places are sorted, and what lies between two neighbours is counted as one range of the index `job_position`. So each
waiting job is looked at once at most, whoever asks for how many; a window function or an OR over priority, turn and
id would number or filter all of them, several times slower.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate

from django.db import connection

from jobs.fast_path import prepared
from jobs.models import HIGHEST_PRIORITY, Job
from jobs.states import State

#: (-priority, turn, id): smaller is claimed first, as in claim order.
Rank = tuple[int, int, uuid.UUID]
#: A range of one priority: (priority, turn and id from, turn and id before).
_Range = tuple[int, int, uuid.UUID, int, uuid.UUID]

_FIRST = (-1, uuid.UUID(int=0))
_LAST = (2**63 - 1, uuid.UUID(int=2**128 - 1))


def rank_of(job: Job) -> Rank:
    return -job.priority, job.turn, job.pk


def count_before(queue: str, ranks: Iterable[Rank], kind: str = "") -> dict[Rank, int]:
    """Return for each rank how many queued jobs of the queue are claimed before it; of one kind if that is given.

    A rank need not be that of a job in the table: one that is about to be submitted has a place, too.
    """
    wanted = sorted(set(ranks))
    if not wanted:
        return {}
    ranges, ends = _cut(wanted)
    counts = list(accumulate(_count(queue, kind, ranges)))
    return {rank: counts[end] for rank, end in zip(wanted, ends, strict=True)}


def first_id_at(moment: datetime) -> uuid.UUID:
    """Return the smallest id of a job that was made at that time: ids are UUIDv7, which begin with the milliseconds."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def _cut(wanted: list[Rank]) -> tuple[list[_Range], list[int]]:
    """Cut the queue, from its head to the last wanted rank, into ranges that begin and end at wanted ranks.

    Returns them with, for each rank, the number of the range that ends at it.
    """
    ranges: list[_Range] = []
    ends: list[int] = []
    priority, begin = HIGHEST_PRIORITY, _FIRST
    for negative, turn, id in wanted:
        while priority > -negative:
            ranges.append((priority, *begin, *_LAST))
            priority, begin = priority - 1, _FIRST
        ends.append(len(ranges))
        ranges.append((priority, *begin, turn, id))
        begin = (turn, id)
    return ranges, ends


_COLUMNS = "(priority, from_turn, from_id, to_turn, to_id, number)"


def _counting(of_queue: str, of_kind: str) -> str:
    """The count of one piece of a queue. of_queue, of_kind: what stands for their names; "" for all kinds."""
    kind = f" AND job.kind = {of_kind}" if of_kind else ""
    return (
        f"SELECT (SELECT count(*) FROM {Job._meta.db_table} AS job WHERE job.state = '{State.QUEUED}' "
        f"AND job.queue = {of_queue}{kind} AND job.priority = piece.priority "
        "AND (job.turn, job.id) >= (piece.from_turn, piece.from_id) "
        "AND (job.turn, job.id) < (piece.to_turn, piece.to_id)) "
    )


def _on_postgresql(of_kind: str) -> bytes:
    """Arrays, and one plan for all ranges: each is a look into the index."""
    return (
        f"{_counting('$6', of_kind)} FROM unnest($1::smallint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::uuid[]) "
        f"WITH ORDINALITY AS piece{_COLUMNS} ORDER BY number"
    ).encode()


_OF_ALL_KINDS, _OF_ONE_KIND = _on_postgresql(""), _on_postgresql("$7")


def _count(queue: str, kind: str, ranges: list[_Range]) -> Iterator[int]:
    """Return how many queued jobs lie in each range, in order, with one statement."""
    if prepared.on_postgresql():
        columns = [list(column) for column in zip(*ranges, strict=True)]
        rows = (
            prepared.look(_OF_ONE_KIND, [*columns, queue, kind])
            if kind
            else prepared.look(_OF_ALL_KINDS, [*columns, queue])
        )
        return iter([row[0] for row in rows])
    plain = [[p, begin, first.hex, end, before.hex] for p, begin, first, end, before in ranges]
    values = ", ".join(f"json_extract(value, '$[{column}]')" for column in range(5))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH piece{_COLUMNS} AS MATERIALIZED (SELECT {values}, key FROM json_each(%s)) "
            f"{_counting('%s', '%s' if kind else '')} FROM piece ORDER BY number",
            [json.dumps(plain), queue, kind] if kind else [json.dumps(plain), queue],
        )
        return iter([row[0] for row in cursor.fetchall()])


_WAITING = (
    f"SELECT kind FROM unnest($1::text[]) AS kind WHERE EXISTS (SELECT FROM {Job._meta.db_table} AS job "
    f"WHERE job.state = '{State.QUEUED}' AND job.queue = $2 AND job.kind = kind.kind)"
).encode()


def waiting_kinds(queue: str, kinds: list[str]) -> list[str]:
    """Return those of these kinds of which a job is queued."""
    if prepared.on_postgresql():
        return [row[0] for row in prepared.look(_WAITING, [kinds, queue])]
    job = connection.ops.quote_name(Job._meta.db_table)
    some = f"SELECT 1 FROM {job} WHERE state = '{State.QUEUED}' AND queue = %s AND kind = %s"
    one = f"SELECT %s AS kind WHERE EXISTS ({some})"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([one] * len(kinds)), [part for kind in kinds for part in (kind, queue, kind)])
        return [row[0] for row in cursor.fetchall()]
