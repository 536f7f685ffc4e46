"""A jobs table of any size on PostgreSQL, written by the server itself: a million jobs in a minute or two."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection

from jobs.models import TallyMark

OWNERS = 100
#: One in so many waits, the newest ones; the others have ended.
WAITING_ONE_IN = 10
#: One in so many of those that have ended is past its retention.
EXPIRED_ONE_IN = 90
#: Over so many days the jobs came, evenly.
DAYS = 30

#: Of job number n: nine in ten have ended (of 90 of those 4 failed and 1 was cancelled), the newest ones wait.
_JOBS = """
INSERT INTO jobs_job (
    id, kind, queue, state, priority, turn, owner_id, user_id, session_id, input, result, metadata, error_code,
    error_message, error_traceback, progress, stage, queue_position, attempt, max_attempts, fence, worker, resource,
    idempotency_digest, deadline_at, expires_at, pending_at, queued_at, processing_at, succeeded_at, failed_at,
    cancelled_at, created_at, updated_at, event_seq
)
SELECT
    (lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0')
        || '8' || substr(md5(n::text), 1, 15))::uuid,
    CASE n %% 20 WHEN 3 THEN 'workload.use_gpu' WHEN 0 THEN 'workload.act_out' ELSE 'workload.do_nothing' END,
    CASE n %% 20 WHEN 3 THEN 'gpu' ELSE 'default' END,
    state, (n %% 3) * 5, CASE state WHEN 'queued' THEN n / 1000 ELSE 0 END, owners[1 + n %% array_length(owners, 1)],
    'user-' || n %% 5000, 'session-' || n %% 2000,
    CASE n %% 20 WHEN 0 THEN '{"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}'
        WHEN 3 THEN '{"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}' ELSE '{}' END::jsonb,
    CASE state WHEN 'succeeded' THEN jsonb_build_object('text', repeat('A result of a usual size. ', 10)) END,
    '{}', CASE state WHEN 'failed' THEN 'corrupt_file' ELSE '' END,
    CASE state WHEN 'failed' THEN 'The file is broken.' ELSE '' END, '',
    CASE state WHEN 'succeeded' THEN 100 ELSE 0 END, '', 0, ran, 3, ran, '',
    CASE n %% 20 WHEN 3 THEN 'gpu' ELSE '' END, '',
    made_at + interval '60 days',
    CASE WHEN state <> 'queued' AND n %% %(expired)s = 0 THEN now() - interval '1 hour'
        ELSE made_at + interval '60 days' END,
    made_at, made_at,
    CASE WHEN ran = 1 THEN made_at + interval '2 seconds' END,
    CASE state WHEN 'succeeded' THEN made_at + interval '3 seconds' END,
    CASE state WHEN 'failed' THEN made_at + interval '3 seconds' END,
    CASE state WHEN 'cancelled' THEN made_at + interval '3 seconds' END,
    made_at, made_at, CASE WHEN ran = 1 THEN 3 ELSE 1 END
FROM (
    SELECT n, now() - interval '1 hour' - %(days)s * interval '1 day' * (1 - n::float8 / %(count)s) AS made_at,
        CASE WHEN n > %(waiting_from)s THEN 'queued' WHEN n %% 90 = 1 THEN 'cancelled' WHEN n %% 90 IN (2, 3, 4, 5)
        THEN 'failed' ELSE 'succeeded' END AS state,
        CASE WHEN n > %(waiting_from)s THEN 0 ELSE 1 END AS ran
    FROM generate_series(%(first)s, %(count)s) AS n
) AS numbered, (SELECT %(owners)s::int[] AS owners) AS given
"""
#: One event for each number up to the job's last.
_EVENTS = """
INSERT INTO jobs_jobevent (job_id, seq, type, state, attempt, progress, stage, data, created_at)
SELECT id, seq, CASE seq WHEN 1 THEN 'created' WHEN 2 THEN 'started' ELSE state END,
    CASE seq WHEN 1 THEN 'queued' WHEN 2 THEN 'processing' ELSE state END, seq - 1, 0, '',
    CASE seq WHEN 2 THEN '{"worker": "bench:1:0"}' ELSE '{}' END::jsonb, created_at + seq * interval '1 second'
FROM jobs_job, generate_series(1, event_seq) AS seq
ORDER BY created_at, seq
"""


def fill(count: int) -> None:
    """Put `count` jobs with their events into the empty tables: one in ten waits, 1 % are past their retention."""
    users = get_user_model()
    owners = [users.objects.get_or_create(username=f"owner-{number:03}")[0].pk for number in range(OWNERS)]
    values = {
        "first": 1, "count": count, "days": DAYS, "waiting_from": count - count // WAITING_ONE_IN,
        "expired": EXPIRED_ONE_IN, "owners": owners,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job, jobs_jobevent, jobs_receipt CASCADE")
        cursor.execute(
            "SET session_replication_role = replica"
        )  # a foreign key looked up for each row is half the time
        cursor.execute(_JOBS, values)
        cursor.execute(_EVENTS)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("SELECT max(id) FROM jobs_jobevent")
        newest = cursor.fetchone()[0]
    TallyMark.objects.update_or_create(pk=1, defaults={"event_id": newest})  # what is old was counted long ago
    vacuum()


def vacuum() -> None:
    """Do what autovacuum would have done by now."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE jobs_job, jobs_jobevent")
