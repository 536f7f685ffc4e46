"""The API over loopback, one request after the other: submit, status, a page of the list."""

from __future__ import annotations

import time
from collections.abc import Callable

import requests
from django.contrib.auth import get_user_model

from benchmarks import pages, positions
from benchmarks.sections.engine import KIND
from benchmarks.sections.scale import Scale
from benchmarks.stacks import percentile
from jobs.models import Job
from tests.harness.processes import ServerStack

OWNER = "owner-07"  # one of those whose jobs `pages.fill` writes


def submit(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure POST of one job, while nobody works."""
    client, url = _client(stack), f"{stack.base_url}/api/v1/jobs/"

    def post() -> requests.Response:
        return client.post(url, json={"kind": KIND, "input": {}}, timeout=60)

    return _timed("submit_http", post, scale.submits, status=202)


def status(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure what a poll for the status of a waiting job costs."""
    client = _client(stack)
    answer = client.post(f"{stack.base_url}/api/v1/jobs/", json={"kind": KIND, "input": {}}, timeout=60)
    url = f"{stack.base_url}/api/v1/jobs/{answer.json()['id']}/"
    return _timed("status_poll", lambda: client.get(url, timeout=60), scale.requests, status=200)


def list_page(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure a page of 25 of one's own jobs, and of everybody's, with `scale.listed` jobs of 20 owners there."""
    Job.objects.all().delete()
    pages.fill(scale.listed)
    positions.vacuum()
    url = f"{stack.base_url}/api/v1/jobs/?limit=25"
    own, everybodys = _client(stack), _client(stack, "olga", staff=True)
    figures = _timed("list_own", lambda: own.get(url, timeout=60), scale.requests, status=200)
    return figures | _timed("list_all", lambda: everybodys.get(url, timeout=60), scale.requests, status=200)


def _client(stack: ServerStack, name: str = OWNER, *, staff: bool = False) -> requests.Session:
    get_user_model().objects.get_or_create(username=name, defaults={"is_staff": staff})
    client = requests.Session()
    client.headers["Authorization"] = f"Token {stack.token(name, staff=staff)}"
    return client


def _timed(name: str, send: Callable[[], requests.Response], times: int, *, status: int) -> dict[str, float]:
    send()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = send()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == status, f"{name}: {answer.status_code} {answer.text[:500]}"
    return {f"{name}_p50_ms": round(percentile(took, 0.5), 1), f"{name}_p99_ms": round(percentile(took, 0.99), 1)}
