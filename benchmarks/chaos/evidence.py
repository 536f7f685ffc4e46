"""What there is in the end, read from the database, and what the comparison makes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from benchmarks.stacks import percentile  # isort: skip  before any model
from django.db.models import Count

from benchmarks.chaos import comparing
from benchmarks.chaos.comparing import Row, Step
from benchmarks.chaos.device import overlaps
from benchmarks.chaos.load import Load
from benchmarks.chaos.observing import APPS
from jobs.kinds import registry
from jobs.models import EventType, Job, JobEvent, JobFile, JobQuerySet
from orders.models import Draft, Mail
from parsers.models import Chunk
from tests.workload.models import LedgerEntry

#: Kinds whose jobs follow from others, or from a schedule: no client was promised them by their ids.
ORDERS = ("orders.fetch_order", "orders.draft_reply")
FOLLOWING = {*ORDERS, *(kind.name for kind in registry if kind.every is not None)}


@dataclass
class Findings:
    """A sentence for each thing that is not so. recoveries: see `_recoveries`."""

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    #: What the exit status depends on.
    COUNTED: ClassVar = ("lost", "doubled", "stale", "overlaps", "missed", "repeated", "overtaken", "refused")

    @property
    def is_clean(self) -> bool:
        return not any(getattr(self, name) for name in self.COUNTED)

    def closing_line(self, faults: int) -> str:
        counted = " ".join(f"{name} {len(getattr(self, name))}" for name in self.COUNTED[:4])
        seen = f"missed {len(self.missed)} repeated {len(self.repeated)}"
        recovery = percentile(self.recoveries, 0.99) if self.recoveries else 0
        return f"jobs {self.jobs} faults {faults} {counted} {seen} recovery_p99 {recovery:.1f}"


def jobs_of_clients() -> JobQuerySet:
    """Every job but the engine's own."""
    return Job.objects.filter(kind__regex=rf"^({'|'.join(APPS)})\.").order_by()


def unfinished() -> int:
    """Return how many of them have not ended."""
    return jobs_of_clients().unfinished().count()


def gather(load: Load, devices: Sequence[str], doubtful: Sequence[tuple[datetime, datetime]]) -> Findings:
    """Compare all there is. devices: the lock files of GPUs. doubtful: see `comparing.find_overtaken`."""
    rows = {str(job.pk): _row(job) for job in jobs_of_clients().defer("input", "result").iterator()}
    ledger = [(str(job), fence) for job, fence in LedgerEntry.objects.values_list("job_id", "fence")]
    events = list(_steps())
    log: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for step in events:
        log[step.job].append((step.seq, step.type))
    seen = {job: numbers for watcher in load.watchers for job, numbers in watcher.seen.items()}
    asked_for = {id: row for id, row in rows.items() if row.kind not in FOLLOWING}
    successes = [step.job for step in events if step.type == EventType.SUCCEEDED]
    outputs = [
        (str(job), fence)
        for job, fence in JobFile.objects.filter(role=JobFile.Role.OUTPUT, job__isnull=False)
        .order_by()
        .values_list("job_id", "fence")
    ]
    findings = Findings(
        jobs=len(rows),
        lost=comparing.find_lost(load.promises, rows),
        doubled=comparing.find_doubled(load.promises, asked_for, ledger, successes),
        stale=comparing.find_stale(rows, ledger, outputs)
        + comparing.find_intruders(step for step in events if step.kind.startswith("workload.")),
        overlaps=[line for device in devices for line in overlaps(device)],
        missed=comparing.find_missed(seen, log) + [line for watcher in load.watchers for line in watcher.refused],
        repeated=comparing.find_repeated(seen),
        overtaken=comparing.find_overtaken(events, doubtful),
        refused=load.refused,
        recoveries=_recoveries(events),
        events=sum(map(len, seen.values())),
        kinds=Counter(row.kind for row in rows.values()),
    )
    findings.doubled += [
        f"{job} has {count} pictures" for job, count in Counter(job for job, _ in outputs).items() if count > 1
    ]
    _look_at_chunks(findings)
    _look_at_mails(findings, load.mails)
    return findings


def _row(job: Job) -> Row:
    parent = str(job.parent_id) if job.parent_id else None
    return Row(str(job.pk), job.kind, job.state, job.error_code, job.fence, parent)


def _steps() -> Iterator[Step]:
    events = JobEvent.objects.filter(job__in=jobs_of_clients()).order_by("job", "seq")
    fields = ("job_id", "job__kind", "job__priority", "seq", "type", "state", "created_at", "stage")
    for job, *rest in events.values_list(*fields).iterator():
        yield Step(str(job), *rest)


def _recoveries(steps: Sequence[Step]) -> list[float]:
    """Return the seconds from the start of each attempt that was lost to the end of its job.

    Not of jobs that waited for something else meanwhile (a provider, a database): how long that takes says nothing of
    us.
    """
    found = []
    started: dict[str, datetime] = {}
    lost: dict[str, list[datetime]] = defaultdict(list)
    for step in steps:
        if step.type == EventType.STARTED:
            started[step.job] = step.at
        elif step.type == EventType.RESCUED and step.job in started:
            lost[step.job].append(started[step.job])
        elif step.type in (EventType.RETRY_SCHEDULED, EventType.SNOOZED):
            lost.pop(step.job, None)
        elif step.type == EventType.SUCCEEDED:
            found += [(step.at - at).total_seconds() for at in lost.pop(step.job, ())]
    return found


def _look_at_chunks(findings: Findings) -> None:
    """Compare the chunks of each document with the number that its job's result tells."""
    stored = dict(Chunk.objects.values_list("document__sha256").annotate(n=Count("pk")).order_by())
    results = Job.objects.filter(kind="parsers.ingest_document", state="succeeded").values_list("pk", "result")
    for job, result in results:
        there = stored.get(result["document"], 0)
        if there != result["chunks"]:
            name = findings.lost if there < result["chunks"] else findings.doubled
            name.append(f"{job} made {result['chunks']} chunks, and {there} are there")


def _look_at_mails(findings: Findings, count: int) -> None:
    """Each mail of the mailbox is stored once, looked up, and has one open draft."""
    mails = Counter(Mail.objects.values_list("message_id", flat=True))
    drafts = Counter(Draft.objects.filter(state=Draft.State.OPEN).values_list("mail_id", flat=True))
    findings.lost += [f"{count - len(mails)} mails are not there"] * (len(mails) < count)
    findings.doubled += [f"mail {name} is there {times} times" for name, times in mails.items() if times > 1]
    findings.doubled += [f"mail {mail} has {times} drafts" for mail, times in drafts.items() if times > 1]
    for mail, outcome in Mail.objects.values_list("pk", "outcome"):
        if outcome != Mail.Outcome.FOUND or mail not in drafts:
            findings.lost.append(f"mail {mail} is {outcome}, with {drafts[mail]} drafts")
    waiting = Job.objects.filter(kind__in=ORDERS).exclude(state="succeeded")
    findings.lost += [f"{kind} {job} is {state}" for job, kind, state in waiting.values_list("pk", "kind", "state")]
