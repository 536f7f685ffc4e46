"""Every hostile file through every upload: `python -m benchmarks.hostile`.

    python -m benchmarks.hostile [--database postgresql] [--files docx] [--endpoints cv] [--workers 2] [--all]

A real stack; the files are those of tests/hostile, the mails lie in its mailbox. Each file is sent to each address that
takes one, and each job is waited for. At the end all is looked at: no answer of 5xx, no job that ended by an error of
ours, was taken from a dead worker or has not ended, every failure with a code and a sentence, the workers the same
processes as before, and nothing written but what belongs to the stack. The exit status is 1 when anything is not so.
--files, --endpoints: only those that have this in their name. --all: print every file, not only the totals.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from benchmarks.stacks import DATABASES, running
from jobs.models import Job, JobEvent, JobFile
from orders.models import Mail
from tests.harness.processes import ServerStack
from tests.hostile.corpus import corpus
from tests.hostile.endpoints import ENDPOINTS, TAKES_SENT, Endpoint, form, job_in
from tests.hostile.files import Hostile
from tests.hostile.mails import mails

#: An answer that takes longer than this counts as none.
LONGEST_ANSWER_SECONDS = 90.0
#: So long after the last file every job has ended, or it counts as unfinished.
LONGEST_WORK_SECONDS = 900.0
#: Jobs that may wait while the next file is sent: a user's limit, and the disk's.
MOST_WAITING = 100
OUR_FAULTS = {"internal_error", "worker_lost", "timed_out", "extraction_unavailable"}
SHORTEST_SENTENCE = 20
TOOK = re.compile(r"A document took (\d+) MiB and ([\d.]+) s of CPU")
BUG = re.compile(r"A document could not be read: (.*)")
#: What a stack writes below its folder.
OWN = ("files", "locks", "maildir", "outbox", "staticfiles", "secret-key", "sira.sqlite3", "web.log", "sira.log", "tmp")


@dataclass
class Sent:
    """One file at one address. status: of the answer, 0 for none. code: why it was refused, "" when it was not."""

    file: Hostile
    endpoint: str
    status: int
    code: str
    seconds: float
    job: str | None = None


@dataclass
class Run:
    """What was measured, and what is not as it should be."""

    sent: list[Sent] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    crashes: int = 0
    server_errors: int = 0
    unfinished: int = 0

    def wrong(self, problem: str) -> None:
        self.problems.append(problem)


def clients(stack: ServerStack) -> dict[bool, requests.Session]:
    """Return somebody with a token (False), and the same person signed in on the pages (True)."""
    by_token, by_page = requests.Session(), requests.Session()
    by_token.headers["Authorization"] = f"Token {stack.token('ada')}"
    by_page.get(f"{stack.base_url}/login/", timeout=30).raise_for_status()
    signed_in = by_page.post(
        f"{stack.base_url}/login/",
        data={"username": "ada", "password": "ada", "csrfmiddlewaretoken": by_page.cookies["csrftoken"]},
        headers={"Referer": stack.base_url},
        timeout=30,
    )
    signed_in.raise_for_status()
    assert by_page.cookies.get("sessionid"), "nobody is signed in"
    by_page.headers["X-CSRFToken"] = by_page.cookies["csrftoken"]
    return {False: by_token, True: by_page}


def send(stack: ServerStack, client: requests.Session, endpoint: Endpoint, file: Hostile, run: Run) -> None:
    """Send a file, and for the files API submit the job that takes it."""
    body, media_type = form(endpoint, file.name, file.content)
    one = _post(stack, client, endpoint.path, endpoint.name, file, run, data=body, headers={"Content-Type": media_type})
    if endpoint.name == "files" and one.status == 201 and one.job:
        wanted = {"kind": TAKES_SENT, "input": {"file": one.job}}
        one.job = None
        _post(stack, client, "/api/v1/jobs/", "files, then a job", file, run, json=wanted)


def _post(
    stack: ServerStack, client: requests.Session, path: str, name: str, file: Hostile, run: Run, **what: Any
) -> Sent:
    began = time.perf_counter()
    try:
        answer = client.post(stack.base_url + path, timeout=LONGEST_ANSWER_SECONDS, **what)
    except requests.RequestException as error:
        run.server_errors += 1
        run.wrong(f"{file.trick} to {name}: no answer ({type(error).__name__})")
        one = Sent(file, name, 0, "", time.perf_counter() - began)
    else:
        seconds = time.perf_counter() - began
        body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        code = str(body.get("code", "")) if answer.status_code >= 400 else ""
        job = body.get("id") if name == "files" else job_in(body)
        one = Sent(file, name, answer.status_code, code, seconds, job)
        _look_at_answer(one, body, run)
    run.sent.append(one)
    return one


def _look_at_answer(one: Sent, body: dict[str, Any], run: Run) -> None:
    where = f"{one.file.trick} to {one.endpoint}: {one.status} {one.code}"
    waited = one.code == "still_processing" and one.job
    if one.status >= 500 and not waited:
        run.server_errors += 1
        run.wrong(where)
    elif one.status >= 400 and (not one.code or len(str(body.get("detail", ""))) < SHORTEST_SENTENCE):
        run.wrong(f"{where}: refused without a reason")
    if one.status == 413 and "file_too_large" in one.file.ends and one.code != "file_too_large":
        run.wrong(f"{where}: not called too large")


def put_mails(maildir: Path) -> int:
    """Write every mail into a new maildir. Returns how many."""
    for folder in ("new", "cur", "tmp"):
        (maildir / folder).mkdir(parents=True)
    count = 0
    for count, (_, raw) in enumerate(mails(), start=1):
        (maildir / "new" / f"{count:04d}.hostile").write_bytes(raw)
    return count


def wait_for_jobs(stack: ServerStack, run: Run, *, most: int, seconds: float) -> int:
    """Wait until no more than `most` jobs are unfinished. Returns how many are."""
    deadline = time.monotonic() + seconds
    while True:
        if stack.services["sira"].reap() is not None:
            raise SystemExit(f"the cluster has ended:\n{stack.log_tail('sira')}")
        with stack.database():
            left = Job.objects.unfinished().exclude(kind__startswith="jobs.").count()
        if left <= most or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def look_at_jobs(stack: ServerStack, run: Run) -> tuple[float, str]:
    """Look at every job that there is; return how long the slowest took, from claim to end, in seconds, and which."""
    slowest = (0.0, "")
    tricks = {one.job: one.file.trick for one in run.sent if one.job}
    with stack.database():
        for job in Job.objects.exclude(kind__startswith="jobs."):
            trick = tricks.get(str(job.pk)) or tricks.get(str(job.parent_id), "?")
            where = f"{trick}, {job.kind}: {job.state} {job.error_code}"
            if job.processing_at and job.finished_at and not job.children.exists():  # a batch waits for its parts
                slowest = max(slowest, ((job.finished_at - job.processing_at).total_seconds(), where))
            if not job.is_finished:
                run.unfinished += 1
                run.wrong(f"{where}: has not ended")
            elif job.state == "failed" and job.error_code in OUR_FAULTS:
                run.crashes += 1
                run.wrong(f"{where}: an error of ours")
            elif job.state == "failed" and (not job.error_code or len(job.error_message) < SHORTEST_SENTENCE):
                run.wrong(f"{where}: failed without a reason")
        rescued = JobEvent.objects.filter(type="rescued").count()
        if rescued:
            run.crashes += rescued
            run.wrong(f"{rescued} jobs were taken from a worker that died")
        _look_at_files(stack, run)
    return slowest


def _look_at_files(stack: ServerStack, run: Run) -> None:
    """Nothing lies outside the folder of the stack's files, and there only what a row names."""
    kept = stack.data_dir / "files"
    named = set(JobFile.objects.exclude(file="").values_list("file", flat=True))
    there = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
    for path in sorted(there - named):
        run.wrong(f"{path} lies in the storage and belongs to nobody")
    for path in sorted(named - there):
        run.wrong(f"{path} is gone from the storage")
    for entry in stack.data_dir.iterdir():
        if not entry.name.startswith(OWN):
            run.wrong(f"{entry.name} lies beside the storage")
    for place in (stack.data_dir.parent / "hostile", Path("/tmp/hostile"), Path("/etc/cron.d/hostile.txt")):
        if place.exists():
            run.wrong(f"{place} was written by a hostile file")


