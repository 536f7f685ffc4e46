"""How fast pages and lists answer when there are many jobs: `python -m benchmarks.pages`.

    python -m benchmarks.pages [--jobs 100000] [--rounds 30] [--database postgresql] [--only overview]

Fills a throw-away database with a day of jobs (five kinds, 20 owners, files, some that wait, three that run), starts
the web server without workers, signs in as staff and as an ordinary user, and asks for each page again and again.
Times are those of the whole request, as a browser on the same machine sees them, in milliseconds; the first answer is
not counted. What is slower than 200 ms in the median is marked.
"""

from __future__ import annotations

import argparse
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import quote

import requests
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from benchmarks.stacks import DATABASES, available, percentile, running
from jobs.models import Job, JobFile, Worker
from jobs.states import State
from tests.harness.processes import ServerStack

OWNERS = 20
BATCH = 2000
#: No answer that a person waits for may be slower, in the median.
SLOW_MS = 200
#: Our workers are alive for as long as the measurement takes.
LONG = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Sort:
    """One sort of job. share: of all jobs. seconds: its usual run. file: what its file is called, if it has one."""

    kind: str
    queue: str
    share: float
    seconds: float
    file: str = ""
    resource: str = ""


SORTS = [
    Sort("parsers.parse_cv", "documents", 0.35, 2, "cv-{n}.pdf"),
    Sort("classifier.classify_document", "documents", 0.3, 1, "contract-{n}.docx"),
    Sort("parsers.ingest_document", "documents", 0.15, 3, "minutes-{n}.txt"),
    Sort("orders.fetch_order", "default", 0.12, 0.5),
    Sort("imaging.generate_image", "gpu", 0.08, 12, resource="gpu"),
]
#: How jobs stand: most have ended.
STATES = {State.SUCCEEDED: 0.9, State.FAILED: 0.04, State.CANCELLED: 0.02, State.QUEUED: 0.03, State.PENDING: 0.01}


def fill(count: int, seed: int = 1) -> None:
    """Write `count` jobs of the last day, as their lives would have left them."""
    chance = random.Random(seed)
    users = get_user_model()
    owners = [users.objects.get_or_create(username=f"owner-{number:02}")[0] for number in range(OWNERS)]
    now = timezone.now()
    turns: Counter[tuple[str, int]] = Counter()
    for begin in range(0, count, BATCH):
        jobs, files = [], []
        for number in range(begin, min(begin + BATCH, count)):
            owner = chance.choice(owners)
            sort = chance.choices(SORTS, [sort.share for sort in SORTS])[0]
            state = chance.choices(list(STATES), list(STATES.values()))[0]
            # What waits came lately, the others over the day, in the order of their numbers.
            age = (
                DAY * (1 - number / count) if state not in (State.QUEUED, State.PENDING) else DAY * chance.random() / 50
            )
            job = _job(sort, state, owner, now - age, now, chance, number)
            if state == State.QUEUED:
                turns[sort.queue, owner.pk] += 1
                job.turn = turns[sort.queue, owner.pk]
            jobs.append(job)
            if sort.file:
                files.append(_file(job, sort.file.format(n=number), chance))
        Job.objects.bulk_create(jobs)
        JobFile.objects.bulk_create(files)
    begun = now - timedelta(minutes=1)
    at_work = [_job(sort, State.PROCESSING, owners[7], begun, now, chance, 0) for sort in SORTS[2:]]
    for number, job in enumerate(at_work):
        job.worker, job.slot = f"bench:1:{number}", 0 if job.resource else None
    Job.objects.bulk_create(at_work)
    Worker.objects.bulk_create(
        Worker(name=f"bench:1:{number}", cluster="bench", heartbeat_at=now + LONG) for number in range(4)
    )


def _job(
    sort: Sort, state: State, owner: Any, created_at: datetime, now: datetime, chance: random.Random, number: int
) -> Job:
    waited = timedelta(seconds=chance.expovariate(1 / 20))
    ran = timedelta(seconds=chance.expovariate(1 / sort.seconds))
    began = created_at + waited
    job = Job(
        id=_id_of(created_at, chance),
        kind=sort.kind, queue=sort.queue, state=state, owner=owner, session_id=f"session-{number % 500}",
        user_id=f"user-{number % 2000}", input={"file": str(uuid.uuid4()), "mode": "advanced", "note": "x" * 80},
        created_at=created_at, updated_at=created_at, pending_at=created_at, queued_at=created_at, event_seq=7,
    )  # fmt: skip
    if state == State.PENDING:
        job.queued_at, job.run_after = None, now + DAY
    elif state == State.PROCESSING:
        job.processing_at, job.lease_expires_at, job.attempt, job.fence = began, now + LONG, 1, 1
        job.progress, job.resource = 40, sort.resource
    elif state != State.QUEUED:
        job.processing_at, job.attempt, job.fence, job.resource = began, 1, 1, sort.resource
        setattr(job, f"{state}_at", min(began + ran, now))
        job.expires_at = created_at + 30 * DAY
        if state == State.SUCCEEDED:
            job.progress, job.result = 100, {"text": "A result of a usual size. " * 20, "pages": 3}
        else:
            job.error_code, job.error_message = "corrupt_file", "The file is broken. Save it again and send it."
    return job


