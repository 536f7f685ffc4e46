"""How everything stands, for Prometheus: a dozen queries at the moment when it asks.

The same whichever web process is asked, and true whatever was killed: nothing here is remembered but for a moment.
Labels name kinds, queues and what jobs share, never a job or a person.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from jobs import queues
from jobs.clock import database_now
from jobs.kinds import registry
from jobs.metrics import tallies
from jobs.models import (
    EventType,
    Job,
    QueueControl,
    RateLimit,
    Tally,
    WebhookDelivery,
    WebhookEndpoint,
)
from jobs.positions import capacity, live_workers
from jobs.providers import rates
from jobs.states import UNFINISHED, State

logger = logging.getLogger(__name__)

#: Who asks within this gets the same answer: several who scrape, or one in a hurry, cost no more than one.
KEPT_SECONDS = 1.0
#: Reading may take this part of the time at most: with very many jobs an answer is kept for longer.
SHARE = 0.05

AWAY = (DatabaseError, InterfaceError)


class DatabaseCollector(Collector):
    """Reads everything anew when what it has kept is too old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._until = 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield what the database says; when it does not answer, only that."""
        with self._lock:
            began = time.monotonic()
            if began >= self._until:
                self._kept = self._read()
                now = time.monotonic()
                self._until = now + max(KEPT_SECONDS, (now - began) / SHARE)
            return iter(self._kept)

    def forget(self) -> None:
        """Read anew at the next call."""
        self._until = 0.0

    def describe(self) -> list[Metric]:
        return []  # or the registry would read the database to learn our names

    def _read(self) -> list[Metric]:
        up = GaugeMetricFamily("sira_database_up", "Whether the database answered.")
        try:
            now = database_now()
            families = [*_of_queues(now), *_of_running(now), *_of_limits(now), *_of_webhooks(), *_of_the_past()]
        except AWAY as error:
            logger.warning("metrics: the database does not answer (%s)", type(error).__name__)
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *families]


def _of_queues(now: datetime) -> Iterator[Metric]:
    counts, workers = queues.depths(), live_workers()
    jobs = GaugeMetricFamily("sira_jobs", "Jobs that have not ended.", labels=["kind", "state"])
    by_kind: Counter[tuple[str, str]] = Counter()
    for count in counts:
        by_kind[count.kind, count.state] += count.jobs
    for kind in sorted({*(kind.name for kind in registry), *(count.kind for count in counts)}):
        for state in UNFINISHED:
            jobs.add_metric([kind, state], by_kind[kind, state])
    yield jobs

    depth = GaugeMetricFamily("sira_queue_depth", "Jobs in a queue.", labels=["queue", "state"])
    oldest = GaugeMetricFamily(
        "sira_queue_oldest_due_seconds", "How long the first due job has been due; 0 without one.", labels=["queue"]
    )
    mode = GaugeMetricFamily("sira_queue_mode", "1 for the mode that a queue is in.", labels=["queue", "mode"])
    serving = GaugeMetricFamily("sira_queue_workers", "Workers alive that serve a queue.", labels=["queue"])
    for queue in queues.describe(workers=workers, counts=counts):
        for state, number in (
            (State.PENDING, queue.later), (State.QUEUED, queue.waiting), (State.PROCESSING, queue.running),
        ):  # fmt: skip
            depth.add_metric([queue.name, state], number)
        oldest.add_metric([queue.name], max(0.0, (now - queue.oldest).total_seconds()) if queue.oldest else 0.0)
        for possible in QueueControl.Mode.values:
            mode.add_metric([queue.name, possible], queue.mode == possible)
        serving.add_metric([queue.name], queue.workers)
    yield from (depth, oldest, mode, serving)
    yield GaugeMetricFamily("sira_workers", "Workers alive.", value=len(workers))

    waiting = GaugeMetricFamily("sira_resource_waiting", "Due jobs that need a resource.", labels=["resource"])
    for resource in _resources():
        needing = [kind.name for kind in registry if kind.resource == resource]
        waiting.add_metric([resource], sum(by_kind[kind, State.QUEUED] for kind in needing))
    yield waiting


def _of_running(now: datetime) -> Iterator[Metric]:
    """Leases and resources: what those hold that run. One query, over as many rows as there are workers."""
    rows = list(
        Job.objects.running()
        .order_by()
        .values("resource")
        .annotate(
            jobs=Count("*"),
            holders=Count("slot"),
            expired=Count("pk", filter=Q(lease_expires_at__lt=Now())),
            soonest=Min("lease_expires_at"),
        )
    )
    yield GaugeMetricFamily("sira_leases", "Attempts that run.", value=sum(row["jobs"] for row in rows))
    yield GaugeMetricFamily(
        "sira_leases_expired", "Attempts whose lease ran out; a tick rescues them.",
        value=sum(row["expired"] for row in rows),
    )  # fmt: skip
    soonest = GaugeMetricFamily(
        "sira_lease_soonest_expiry_seconds", "Until the first lease runs out, if nobody renews it; absent without one."
    )
    if rows:
        soonest.add_metric([], (min(row["soonest"] for row in rows) - now).total_seconds())
    yield soonest

    held = {row["resource"]: row["holders"] for row in rows}
    room = GaugeMetricFamily("sira_resource_capacity", "How many may hold a resource at once.", labels=["resource"])
    holders = GaugeMetricFamily("sira_resource_held", "How many hold a resource.", labels=["resource"])
    for resource in _resources():
        room.add_metric([resource], capacity(resource))
        holders.add_metric([resource], held.get(resource, 0))
    yield from (room, holders)


def _resources() -> list[str]:
    return sorted({kind.resource for kind in registry if kind.resource})


def _of_limits(now: datetime) -> Iterator[Metric]:
    wait = GaugeMetricFamily(
        "sira_limit_wait_seconds", "Until the next request may go out; 0 for now.", labels=["limit"]
    )
    is_open = GaugeMetricFamily(
        "sira_breaker_open", "1 while a provider is given a rest, and while it is tried.", labels=["limit"]
    )
    failures = GaugeMetricFamily("sira_breaker_failures", "Failures of a provider in a row.", labels=["limit"])
    for limit in RateLimit.objects.order_by("key"):
        wait.add_metric([limit.key], max(0.0, (limit.ready_at - now).total_seconds()))
        is_open.add_metric([limit.key], limit.reason in (rates.OPEN, rates.PROBED))
        failures.add_metric([limit.key], limit.failures)
    yield from (wait, is_open, failures)


def _of_webhooks() -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "sira_webhook_deliveries", "Deliveries that wait, or were given up and not yet forgotten.", labels=["state"]
    )
    kept = dict(
        WebhookDelivery.objects.filter(state__in=["waiting", "failed"])
        .order_by()
        .values_list("state")
        .annotate(number=Count("*"))
    )
    for state in ("waiting", "failed"):
        deliveries.add_metric([state], kept.get(state, 0))
    disabled = GaugeMetricFamily(
        "sira_webhook_endpoints_disabled", "Endpoints that are told nothing, by why.", labels=["because"]
    )
    off = dict(
        WebhookEndpoint.objects.filter(disabled_at__isnull=False)
        .order_by()
        .values_list("disabled_because")
        .annotate(number=Count("*"))
    )
    for because in WebhookEndpoint.Because.values:
        disabled.add_metric([because], off.get(because, 0))
    yield from (deliveries, disabled)


def _of_the_past() -> Iterator[Metric]:
    """What was counted: it never goes back, whichever jobs are deleted."""
    counted: dict[tuple[str, str, str], dict[str, Tally]] = defaultdict(dict)
    for tally in Tally.objects.order_by("measure", "kind", "outcome"):
        counted[tally.measure, tally.kind, tally.outcome][tally.le] = tally
    wait = HistogramMetricFamily(
        "sira_job_wait_seconds", "How long jobs had been due when an attempt began.", labels=["kind"]
    )
    run = HistogramMetricFamily(
        "sira_job_run_seconds", "How long attempts took, by the event that ended them.", labels=["kind", "outcome"]
    )
    ended = CounterMetricFamily("sira_jobs_ended", "Jobs that ended.", labels=["kind", "outcome"])
    retries = CounterMetricFamily("sira_job_retries", "Attempts to be made again after an error.", labels=["kind"])
    rescues = CounterMetricFamily("sira_job_rescues", "Jobs taken back from lost workers.", labels=["kind"])
    for (measure, kind, outcome), by_bucket in counted.items():
        if measure == Tally.Measure.ENDED:
            ended.add_metric([kind, outcome], sum(tally.count for tally in by_bucket.values()))
            continue
        buckets, seconds = _cumulated(by_bucket.values())
        if measure == Tally.Measure.WAIT:
            wait.add_metric([kind], buckets, seconds)
            continue
        run.add_metric([kind, outcome], buckets, seconds)
        for type, family in ((EventType.RETRY_SCHEDULED, retries), (EventType.RESCUED, rescues)):
            if outcome == type:
                family.add_metric([kind], buckets[-1][1])
    yield from (wait, run, ended, retries, rescues)
    yield GaugeMetricFamily(
        "sira_events_uncounted", "How far the counters are behind the event log, in events.", value=tallies.behind()
    )


def _cumulated(of_one: Iterable[Tally]) -> tuple[list[tuple[str, float]], float]:
    """Return the buckets of one histogram, each with all that are smaller, and the sum in seconds."""
    of_one = list(of_one)
    bounds = [*tallies.BUCKETS, math.inf]
    counts = dict.fromkeys(bounds, 0)
    for tally in of_one:
        # The bound may be of a release with other buckets.
        counts[next(bound for bound in bounds if float(tally.le) <= bound)] += tally.count
    # Rows come in any order: added one by one, the same ones may give a last bit less than before, and a counter that
    # falls is taken for one that began anew.
    seconds = math.fsum(tally.seconds for tally in of_one)
    return list(zip(map(floatToGoString, bounds), accumulate(counts.values()), strict=True)), seconds
