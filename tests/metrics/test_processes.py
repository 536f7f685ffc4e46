"""Real workers, one of them killed at work: metrics, logs and traces tell one story, and it is that of the tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.attempts import ENDINGS
from jobs.logs import ATTEMPT_FIELDS
from jobs.models import EventType, Job, JobEvent
from jobs.states import FINISHED
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.metrics.conftest import TOKEN, Samples, read
from tests.standins.openai_server import API_KEY, OpenAIServer, server_error
from tests.standins.otlp_receiver import OTLPReceiver, Span
from tests.standins.webhook_receiver import WebhookReceiver

KIND = "workload.act_out"
CALLERS_TRACE, CALLERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
#: Until a lost worker's job is taken back.
LEASE = {"LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.5"}


def scrape(stack: ServerStack) -> Samples:
    request = urllib.request.Request(f"{stack.base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return read(response.read().decode())[0]


def post_text(stack: ServerStack) -> str:
    """Send a CV's text as a caller within a trace. Returns the job's id."""
    body = json.dumps({"text": "Ten years of Python in Ankara.", "user_id": "u", "session_id": "s"}).encode()
    headers = {
        "Authorization": f"Token {stack.token()}",
        "Content-Type": "application/json",
        "traceparent": f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01",
        "X-Request-ID": "the-callers-own",
    }
    url = f"{stack.base_url}/api/v1/parser/parse-text-async"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as response:
        assert response.headers["X-Request-ID"] == "the-callers-own"
        return json.load(response)["job_id"]


def post_job_with_webhook(stack: ServerStack, url: str) -> str:
    """Send a job that waits, with somebody to be told of its end, in the caller's trace. Returns its id."""
    body = {
        "kind": KIND,
        "input": {},
        "run_after": (timezone.now() + timedelta(hours=1)).isoformat(),
        "webhook_url": url,
    }
    headers = {
        "Authorization": f"Token {stack.token()}",
        "Content-Type": "application/json",
        "traceparent": f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01",
    }
    request = urllib.request.Request(f"{stack.base_url}/api/v1/jobs/", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)["id"]