def look_at_logs(stack: ServerStack, run: Run, crashed: str) -> tuple[int, float]:
    """Return the highest memory of a child in MiB and its CPU time in seconds; look for what broke."""
    took: list[tuple[int, float]] = []
    for service in stack.services.values():
        log = service.log_path.read_text(errors="replace")
        took += [(int(peak), float(cpu)) for peak, cpu in TOOK.findall(log)]
        for bug, times in Counter(BUG.findall(log)).items():
            run.wrong(f"a reader broke {times} times: {bug}")
        if count := log.count("Traceback (most recent call last)"):
            run.wrong(f"{count} tracebacks in the log of {service.name}; the first:\n{_first_traceback(log)}")
    if crashed:
        run.crashes += 1
        run.wrong(crashed)
    return max((peak for peak, _ in took), default=0), max((cpu for _, cpu in took), default=0.0)


def _first_traceback(log: str) -> str:
    start = log.index("Traceback (most recent call last)")
    return log[start : start + 2_000]


def look_at_leftovers(folder: Path, run: Run) -> None:
    """Nothing may be left in the folder for temporary files."""
    for path in folder.rglob("*"):
        run.wrong(f"{path.relative_to(folder)} was left among the temporary files")


def table(run: Run) -> None:
    """Print what each address answered, and how long it took."""
    by_endpoint: dict[str, list[Sent]] = defaultdict(list)
    for one in run.sent:
        by_endpoint[one.endpoint].append(one)
    print(f"{'endpoint':20} {'sent':>5} {'taken':>5} {'refused':>7} {'5xx':>4} {'slowest ms':>10}  refused as")
    for name, sent in by_endpoint.items():
        refused = Counter(one.code for one in sent if 400 <= one.status < 500)
        taken = sum(200 <= one.status < 300 for one in sent)
        broken = sum(one.status >= 500 or not one.status for one in sent)
        why = ", ".join(f"{code} {count}" for code, count in refused.most_common(5))
        slowest = max(one.seconds for one in sent) * 1000
        print(f"{name:20} {len(sent):5} {taken:5} {refused.total():7} {broken:4} {slowest:10.0f}  {why}")


