"""Clients that watch while the web server and then the workers are killed: nothing is missed, nothing comes twice."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from sira_client import AsyncSira, Event, Sira

from jobs.models import Job, JobEvent
from tests.clients.conftest import JAVASCRIPT
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until

ENV = {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "3", "WORKER_QUEUES": "default"}
STEPS = {"act": "many_steps", "seconds": 3.0, "value": 60}


class Watchers:
    """Threads that each collect the events of the jobs in a way of their own."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
        self.results: dict[str, dict[str, Any]] = defaultdict(dict)
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as error:
                self.errors.append(error)

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def iterate(self, sira: Sira, job: str) -> None:
        for event in sira.events(job):
            self.seen["sync"][job].append(event)
        self.results["sync"][job] = sira.result(job)

    def wait(self, sira: Sira, job: Any) -> None:
        ended = sira.wait(job, on_progress=self.seen["wait"][job.id].append)
        assert ended.succeeded
        self.results["wait"][job.id] = sira.result(ended)

    def await_all(self, stack: ServerStack, token: str, jobs: list[str]) -> None:
        async def one(sira: AsyncSira, job: str) -> None:
            async for event in sira.events(job):
                self.seen["async"][job].append(event)
            self.results["async"][job] = await sira.result(job)

        async def main() -> None:
            async with AsyncSira(stack.base_url, token) as sira:
                await asyncio.gather(*(one(sira, job) for job in jobs))

        asyncio.run(main())

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive(), "a client does not come to an end"
        assert self.errors == []


IN_A_PAGE = """({token, jobs}) => {
  window.seen = {}; window.results = {}; window.done = 0; window.failed = "";
  import("/clients/sira.js").then(({ Sira }) => {
    const sira = new Sira({ url: location.origin, token });
    for (const job of jobs) {
      window.seen[job] = [];
      (async () => {
        for await (const event of sira.events(job)) window.seen[job].push(event);
        window.results[job] = await sira.result(job);
        window.done += 1;
      })().catch((error) => (window.failed = String(error)));
    }
  });
}"""


def watch_in_a_page(page: Any, stack: ServerStack, token: str, jobs: list[str]) -> None:
    source = (JAVASCRIPT / "sira.js").read_text()
    page.route("**/clients/sira.js", lambda route: route.fulfill(body=source, content_type="text/javascript"))
    page.goto(f"{stack.base_url}/healthz")
    page.evaluate(IN_A_PAGE, {"token": token, "jobs": jobs})


def make_due(jobs: list[str]) -> None:
    Job.objects.filter(pk__in=jobs).update(run_after=Now())


def test_clients_go_through_a_restart_of_daphne_and_of_the_cluster_without_missing_an_event(
    server_stack: Any, any_database_url: str, browser_page: Any, record_property: Any
) -> None:
    stack: ServerStack = server_stack(workers=2, database_url=any_database_url, env=ENV)
    token = stack.token()
    watchers = Watchers()
    with Sira(stack.base_url, token) as sira, stack.database():
        later = datetime.now(UTC) + timedelta(hours=1)
        jobs = [sira.submit("workload.act_out", STEPS, run_after=later) for _ in range(4)]
        ids = [job.id for job in jobs]
        for job in jobs:
            watchers.start(watchers.iterate, sira, job.id)
            watchers.start(watchers.wait, sira, job)
        watchers.start(watchers.await_all, stack, token, ids)
        watch_in_a_page(browser_page, stack, token, ids)

        def had(job: str) -> int:
            """How many events of the job each of them has had, at least."""
            in_page = browser_page.evaluate("id => window.seen[id]?.length ?? 0", job)
            return min(in_page, *(len(watchers.seen[name][job]) for name in ("sync", "async")))

        wait_until(lambda: all(had(job) for job in ids), timeout=30, message="everybody watches")
        make_due(ids[:2])
        wait_until(lambda: had(ids[0]) > 10, timeout=30)

        stack.kill("web")
        written = JobEvent.objects.count()
        wait_until(lambda: JobEvent.objects.count() > written + 20, message="the workers go on meanwhile")
        assert had(ids[0]) < Job.objects.get(pk=ids[0]).event_seq
        stack.start("web")

        make_due(ids[2:])
        at_work = JobEvent.objects.filter(job__in=ids[2:], stage="step20")
        wait_until(lambda: at_work.count() == 2, timeout=60, message="both are at work")
        stack.kill_whole("sira")
        stack.start("sira")
        watchers.finish()
        # Not wait_for_function: it evaluates a text inside the page, which the page's policy forbids.
        wait_until(lambda: browser_page.evaluate("window.done === 4 || window.failed"), timeout=60)
    assert browser_page.evaluate("window.failed") == ""
    seen: dict[str, Any] = {
        name: {job: [event.raw for event in events] for job, events in by_job.items()}
        for name, by_job in watchers.seen.items()
    }
    seen["page"] = browser_page.evaluate("window.seen")
    results = watchers.results | {"page": browser_page.evaluate("window.results")}
    compared = 0
    with stack.database():
        assert JobEvent.objects.filter(job__in=ids[2:], type="rescued").count() == 2
        for row in Job.objects.all():
            log = [(event.seq, event.type, event.progress, event.stage) for event in row.events.order_by("seq")]
            assert [step[0] for step in log] == list(range(1, row.event_seq + 1))
            for name in ("sync", "wait", "async", "page"):
                got = [(one["seq"], one["type"], one["progress"], one["stage"]) for one in seen[name][str(row.pk)]]
                # Who waits for a job that he has submitted is told what came after that.
                assert got == [step for step in log if step[0] > (1 if name == "wait" else 0)], name
                assert results[name][str(row.pk)] == row.result == {"value": 60, "attempt": row.attempt}, name
                compared += len(got)
    record_property("events_compared", compared)
    assert compared > 4 * 4 * 60
