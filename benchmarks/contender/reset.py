"""Empty the queue before each measured phase: `python -m benchmarks.contender.reset <url>`."""

from __future__ import annotations

import sys

import psycopg


def main() -> None:
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        # All that hangs on jobs goes with them. The checkpoint: the harness does the same for its own tables.
        connection.execute("TRUNCATE jobs_job, django_q_ormq, jobs_worker CASCADE")
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
