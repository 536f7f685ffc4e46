"""How many rows a step of the engine reads in PostgreSQL: a handful, also with the statistics of quieter days."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from jobs import lifecycle
from jobs.api.fast_path.asker import Asker
from jobs.engine import claiming
from jobs.fast_path import plans, prepared
from jobs.models import Job
from jobs.running import RunningJob
from jobs.states import State
from jobs.submission import Submission

pytestmark = pytest.mark.usefixtures("postgresql")

QUIET = "workload.do_nothing"
ENDED, WAITING = 10_000, 2000
#: More than any step needs: the claim looks at a head for each kind, an arrival counts up to 50 before it.
HANDFUL = 200


@pytest.fixture
def read_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of jobs that each statement of the fast path has read, as PostgreSQL counts them."""
    seen: list[int] = []
    run = prepared.run

    def counting(sql: bytes, params: Any) -> Any:
        with transaction.atomic():
            before = _rows_read()
            rows = run(sql, params)
            seen.append(_rows_read() - before)
        return rows

    for module in ("jobs.fast_path.prepared", "jobs.fast_path.arrivals", "jobs.fast_path.turnover"):
        monkeypatch.setattr(f"{module}.run", counting)
    return seen


def _rows_read() -> int:
    """Rows and index entries of jobs that this transaction has read so far. (Others' count only when they commit.)"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index"
            " WHERE indrelid = relid)::bigint FROM pg_stat_xact_user_tables WHERE relname = 'jobs_job'"
        )
        return int(cursor.fetchone()[0])


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE jobs_job")


@pytest.fixture
def burst(postgresql: None) -> None:
    """Thousands of jobs wait, and the statistics are of a moment when none did."""
    ended = lifecycle.submit_many(Submission(QUIET) for _ in range(ENDED))
    Job.objects.filter(pk__in=[job.pk for job in ended]).update(state=State.SUCCEEDED, succeeded_at=ended[0].created_at)
    _vacuum()
    lifecycle.submit_many(Submission(QUIET) for _ in range(WAITING))


@pytest.fixture
def elsewhere(postgresql: None) -> Iterator[psycopg.Connection[Any]]:
    """Another connection, in a transaction that is rolled back."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    with psycopg.connect(**parameters) as other:
        yield other
        other.rollback()


@pytest.mark.usefixtures("burst")
def test_a_claim_reads_a_handful_of_rows_though_the_statistics_know_of_none_that_waits(read_rows: list[int]) -> None:
    assert claiming.claim("host:1:0") is not None
    assert len(read_rows) == 1
    assert max(read_rows) < HANDFUL


@pytest.mark.usefixtures("burst")
def test_the_end_of_a_job_and_the_claim_of_the_next_read_a_handful_of_rows(read_rows: list[int]) -> None:
    job = claiming.claim("host:1:0")
    assert job is not None
    read_rows.clear()
    for _ in range(3):
        claimed = claiming.finish(RunningJob(job), None, claim_next=True)[1]
        assert claimed is not None
        job = claimed
    assert len(read_rows) == 3
    assert max(read_rows) < HANDFUL


@pytest.mark.usefixtures("burst")
def test_a_turn_reads_a_handful_of_rows_also_behind_one_that_others_hold(
    read_rows: list[int], elsewhere: psycopg.Connection[Any]
) -> None:
    """Then it looks whether a job of another kind comes before what it found."""
    job = claiming.claim("host:1:0")
    assert job is not None
    head = Job.objects.queued().order_by("-priority", "turn", "id")[:1].get()
    elsewhere.execute("SELECT FROM jobs_job WHERE id = %s FOR UPDATE", [head.pk])
    read_rows.clear()
    claimed = claiming.finish(RunningJob(job), None, claim_next=True)[1]
    assert claimed is not None
    assert claimed.pk != head.pk
    assert max(read_rows) < HANDFUL


@pytest.mark.usefixtures("burst")
def test_a_submission_reads_a_handful_of_rows(read_rows: list[int]) -> None:
    lifecycle.submit(QUIET)
    assert len(read_rows) == 1
    assert max(read_rows) < HANDFUL


@pytest.fixture
def empty_table(postgresql: None) -> None:
    """This connection has a plan for a submission that is right for a table of one page."""
    for _ in range(5):  # then PostgreSQL keeps the plan
        lifecycle.submit(QUIET)
    Job.objects.all().delete()
    _vacuum()
    lifecycle.submit(QUIET)


@pytest.mark.usefixtures("empty_table")
def test_a_plan_for_an_empty_table_is_not_kept_when_it_was_used_often(read_rows: list[int]) -> None:
    lifecycle.submit_many(Submission(QUIET) for _ in range(WAITING))
    for _ in range(plans.USES):
        lifecycle.submit(QUIET)
    time.sleep(1.5 * plans.PLANNED_SECONDS)
    lifecycle.submit(QUIET)
    assert read_rows[-1] < HANDFUL


@pytest.mark.usefixtures("empty_table")
def test_a_plan_for_an_empty_table_is_not_kept_when_it_takes_long(
    read_rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "LONG_SECONDS", 0.0001)
    lifecycle.submit_many(Submission(QUIET) for _ in range(WAITING))
    time.sleep(1.5 * plans.PLANNED_SECONDS)
    lifecycle.submit(QUIET)
    lifecycle.submit(QUIET)
    assert read_rows[-1] < HANDFUL


def test_a_plan_that_is_used_seldom_and_takes_no_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that comes alone is not held up by planning."""
    monkeypatch.setattr(plans, "PLANNED_SECONDS", 0)
    monkeypatch.setattr(plans, "LONG_SECONDS", 60)
    kept = plans.Plans()
    for _ in range(plans.USES):
        assert not kept.are_old()
        with kept.used():
            pass
    assert kept.are_old()
    assert not kept.are_old()


def test_plans_of_the_event_loop_are_not_kept_either(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    execute = psycopg.AsyncConnection.execute

    async def noting(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        asked.append(query)
        return await execute(self, query, *args, **options)

    async def ask() -> None:
        asker = Asker()
        await asker.run(b"SELECT 1", ())
        assert plans.DISCARD_PLANS not in asked
        monkeypatch.setattr(plans, "PLANNED_SECONDS", 0)
        monkeypatch.setattr(plans, "USES", 1)
        await asker.run(b"SELECT 1", ())
        assert plans.DISCARD_PLANS in asked
        assert asker._pool is not None
        await asker._pool.close()

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", noting)
    asyncio.run(ask())
