"""Run the peers' harness with Sıra among the contenders: `make bench PEERS=path`, `python -m benchmarks.bench --peers`.

    python -m benchmarks.contender.compare PATH [--only huey_redis,pgqueuer] [--jobs 2000] [--rounds 3] …

PATH is the harness's folder. It starts a PostgreSQL server and a Redis of its own; what comes after PATH goes to it as
it is (its README says what there is). Sıra gets two workers and a database on the same server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = "benchmarks.contender"
DATABASE = "sira_contender"

#: One row for each job. Counts of events stand in the list of columns, where a reader that does not ask pays nothing.
STATE_SQL = """
SELECT id::text AS key, CASE state WHEN 'succeeded' THEN 'complete' ELSE state END AS state,
       created_at, processing_at AS started_at, succeeded_at AS finished_at,
       (SELECT count(*) FROM jobs_jobevent WHERE job_id = jobs_job.id AND type = 'started') AS starts,
       (SELECT count(*) FROM jobs_jobevent WHERE job_id = jobs_job.id AND type = 'succeeded') AS completions,
       NULLIF(split_part(worker, ':', 2), '')::int AS pid
FROM jobs_job WHERE id = ANY(%(keys)s::uuid[])
"""


def describe(url: str, data_dir: Path) -> str:
    """Return the TOML that tells the harness about Sıra. url: of an empty database on its server, to be made."""
    python = sys.executable
    server, _, name = url.rpartition("/")
    env = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": url,
        "DATA_DIR": str(data_dir),
        "EXTRA_APPS": HERE,
        "WORKERS": "2",
        "LOG_LEVEL": "WARNING",  # as all contenders
        # As the others in their crash test: redelivery is made faster than by default (30 s).
        "LEASE_SECONDS": "10",
        "HEARTBEAT_SECONDS": "3",
    }
    sections: dict[str, dict[str, object]] = {
        "": {
            "name": "sira",
            "title": "Sıra",
            "note": "sentinel + 2 workers + pusher + monitor; a row, its events and a fence for each job",
            "cwd": str(ROOT),
            "workers": [[python, "manage.py", "qcluster"]],
            "setup": [
                ["psql", "-qX", f"{server}/postgres", "-c", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"],
                ["psql", "-qX", f"{server}/postgres", "-c", f"CREATE DATABASE {name}"],
                [python, "manage.py", "migrate", "--verbosity", "0"],
            ],
            "reset": [[python, "-m", f"{HERE}.reset", url]],
            "crash_wait": 60,
            "redelivery": "the lease: default 30 s, tested 10 s",
            "dsn": url,
            "state_sql": STATE_SQL,
        },
        "env": dict(env),
        "enqueue": {
            "python": python,
            "callable": f"{HERE}.producer:submit",
            "bulk_callable": f"{HERE}.producer:submit_many",
        },
    }
    lines: list[str] = []
    for section, values in sections.items():
        lines += [f"[{section}]"] if section else []
        # What JSON says of texts, numbers and lists of them, TOML understands.
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def main(peers: str, options: list[str]) -> int:
    """Run the harness at `peers` with Sıra among its contenders. Returns its exit status."""
    harness = Path(peers).resolve() / "run.sh"
    if not harness.is_file():
        print(f"{harness} is not there: PEERS must be the folder of the harness.", file=sys.stderr)
        return 2
    port = os.environ.setdefault("PEERBENCH_PG_PORT", "55432")
    url = f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}"
    with tempfile.TemporaryDirectory(prefix="sira-contender-") as folder:
        description = Path(folder) / "sira.toml"
        description.write_text(describe(url, Path(folder)))
        return subprocess.run([str(harness), "--external", str(description), *options], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
