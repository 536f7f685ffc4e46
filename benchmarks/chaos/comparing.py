"""The ledgers compared: what a client was promised, what it saw, what each result's transaction wrote, what there is.

Plain values in, a sentence for each finding out: an empty list is what we hope for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ENDS = {"succeeded", "failed", "cancelled"}
#: A step is dated when its statement begins and seen when its transaction ends; on a busy machine that takes a while.
BLUR = timedelta(seconds=1)


@dataclass(frozen=True)
class Promise:
    """A job that was acknowledged. ends_as: "succeeded", or the code of the error that the client asked for.

    children: of a batch, how many end in which of these ways.
    """

    job: str
    kind: str
    ends_as: str = "succeeded"
    children: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A job as it is in the end. error: the code; "" for none."""

    id: str
    kind: str
    state: str
    error: str
    fence: int
    parent: str | None = None

    @property
    def ending(self) -> str:
        return self.error or "failed" if self.state == "failed" else self.state


@dataclass(frozen=True)
class Step:
    """An event of a job, with the job's priority. stage: of the work, as the event says it."""

    job: str
    kind: str
    priority: int
    seq: int
    type: str
    state: str
    at: datetime
    stage: str = ""


def find_lost(promises: Iterable[Promise], rows: Mapping[str, Row]) -> list[str]:
    """Return the acknowledged jobs that are not there, have not ended, or ended otherwise than they should."""
    endings: dict[str, Counter[str]] = defaultdict(Counter)
    for child in rows.values():
        if child.parent is not None:
            endings[child.parent][child.ending] += 1
    found = []
    for promise in promises:
        row = rows.get(promise.job)
        if row is None:
            found.append(f"{promise.kind} {promise.job} is not there")
        elif row.ending != promise.ends_as:
            found.append(f"{promise.kind} {promise.job} is {row.ending}, not {promise.ends_as}")
        for ending, count in (Counter(promise.children) - endings[promise.job]).items():
            found += [f"{promise.kind} {promise.job} lacks a child that ends as {ending}"] * count
    return found


def find_doubled(
    promises: Iterable[Promise], rows: Mapping[str, Row], ledger: Sequence[tuple[str, int]], successes: Iterable[str]
) -> list[str]:
    """Return jobs that nobody was promised, and results that were stored more than once.

    rows: of jobs that clients ask for, and of their children. ledger: job and fence of each row of the side table.
    successes: the job of each event `succeeded`.
    """
    promised = {promise.job: promise for promise in promises}
    found = []
    children: Counter[str] = Counter()
    for row in rows.values():
        if row.parent is not None:
            children[row.parent] += 1
        elif row.id not in promised:
            found.append(f"{row.kind} {row.id} was made though nobody was told of it")
    for parent, count in children.items():
        wanted = sum(promised[parent].children.values()) if parent in promised else 0
        found += [f"batch {parent} has a child too many"] * (count - wanted)
    for name, jobs in (("rows in the side ledger", (job for job, _ in ledger)), ("successes", successes)):
        found += [f"{job} has {count} {name}" for job, count in Counter(jobs).items() if count > 1]
    return found


def find_stale(
    rows: Mapping[str, Row], ledger: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]
) -> list[str]:
    """Return writes that were not those of a job's last claim, or of one that did not succeed.

    ledger, outputs: job and fence of each row of the side table, and of each file that belongs to a job's result.
    """
    found = []
    for what, written in (("a row", ledger), ("a file", outputs)):
        for job, fence in written:
            row = rows.get(job)
            if row is not None and (row.state != "succeeded" or row.fence != fence):
                found.append(f"{job} has {what} of fence {fence}; it is {row.state} under fence {row.fence}")
    noted = {job for job, _ in ledger}
    succeeded = [row.id for row in rows.values() if row.state == "succeeded"]
    found += [f"{job} succeeded without a row" for job in succeeded if job not in noted]
    return found


def find_intruders(steps: Iterable[Step]) -> list[str]:
    """Return progress that another attempt than the running one wrote.

    Of kinds whose attempts show the stages step0, step1 … in this order. steps: in the order of each job's numbers.
    """
    found = []
    expected: Counter[str] = Counter()
    for step in steps:
        if step.type == "started":
            expected[step.job] = 0
        elif step.type == "progress" and step.stage.startswith("step"):
            number = int(step.stage.removeprefix("step"))
            if number != expected[step.job]:
                found.append(f"{step.job} #{step.seq} shows step{number} instead of step{expected[step.job]}")
            expected[step.job] = number + 1
    return found


def find_missed(seen: Mapping[str, Sequence[int]], log: Mapping[str, Sequence[tuple[int, str]]]) -> list[str]:
    """Return the events up to a job's end that its watcher was not told of. log: number and type of each event."""
    found = []
    for job, numbers in seen.items():
        steps = log.get(job, ())
        end = next((number for number, type in steps if type in ENDS), None)
        wanted = {number for number, _ in steps if end is None or number <= end}
        found += [f"{job} #{number} was not told" for number in sorted(wanted - set(numbers))]
    return found


def find_repeated(seen: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the events that a watcher was told of again, or later than one that comes after them."""
    found = []
    for job, numbers in seen.items():
        highest = 0
        for number in numbers:
            if number <= highest:
                found.append(f"{job} #{number} was told after #{highest}")
            highest = max(highest, number)
    return found


def find_overtaken(steps: Iterable[Step], doubtful: Iterable[tuple[datetime, datetime]] = ()) -> list[str]:
    """Return claims that took a job while a more urgent one of its kind could be claimed.

    Only what is certain: the other was queued for a while before, and for a while after. steps: in the order of each
    job's numbers. doubtful: times in which somebody who was frozen or cut off may have held rows locked.
    """
    waits: dict[str, list[tuple[datetime, datetime, Step]]] = defaultdict(list)
    starts: dict[str, list[Step]] = defaultdict(list)
    queued: dict[str, Step] = {}
    for step in steps:
        before = queued.pop(step.job, None)
        if before is not None and step.state != "queued":
            waits[step.kind].append((before.at + BLUR, step.at - BLUR, before))
        elif before is not None:
            queued[step.job] = before
        if step.state == "queued":
            queued.setdefault(step.job, step)
        if step.type == "started":
            starts[step.kind].append(step)
    doubtful = list(doubtful)
    found = []
    for kind, begun in starts.items():
        for start in begun:
            if any(begin - BLUR <= start.at <= end + BLUR for begin, end in doubtful):
                continue
            for begin, end, other in waits[kind]:
                if other.priority > start.priority and begin <= start.at <= end:
                    found.append(f"{kind} {start.job} ({start.priority}) overtook {other.job} ({other.priority})")
    return found
