"""One batch of many real documents over HTTP: `python -m benchmarks.batch --documents 1000`.

    python -m benchmarks.batch [--product classify|ingest] [--database sqlite] [--documents 200] [--broken 10] [--kill]

PDF, DOCX, TXT and PNG in one request; the status is asked for twice a second as a client would. --kill: SIGKILL to the
whole cluster when half of the documents are done, and a new one after that. At the end each document is looked at:
every good one completed, every broken one failed with a reason, no result and no chunk doubled, counts right, progress
never went back. The exit status is 1 when anything of this is not so.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from benchmarks.stacks import DATABASES, percentile, running
from jobs.models import Job, JobEvent
from tests.harness.processes import ServerStack
from tests.mixed import Document, documents

SESSION = "bench"
ASK_EVERY_SECONDS = 0.5
LONGEST_SECONDS = 1800.0
#: The status is asked for so often again when the work is done and the processors are free.
IDLE_POLLS = 20
#: Where each product takes a batch, and where its status is.
UPLOAD = {"classify": "/batch/upload", "ingest": "/api/documents/process-and-store-batch"}
STATUS = {"classify": "/status/{}", "ingest": "/api/documents/process-and-store-batch/status/{}"}
ENDED = {"completed", "completed_with_errors", "failed", "cancelled"}


@dataclass
class Run:
    """What was measured. Times in seconds, memory in MiB."""

    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)


class Memory:
    """The highest resident memory of each service's processes while the block runs, from /proc (Linux)."""

    def __init__(self, stack: ServerStack) -> None:
        self.stack, self.peak = stack, Counter[str]()
        self._stop = threading.Event()

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for name, service in self.stack.services.items():
                for process in service.members():
                    self.peak[name] = max(self.peak[name], _resident_mib(process.pid))


def _resident_mib(pid: int) -> int:
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:")), 0)


def send_and_watch(stack: ServerStack, product: str, batch: list[Document], *, kill: bool) -> Run:
    """Send the batch, follow it to its end and look at every document."""
    run = Run()
    client = requests.Session()
    client.headers["Authorization"] = f"Token {stack.token('bench')}"
    data = {"session_id": SESSION} if product == "ingest" else {}
    with Memory(stack) as memory:
        began = time.perf_counter()
        answer = client.post(
            stack.base_url + UPLOAD[product],
            data=data,
            files=[("files", (document.name, document.content)) for document in batch],
            timeout=300,
        )
        submitted = time.perf_counter() - began
        answer.raise_for_status()
        job_id = answer.json()["job_id"]
        status, polls = _follow(stack, client, STATUS[product].format(job_id), run, kill=kill)
        seconds = time.perf_counter() - began
    idle = []
    for _ in range(IDLE_POLLS):
        began = time.perf_counter()
        client.get(stack.base_url + STATUS[product].format(job_id), timeout=60).raise_for_status()
        idle.append(time.perf_counter() - began)
    run.figures |= {
        "submit_s": round(submitted, 2),
        "total_s": round(seconds, 1),
        "documents_per_s": round(len(batch) / (seconds - submitted), 1),
        "status_p50_ms": round(percentile(polls, 0.5) * 1000, 1),
        "status_p99_ms": round(percentile(polls, 0.99) * 1000, 1),
        "idle_status_p50_ms": round(percentile(idle, 0.5) * 1000, 1),
        "peak_mib": dict(memory.peak),
        "final": status["status"],
    }
    with stack.database():
        _look_at_each(run, job_id, batch, status)
        if product == "ingest":
            _look_at_chunks(run, batch)
    return run


def _follow(
    stack: ServerStack, client: requests.Session, path: str, run: Run, *, kill: bool
) -> tuple[dict[str, Any], list[float]]:
    polls: list[float] = []
    progress = 0.0
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        began = time.perf_counter()
        status = client.get(stack.base_url + path, timeout=60).json()
        polls.append(time.perf_counter() - began)
        run.check(status["progress"] >= progress, f"progress went back from {progress} to {status['progress']}")
        progress = status["progress"]
        if status["status"] in ENDED:
            return status, polls
        if kill and progress >= 50:
            kill = False
            stack.kill_whole("sira")
            run.figures["killed_at"] = progress
            stack.start("sira")
        time.sleep(ASK_EVERY_SECONDS)
    raise TimeoutError(f"the batch has not ended within {LONGEST_SECONDS:g} s")


def _look_at_each(run: Run, job_id: str, batch: list[Document], status: dict[str, Any]) -> None:
    broken = {document.name for document in batch if document.is_broken}
    done = {entry["filename"]: entry for entry in status["documents"]}
    run.check(len(done) == len(batch), f"{len(done)} documents of {len(batch)} are in the status")
    for name, entry in done.items():
        wanted = "failed" if name in broken else "completed"
        run.check(entry["status"] == wanted, f"{name}: {entry['status']}, not {wanted} ({entry['error']})")
        run.check(wanted == "completed" or bool(entry["error"]), f"{name}: failed without a reason")
    good = len(batch) - len(broken)
    completed = status["completed"] if "completed" in status else status["processed"] - status["failed"]
    run.check((completed, status["failed"]) == (good, len(broken)), f"counts: {completed} and {status['failed']}")
    children = Job.objects.filter(parent_id=job_id)
    succeeded = Counter(
        JobEvent.objects.filter(job__in=children, type="succeeded").order_by().values_list("job_id", flat=True)
    )
    run.check(len(succeeded) == good, f"{len(succeeded)} results of {good}")
    run.check(max(succeeded.values(), default=1) == 1, "a result was stored twice")
    went_back = 0
    for child in children.values_list("pk", flat=True):
        steps = list(JobEvent.objects.filter(job_id=child).order_by("seq").values_list("progress", flat=True))
        went_back += steps != sorted(steps)
    run.check(went_back == 0, f"the progress of {went_back} documents went back")
    run.figures["attempts"] = dict(Counter(children.values_list("attempt", flat=True)))


def _look_at_chunks(run: Run, batch: list[Document]) -> None:
    from parsers.models import Chunk
    from parsers.models import Document as Stored

    good = sum(not document.is_broken for document in batch)
    run.check(Stored.objects.count() == good, f"{Stored.objects.count()} documents stored, not {good}")
    places = list(Chunk.objects.values_list("document_id", "position"))
    run.check(len(places) == len(set(places)), "a chunk is there twice")
    run.check(len({document for document, _ in places}) == good, "a document has no chunks")
    run.figures["chunks"] = len(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--product", choices=list(UPLOAD), action="append")
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--broken", type=int, default=10)
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    batch = list(documents(options.documents, broken=options.broken))
    failed = False
    for database in options.database or DATABASES:
        for product in options.product or UPLOAD:
            # Leases of 5 s, so that what a killed cluster held is taken up again soon.
            env = {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "5"} if options.kill else {}
            with running(database, workers=2, env=env) as stack:
                run = send_and_watch(stack, product, batch, kill=options.kill)
            print(f"{database} {product} {json.dumps(run.figures)}", flush=True)
            for problem in run.problems[:20]:
                print(f"  WRONG: {problem}")
            failed |= bool(run.problems)
    sys.exit(failed)


if __name__ == "__main__":
    main()
