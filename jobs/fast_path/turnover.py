"""A worker's turn: one job ends, the next one is claimed, in one statement and so in one commit.

Both states are still seen by everybody else, and both are fenced: `done` matches only the attempt that runs, and what
it cannot match nobody claims after. The claim is that of `engine/claiming.py`, in two ways:

- One probe for each kind, then the best row that nobody has locked, unless another kind's head is better than it.
- After a job of a kind that nothing can hold back, no resource and no rate limit, the next one is mostly of such a kind
  too. So there only the head of each queue is looked at, which is one probe instead of dozens. When it is of another
  kind, the first way claims for a while.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from psycopg import sql

from jobs.fast_path.prepared import JOB_COLUMNS, job_from, run
from jobs.fast_path.steps import with_events
from jobs.kinds import JobKind
from jobs.models import EventType, Job
from jobs.positions import capacity, limits_of
from jobs.states import State

#: Who hears of a job by webhook is told in the transaction of the step: that is not the plain case.
_UNTOLD = """NOT EXISTS (SELECT FROM jobs_webhookendpoint AS endpoint WHERE endpoint.owner_id = job.owner_id
      AND endpoint.disabled_at IS NULL AND NOT endpoint.named_only)
    AND NOT EXISTS (SELECT FROM jobs_namedwebhook AS named WHERE named.job_id = job.id)"""

#: The attempt's row by its key, and not by the index of all running ones, which is what a planner takes for a table
#: that was small a moment ago: `|| ''` says the same and fits no index.
_ATTEMPT = f"id = $1 AND fence = $2 AND state || '' = '{State.PROCESSING}'"

#: Whoever holds the row for a moment is not waited for here: what is claimed is chosen as of now, and not as of when a
#: wait began. See `_WAIT`.
_DONE = f"""done AS (
  UPDATE jobs_job AS job SET state = '{State.SUCCEEDED}', succeeded_at = statement_timestamp(),
    updated_at = statement_timestamp(), event_seq = event_seq + 1, lease_expires_at = NULL, worker = '', slot = NULL,
    result = $3::jsonb, progress = 100, stage = COALESCE($4::text, stage),
    error_code = '', error_message = '', error_traceback = ''
  WHERE job.id = (SELECT id FROM jobs_job WHERE {_ATTEMPT} FOR NO KEY UPDATE SKIP LOCKED) AND {_UNTOLD}
  RETURNING id, event_seq, attempt, progress, stage, owner_id, parent_id
)"""

#: Mostly another worker holds it: one that took the job for the head of the queue at the moment when it was claimed
#: here, saw its mistake, and has it locked until its own turn is committed.
_WAIT = f"SELECT id FROM jobs_job AS job WHERE {_ATTEMPT} AND {_UNTOLD} FOR NO KEY UPDATE".encode()

#: Claim order within a kind, and "kind BETWEEN a AND a" beside it, so that only the index `job_heads` has it. Where
#: most jobs are of one kind, the planner would else walk through `job_position` to find none of another.
_IN_INDEX = "queue, kind, priority DESC, turn, id"

#: What may be claimed now: its queue not paused, its rate limit open, its resource free.
_OPEN = f"""open AS MATERIALIZED (
  SELECT kind, queue, plain FROM (VALUES {{kinds}}) AS known(kind, queue, limits, resource, capacity, plain)
  WHERE NOT EXISTS (
      SELECT FROM jobs_queuecontrol AS control WHERE control.queue = known.queue AND control.paused_at IS NOT NULL)
    AND NOT EXISTS (
      SELECT FROM jobs_ratelimit AS rate WHERE rate.key = ANY(known.limits) AND rate.ready_at > statement_timestamp())
    AND (known.resource = '' OR (SELECT count(*) FROM jobs_job AS holder
      WHERE holder.resource = known.resource AND holder.state = '{State.PROCESSING}') < known.capacity)
), heads AS MATERIALIZED (
  SELECT open.*, head.* FROM open CROSS JOIN LATERAL (
    SELECT id, priority, turn FROM jobs_job
    WHERE state = '{State.QUEUED}' AND jobs_job.queue = open.queue AND jobs_job.kind BETWEEN open.kind AND open.kind
    ORDER BY {_IN_INDEX} LIMIT {{each}}) AS head
  ORDER BY priority DESC, turn, id LIMIT {{all}}
)"""

_IS_BETTER = """(other.priority > job.priority
      OR (other.priority = job.priority AND (other.turn, other.id) < (job.turn, job.id)))"""

#: What cannot be written must not be followed by a claim.
_AFTER = "EXISTS (SELECT FROM done)"

#: `picked` was locked, and found to be queued, by this statement.
_CLAIMED = f"""claimed AS (
  UPDATE jobs_job SET state = '{State.PROCESSING}', processing_at = clock_timestamp(),
    updated_at = statement_timestamp(), lease_expires_at = statement_timestamp() + {{lease}}, worker = {{worker}},
    slot = NULL, resource = '', fence = fence + 1, attempt = attempt + 1, queue_position = 0,
    error_code = '', error_message = '', error_traceback = '', event_seq = event_seq + 1
  WHERE id = (SELECT id FROM picked)
  RETURNING {JOB_COLUMNS}
)"""

#: The best of the heads that nobody has locked. A kind that is not plain is claimed the long way, but what comes after
#: it waits; a row that is worse than another kind's head (the better ones are locked) is left to the long way as well.
_BEST = f"""best AS MATERIALIZED (
  SELECT heads.*, plain AND {_UNTOLD} AS simple FROM heads JOIN jobs_job AS job ON job.id = heads.id
  ORDER BY heads.priority DESC, heads.turn, heads.id LIMIT 1
), picked AS MATERIALIZED (
  SELECT job.id FROM best CROSS JOIN LATERAL (
    SELECT id, priority, turn, owner_id FROM jobs_job
    WHERE state = '{State.QUEUED}' AND jobs_job.queue = best.queue AND jobs_job.kind BETWEEN best.kind AND best.kind
    ORDER BY {_IN_INDEX} LIMIT 1 FOR UPDATE SKIP LOCKED) AS job
  WHERE best.simple AND {{condition}} AND {_UNTOLD}
    AND NOT EXISTS (SELECT FROM heads AS other WHERE other.kind <> best.kind AND {_IS_BETTER})
), {_CLAIMED}"""

#: When the head of a queue was of a kind that may be held back, the first way claims for so long.
HELD_BACK_SECONDS = 1.0
#: So many of a queue are looked at for one that may be held back and comes before the one that is claimed.
LOOKED_AT = 10

#: True of every job, and needs its row. Without it the planner would take the index that has the kind as well, whenever
#: its statistics say that nothing waits, and then read and sort all that does.
_BY_ROW = "jobs_job.fence >= 0"

#: The head of each queue, and the best of them that nobody has locked, if it is of a kind that nothing can hold back.
#: Nothing else is locked, not even for a moment: a worker that could claim it would pass over it. The kind is compared
#: so that the index stays that of the queue's order.
_NEXT = f"""heads AS MATERIALIZED (
  SELECT served.queue, served.free, head.* FROM (VALUES {{queues}}) AS served(queue, free) CROSS JOIN LATERAL (
    SELECT id, kind, priority, turn FROM jobs_job
    WHERE state = '{State.QUEUED}' AND jobs_job.queue = served.queue AND {_BY_ROW}
    ORDER BY priority DESC, turn, id LIMIT 1) AS head
  WHERE NOT EXISTS (
    SELECT FROM jobs_queuecontrol AS control WHERE control.queue = served.queue AND control.paused_at IS NOT NULL)
  ORDER BY priority DESC, turn, id LIMIT 2
), best AS MATERIALIZED (
  SELECT * FROM heads ORDER BY priority DESC, turn, id LIMIT 1
), picked AS MATERIALIZED (
  SELECT job.id FROM best CROSS JOIN LATERAL (
    SELECT id, priority, turn, owner_id FROM jobs_job
    WHERE state = '{State.QUEUED}' AND jobs_job.queue = best.queue AND jobs_job.kind || '' = ANY(best.free)
    ORDER BY priority DESC, turn, id LIMIT 1 FOR UPDATE SKIP LOCKED) AS job
  WHERE best.kind = ANY(best.free) AND {{condition}} AND {_UNTOLD} AND (job.id = best.id OR (
    NOT EXISTS (SELECT FROM heads AS other WHERE other.queue <> best.queue AND {_IS_BETTER})
    AND NOT EXISTS (SELECT FROM (
      SELECT kind, priority, turn, id FROM jobs_job
      WHERE state = '{State.QUEUED}' AND jobs_job.queue = best.queue AND {_BY_ROW}
      ORDER BY priority DESC, turn, id LIMIT {LOOKED_AT}) AS other
      WHERE other.kind <> ALL(best.free) AND {_IS_BETTER})))
), {_CLAIMED}"""

_SUCCEEDED_EVENT = f"""SELECT id, event_seq, '{EventType.SUCCEEDED}', '{State.SUCCEEDED}', attempt, progress, stage,
    '{{}}'::jsonb, statement_timestamp(), owner_id, parent_id FROM done"""

_STARTED_EVENT = f"""SELECT id, event_seq, '{EventType.STARTED}', '{State.PROCESSING}', attempt, progress, stage,
    jsonb_build_object('worker', worker), clock_timestamp(), owner_id, parent_id FROM claimed"""


@dataclass(frozen=True)
class Turnover:
    """What became of a worker's turn.

    done: whether the ending was written; if not, nothing was. claimed: the job to run next. more: whether there is
    work that only the long way can claim.
    """

    done: bool
    claimed: Job | None
    more: bool


class Turnstile:
    """The statements of one worker, for the kinds that it serves."""

    def __init__(self, kinds: Sequence[JobKind], worker: str, lease: timedelta) -> None:
        self._kinds = bool(kinds)
        about = {"worker": _literal(worker), "lease": _literal(lease)}
        heads = _OPEN.format(kinds=_values(kinds), each=1, all=2)
        claims = _BEST.format(condition="true", **about)
        after = _BEST.format(condition=_AFTER, **about)
        self._held_back_until = 0.0
        self._free = {kind.name for kind in kinds if is_free(kind)}
        following = _NEXT.format(queues=_queues(kinds), condition=_AFTER, **about)
        row = f"(SELECT count(*) FROM heads), {JOB_COLUMNS} FROM (VALUES (1)) AS one LEFT JOIN claimed ON true"
        self._claim = with_events([heads, claims], [_STARTED_EVENT], row)
        self._end = with_events([_DONE], [_SUCCEEDED_EVENT], "(SELECT count(*) FROM done)")
        events, answer = [_SUCCEEDED_EVENT, _STARTED_EVENT], f"(SELECT count(*) FROM done), {row}"
        self._end_and_claim = with_events([_DONE, heads, after], events, answer)
        self._end_and_go_on = with_events([_DONE, following], events, answer)

    def claim(self) -> Turnover:
        """Claim the best due job."""
        if not self._kinds:
            return Turnover(True, None, False)
        told, *answer = run(self._claim, ())[0]
        return _turnover(told, True, *answer)

    def succeed(self, job: Job, result: Any, stage: str | None, *, claim: bool) -> Turnover:
        """End an attempt with its result and, if that could be written, claim the next job.

        stage: what is shown from now on; None: what was shown before. Raises what json.dumps raises.
        """
        about = (job.pk, job.fence, None if result is None else json.dumps(result), stage)
        if not claim or not self._kinds:
            return Turnover(bool(run(self._end, about)[0][1]), None, False)
        goes_on = job.kind in self._free and time.monotonic() >= self._held_back_until
        way = self._end_and_go_on if goes_on else self._end_and_claim
        turn = _turnover(*run(way, about)[0])
        if not turn.done:
            with transaction.atomic():
                if run(_WAIT, about[:2]):
                    turn = _turnover(*run(way, about)[0])
        if goes_on and turn.more:  # what comes next may be held back for long
            self._held_back_until = time.monotonic() + HELD_BACK_SECONDS
        return turn


def heads_statement(kinds: Sequence[JobKind], limit: int) -> bytes:
    """Return the statement that reads up to `limit` claimable jobs of each kind: kind, priority, turn, id."""
    heads = _OPEN.format(kinds=_values(kinds), each=limit, all="ALL")
    return f"WITH {heads} SELECT kind, priority, turn, id FROM heads".encode()


def _turnover(_told: int, done: int, heads: int, *row: Any) -> Turnover:
    claimed = job_from(row) if row[0] is not None else None
    return Turnover(bool(done), claimed, more=bool(done) and claimed is None and heads > 0)


def is_plain(kind: JobKind) -> bool:
    """Whether nothing but the job's own row and its events has to be written at each step of such a job."""
    return not kind.resource and kind.mirror is None


def is_free(kind: JobKind) -> bool:
    """Whether nothing but its queue's pause can hold back a plain kind."""
    return is_plain(kind) and not limits_of(kind)


def _values(kinds: Sequence[JobKind]) -> str:
    return ", ".join(
        f"({_literal(kind.name)}, {_literal(kind.queue)}, {_literal(limits_of(kind))}::text[], "
        f"{_literal(kind.resource)}, {capacity(kind.resource)}, {is_plain(kind)})"
        for kind in kinds
    )


def _queues(kinds: Sequence[JobKind]) -> str:
    free: dict[str, list[str]] = {kind.queue: [] for kind in kinds}
    for kind in kinds:
        if is_free(kind):
            free[kind.queue].append(kind.name)
    return ", ".join(f"({_literal(queue)}, {_literal(names)}::text[])" for queue, names in free.items())


def _literal(value: Any) -> str:
    return sql.Literal(value).as_string(None)
