from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from jobs.metrics import process, tallies
from tests.engine.conftest import act, claim  # noqa: F401
from tests.harness.waiting import wait_until

TOKEN = "a-token-for-the-scraper-alone"


@pytest.fixture(autouse=True)
def _anew(settings: Any) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    process.database.forget()
    yield
    process.database.forget()


class Samples(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """What a scrape said. samples("sira_jobs", kind="a.b", state="queued")"""

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.get((name, frozenset(labels.items())))


def read(text: str) -> tuple[Samples, list[Metric]]:
    families = list(text_string_to_metric_families(text))
    return Samples(
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
    ), families


@pytest.fixture
def scrape() -> Callable[[], Samples]:
    """Ask /metrics, as Prometheus does."""

    def get() -> Samples:
        process.database.forget()
        response = APIClient().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200, response.content
        return read(response.content.decode())[0]

    return get


@pytest.fixture
def count_all() -> Callable[[], None]:
    """Count until nothing is left, as the ticker does in its time."""

    def count() -> None:
        counter = tallies.Counter()
        wait_until(lambda: counter.count_events() == 0 and tallies.behind() == 0, timeout=10)

    return count