def go(arguments: argparse.Namespace) -> int:
    files = [file for file in corpus() if arguments.files in file.trick]
    endpoints = [endpoint for endpoint in ENDPOINTS if arguments.endpoints in endpoint.name]
    run = Run()
    with tempfile.TemporaryDirectory(prefix="sira-hostile-") as made:
        folder = Path(made)
        temporary = folder / "tmp"
        temporary.mkdir()
        count = put_mails(folder / "maildir")
        env = {"LOG_LEVEL": "INFO", "TMPDIR": str(temporary), "MAILDIR": str(folder / "maildir")}
        with running(arguments.database, workers=arguments.workers, env=env) as stack:
            workers = stack.children().workers
            by = clients(stack)
            staff = {"Authorization": f"Token {stack.token('agent', staff=True)}"}
            requests.post(f"{stack.base_url}/api/mails/fetch", headers=staff, timeout=120).raise_for_status()
            for file in files:
                for endpoint in endpoints:
                    send(stack, by[endpoint.by_page], endpoint, file, run)
                if wait_for_jobs(stack, run, most=MOST_WAITING, seconds=LONGEST_WORK_SECONDS) > MOST_WAITING:
                    run.wrong(f"the work stands still behind {file.trick}: what comes after it was not sent")
                    break
            wait_for_jobs(stack, run, most=0, seconds=LONGEST_WORK_SECONDS)
            slowest_job, which = look_at_jobs(stack, run)
            with stack.database():
                stored = Mail.objects.count()
            if stored != count:
                run.wrong(f"{stored} mails were stored of {count}")
            same = stack.children().workers == workers
            peak, cpu = look_at_logs(stack, run, "" if same else "a worker died")
            look_at_leftovers(temporary, run)
    if arguments.all:
        for one in run.sent:
            print(f"{one.file.trick:40} {one.endpoint:18} {one.status} {one.code} {one.seconds * 1000:.0f} ms")
    table(run)
    print(f"slowest job: {which}")
    for problem in run.problems:
        print(f"NOT SO: {problem}")
    slowest_answer = max((one.seconds for one in run.sent if one.endpoint != "cv, waiting"), default=0.0) * 1000
    print(
        f"files {len(files)} mails {count} endpoints {len(endpoints)} sent {len(run.sent)} crashes {run.crashes} "
        f"server_errors {run.server_errors} unfinished {run.unfinished} child_peak_mib {peak} child_cpu_s {cpu:.1f} "
        f"slowest_answer_ms {slowest_answer:.0f} slowest_job_s {slowest_job:.1f}"
    )
    return 1 if run.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--files", default="", metavar="TEXT")
    parser.add_argument("--endpoints", default="", metavar="TEXT")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--all", action="store_true")
    return go(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