def _id_of(moment: datetime, chance: random.Random) -> uuid.UUID:
    """Return a UUIDv7 of that moment."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62))


def _file(job: Job, name: str, chance: random.Random) -> JobFile:
    return JobFile(
        job=job, role=JobFile.Role.INPUT, name=name, file=f"bench/{job.pk}", size=chance.randrange(10_000, 900_000),
        media_type="application/pdf", sha256="0" * 64, created_at=job.created_at,
    )  # fmt: skip


def addresses(now: datetime) -> dict[str, str]:
    """Return what is asked for, by the name that the table gives it."""
    jobs = "/api/v1/jobs/?limit=25"
    since = quote((now - timedelta(hours=1)).isoformat())
    return {
        "home": "/",
        "overview": "/api/v1/overview/",
        "my jobs": "/app/jobs/",
        "list": jobs,
        "list owner=me": f"{jobs}&owner=me",
        "list state=failed": f"{jobs}&state=failed",
        "list state=queued": f"{jobs}&state=queued",
        "list state=queued,processing": f"{jobs}&state=queued,processing",
        "list kind": f"{jobs}&kind=imaging.generate_image",
        "list kind+state": f"{jobs}&kind=parsers.parse_cv&state=failed",
        "list session_id": f"{jobs}&session_id=session-7",
        "list created_after": f"{jobs}&created_after={since}",
        "list q=input.file_name:cv": f"{jobs}&q=input.file_name:cv",
        "list q=input.file_name:cv-99": f"{jobs}&q=input.file_name:cv-99",
        "list q=cv-999 (anywhere)": f"{jobs}&q=cv-999",
        "list q=nothing-has-this": f"{jobs}&q=nothing-has-this",
        "desk": "/admin/",
        "desk: jobs": "/admin/jobs/job/",
        "desk: failed jobs": "/admin/jobs/job/?state__exact=failed",
    }


def sign_in(stack: ServerStack, username: str, *, staff: bool) -> requests.Session:
    """Return the session of a browser that has signed in."""
    stack.token(username, staff=staff)
    session = requests.Session()
    session.get(f"{stack.base_url}/login/", timeout=60)
    form = {"username": username, "password": username, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(f"{stack.base_url}/login/", form, timeout=60, allow_redirects=False)
    assert answer.status_code == 302, "the sign-in was refused"
    return session


def measure(session: requests.Session, url: str, rounds: int) -> tuple[list[float], int]:
    """Return how long each request took, in milliseconds, and the status of the last one."""
    took = []
    session.get(url, timeout=120)
    for _ in range(rounds):
        began = time.perf_counter()
        answer = session.get(url, timeout=120)
        took.append((time.perf_counter() - began) * 1000)
    return took, answer.status_code


def run(database: str, options: argparse.Namespace) -> int:
    """Print the table of one database and return how many answers were slow."""
    slow = 0
    with running(database, cluster_names=(), postgres_settings={"shared_buffers": "128MB"}) as stack:
        with stack.database():
            began = time.perf_counter()
            fill(options.jobs)
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
            print(f"{database}: {options.jobs} jobs written in {time.perf_counter() - began:.0f} s", flush=True)
        for who, staff in (("staff", True), ("owner", False)):
            # An owner of the jobs is the ordinary user: whoever has none is answered at once.
            session = sign_in(stack, "olga" if staff else _owner(stack), staff=staff)
            print(f"{who + ':':<34}{'median':>9}{'p99':>9}")
            for name, path in addresses(timezone.now()).items():
                if (options.only and options.only not in name) or (path.startswith("/admin/") and not staff):
                    continue
                took, status = measure(session, f"{stack.base_url}{path}", options.rounds)
                middle = median(took)
                mark = "  SLOW" if middle > SLOW_MS else ""
                mark += f"  HTTP {status}" if status != 200 else ""
                slow += middle > SLOW_MS
                print(f"  {name:<32}{middle:>9.1f}{percentile(took, 0.99):>9.1f}{mark}", flush=True)
    return slow


def _owner(stack: ServerStack) -> str:
    """Return the name of an owner who can sign in."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    name = "owner-07"
    with stack.database():
        password = PBKDF2PasswordHasher().encode(name, "salt", iterations=1)
        get_user_model().objects.filter(username=name).update(password=password)
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    options = parser.parse_args()
    if not available(options.database):
        parser.error(f"{options.database} is not installed")
    slow = run(options.database, options)
    print(f"{slow} over {SLOW_MS} ms" if slow else f"none over {SLOW_MS} ms")


if __name__ == "__main__":
    main()
