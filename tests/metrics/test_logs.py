"""Who logs, and what comes out."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs import logs
from jobs.engine import worker
from jobs.engine.watchdog import Watchdog
from jobs.models import Job
from jobs.tokens.issuing import issue

SECRET = "ada.lovelace@example.com"


class Lines:
    """What one handler wrote."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(formatter)
        self.handler.addFilter(logs.Fields())

    def records(self, logger: str = "") -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [record for record in records if not logger or record["logger"] == logger]


@pytest.fixture
def written() -> Iterator[Lines]:
    lines = Lines(logs.JSONFormatter())
    logging.getLogger().addHandler(lines.handler)
    yield lines
    logging.getLogger().removeHandler(lines.handler)


@pytest.fixture
def run_one(claim) -> Any:
    def run() -> Job:
        job = claim()
        worker.run(job, Watchdog())
        return job

    return run


@pytest.mark.parametrize(
    ("act_name", "outcome"),
    [
        ("ok", "succeeded"),
        ("invalid", "failed"),
        ("bug", "failed"),
        ("unavailable", "retry_scheduled"),
        ("limited", "snoozed"),
        ("unstorable", "failed"),
    ],
)
def test_an_attempt_ends_with_one_record_that_says_how(sqlite, act, run_one, written, act_name, outcome):
    act(act_name, until_attempt=5)
    job = run_one()
    (record,) = written.records("sira.attempts")
    assert record["seconds"] >= 0
    assert {name: record[name] for name in (*logs.ATTEMPT_FIELDS, "outcome", "level")} == {
        "job_id": str(job.pk), "kind": job.kind, "queue": "default", "attempt": 1, "fence": 1, "worker": "worker-1",
        "outcome": outcome, "level": "INFO",
    }  # fmt: skip
    assert job.events.order_by("seq").last().type == outcome


def test_an_attempt_that_comes_too_late_says_so(sqlite, act, claim, written):
    act()
    job = claim()
    Job.objects.filter(pk=job.pk).update(fence=7)
    worker.run(job, Watchdog())
    assert [record["outcome"] for record in written.records("sira.attempts")] == ["superseded"]


def test_whoever_logs_within_an_attempt_tells_of_it_and_nobody_does_after(sqlite, act, run_one, written):
    act("bug")
    job = run_one()
    logging.getLogger("somebody").warning("after")
    within = written.records("jobs.engine.worker")
    assert [record["job_id"] for record in within] == [str(job.pk)]
    assert not set(logs.FIELDS) & set(written.records("somebody")[0])


def test_two_threads_do_not_mix_up_what_they_tell_of(written):
    together = threading.Barrier(2)

    def tell(name: str) -> None:
        with logs.about(job_id=name):
            together.wait()
            logging.getLogger("somebody").warning(name)
            together.wait()

    threads = [threading.Thread(target=tell, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((r["message"], r["job_id"]) for r in written.records("somebody")) == [("one", "one"), ("two", "two")]


def test_a_request_leaves_a_record_with_its_template_and_the_users_id_and_nothing_private(
    db, settings, django_user_model, written
):
    settings.SIRA_ACCESS_LOG = True
    ada = django_user_model.objects.create_user("ada", email=SECRET)
    _, token = issue(ada, "script")
    response = APIClient().get(
        f"/api/v1/jobs/?session_id={SECRET}",
        headers={"Authorization": f"Token {token}", "X-Request-ID": "from-outside"},
    )
    assert response.status_code == 200
    (record,) = written.records("sira.access")
    assert record.pop("seconds") >= 0
    assert record.pop("time").endswith("+00:00")
    assert record == {
        "level": "INFO", "logger": "sira.access", "message": "GET api/v1/jobs/ 200", "request_id": "from-outside",
        "method": "GET", "route": "api/v1/jobs/", "status": 200, "user_id": ada.pk,
    }  # fmt: skip
    APIClient().get(f"/api/v1/nothing?session_id={SECRET}")  # Django hangs the whole request on its record
    text = written.stream.getvalue()
    assert "Not Found" in text
    assert SECRET not in text
    assert token not in text
    assert "ada" not in text


@pytest.mark.parametrize("given", ["", "two words", "x" * 101, "<b>", "naïve"])
def test_an_id_that_is_no_plain_word_is_replaced(db, given):
    found = APIClient().get("/login/", headers={"X-Request-ID": given})["X-Request-ID"]
    assert found != given
    assert logs.REQUEST_FIELDS
    assert len(found) == 36


def test_health_and_metrics_are_too_quiet_for_the_usual_level(db, settings, written):
    settings.SIRA_ACCESS_LOG = True
    APIClient().get("/metrics")
    assert written.records("sira.access") == []


def test_a_line_names_the_job_once():
    lines = Lines(logs.LineFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("a.line")
    logger.propagate = False
    logger.addHandler(lines.handler)
    with logs.about(job_id="0198"):
        logger.warning("slow")
        logger.warning("job 0198 is slow")
    with logs.about(request_id="r-1"):
        logger.warning("slow")
    logger.warning("slow")
    logger.removeHandler(lines.handler)
    assert lines.stream.getvalue().splitlines() == [
        "WARNING slow [job 0198]", "WARNING job 0198 is slow", "WARNING slow [request r-1]", "WARNING slow",
    ]  # fmt: skip