def check_stream(stack: ServerStack, job_id: str) -> None:
    """A stream is counted while it is open, and what it tells is not old."""
    headers = {"Authorization": f"Token {stack.token()}", "Accept": "text/event-stream"}
    request = urllib.request.Request(f"{stack.base_url}/api/v1/jobs/{job_id}/events/", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.readline().startswith(b"retry")
        assert scrape(stack)("sira_live_connections", transport="stream") == 1
        with stack.database():
            Job.objects.filter(pk=job_id).update(run_after=Now())
        while b"succeeded" not in response.readline():
            pass
    wait_until(lambda: scrape(stack)("sira_live_connections", transport="stream") == 0, timeout=20)
    samples = scrape(stack)
    assert samples("sira_event_delivery_seconds_bucket", le="5.0") >= 1
    assert samples("sira_live_connections", transport="websocket") == 0


def is_counter(name: str) -> bool:
    return name.startswith("sira_job") and name.endswith(("_total", "_bucket", "_count", "_sum"))


def log_records(stack: ServerStack, service: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.services[service].log().splitlines() if line.startswith("{")]


def test_metrics_logs_and_traces_of_workers_one_of_which_is_killed(server_stack, postgresql_url):
    with OTLPReceiver() as collector, OpenAIServer() as model, WebhookReceiver() as receiver:
        model.will(server_error())
        stack = server_stack(
            workers=2,
            database_url=postgresql_url,
            env={
                **LEASE,
                "METRICS_TOKEN": TOKEN,
                "LOG_FORMAT": "json",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "200",
                "CV_PROVIDER": "openai",
                "OPENAI_BASE_URL": model.base_url,
                "OPENAI_API_KEY": API_KEY,
                "EXTRA_APPS": "tests.workload",
                "WEBHOOK_ALLOW_PRIVATE": "true",
            },
        )
        traced = post_text(stack)

        def spans(name: str) -> list[Any]:
            return [span for span in collector.spans(CALLERS_TRACE) if span.name.startswith(name)]

        check_stream(stack, post_job_with_webhook(stack, receiver.url))
        # A worker that is killed takes with it what it has not exported yet, and one of the jobs below kills its own.
        wait_until(
            lambda: (
                spans("call webhook")
                and [span for span in spans("run") if span.attributes.get("sira.outcome") == "retry_scheduled"]
            ),
            timeout=30,
        )
        with stack.database():
            for act, until in [("ok", 0)] * 12 + [("invalid", 0), ("unavailable", 2), ("kill", 2), ("bug", 0)]:
                lifecycle.submit(KIND, {"act": act, "seconds": 0, "until_attempt": until, "value": 1})
            later = Job.objects.filter(pk=traced, state="pending")
            wait_until(later.exists, timeout=30)  # its model was away; nobody waits for two minutes here
            later.update(run_after=Now())
        seen: list[Samples] = []

        def all_counted() -> bool:
            seen.append(scrape(stack))
            with stack.database():
                open = Job.objects.unfinished().exists()
            return not open and seen[-1]("sira_events_uncounted") == 0

        wait_until(all_counted, timeout=60)
        with stack.database():
            check_counters(seen)
        wait_until(lambda: len(spans("run")) > 1, timeout=20)
        check_trace(collector.spans(CALLERS_TRACE), traced, stack)
        check_logs(stack, traced)
        (message,) = receiver.messages
        told_in = [span.id for span in spans("call webhook")]
        assert message.headers["traceparent"] in [f"00-{CALLERS_TRACE}-{span}-01" for span in told_in]
        assert stack.stop("sira") == []


def check_counters(seen: list[Samples]) -> None:
    """The counters never went back, and are now what the tables say."""
    for before, after in pairwise(seen):
        assert {key for key, value in before.items() if is_counter(key[0]) and after[key] < value} == set()
    last = seen[-1]
    events = JobEvent.objects.values_list("job__kind", "type")
    ended = Counter(row for row in events if row[1] in FINISHED)
    told = {
        (labels["kind"], labels["outcome"]): value
        for (name, pairs), value in last.items()
        if name == "sira_jobs_ended_total" and (labels := dict(pairs))
    }
    assert told == ended
    assert told[KIND, "succeeded"] == Job.objects.filter(kind=KIND, state="succeeded").count() == 15
    ran = Counter(row for row in events if row[1] in ENDINGS)
    assert {pair: last("sira_job_run_seconds_count", kind=pair[0], outcome=pair[1]) for pair in ran} == ran
    started = JobEvent.objects.filter(type=EventType.STARTED, job__kind=KIND).count()
    assert last("sira_job_wait_seconds_count", kind=KIND) == started
    assert last("sira_job_rescues_total", kind=KIND) == JobEvent.objects.filter(type=EventType.RESCUED).count() == 1


def check_trace(spans: list[Span], job_id: str, stack: ServerStack) -> None:
    """One trace: the caller's, on through the web process, the queue, two attempts in workers, and the provider."""
    by_name = {span.name: span for span in spans}
    web = by_name["POST api/v1/parser/parse-text-async"]
    submit = by_name["submit parsers.parse_cv"]
    assert (web.parent, web.role, web.service) == (CALLERS_SPAN, "SERVER", "sira-web")
    assert (submit.parent, submit.role, submit.process) == (web.id, "PRODUCER", web.process)
    waits = [span for span in spans if span.name == "wait parsers.parse_cv"]
    runs = [span for span in spans if span.name == "run parsers.parse_cv"]
    assert {span.parent for span in [*waits, *runs]} == {submit.id}
    assert [run.attributes["sira.outcome"] for run in runs] == ["retry_scheduled", "succeeded"]
    assert [run.attributes["sira.attempt"] for run in runs] == [1, 2]
    assert {run.attributes["sira.job_id"] for run in runs} == {job_id}
    assert {(run.role, run.service) for run in runs} == {("CONSUMER", "sira-worker")}
    assert web.process not in {run.process for run in runs}
    assert all(wait.end <= run.begin + 0.1 for wait, run in zip(waits, runs, strict=True))
    calls = [span for span in spans if span.name == "call openai"]
    assert [(call.parent, call.role, call.error) for call in calls] == [
        (runs[0].id, "CLIENT", "provider_unavailable"),
        (runs[1].id, "CLIENT", ""),
    ]
    assert "Ankara" not in str(spans)
    assert stack.pid("web") == web.process


def check_logs(stack: ServerStack, traced: str) -> None:
    """Each attempt that was not killed left one record, with all of its fields; so did the request."""
    records = log_records(stack, "sira")
    ends = [record for record in records if record["logger"] == "sira.attempts"]
    assert all(set(ATTEMPT_FIELDS) <= set(record) for record in ends)
    with stack.database():
        killed = JobEvent.objects.filter(type=EventType.RESCUED).count()
        assert len(ends) == JobEvent.objects.filter(type=EventType.STARTED).count() - killed
    assert [(r["outcome"], r["trace_id"]) for r in ends if r["job_id"] == traced] == [
        ("retry_scheduled", CALLERS_TRACE),
        ("succeeded", CALLERS_TRACE),
    ]
    (access,) = (r for r in log_records(stack, "web") if r.get("request_id") == "the-callers-own" and "status" in r)
    assert (access["status"], access["method"], access["trace_id"]) == (202, "POST", CALLERS_TRACE)
    for service in ("web", "sira"):
        assert "Ankara" not in stack.services[service].log()


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_without_the_extra_nothing_of_it_is_imported_and_all_goes_on(tmp_path, endpoint):
    code = f"""
import sys
{"sys.modules['opentelemetry'] = None  # as if it were not installed" if endpoint else ""}
import django; django.setup()
from django.conf import settings
from django.core.checks import run_checks
from jobs import tracing
with tracing.span("a"):
    assert tracing.carry() == ""
tracing.flush()
loaded = [name for name, module in sys.modules.items() if module and name.startswith("opentelemetry")]
print(settings.SIRA_TRACING, loaded, [check.id for check in run_checks()])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATA_DIR": str(tmp_path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    warned = ["jobs.W003"] if endpoint else []
    assert done.stdout.strip() == f"False [] {warned}"
