"""What `make chaos` counts is found when it is there: ledgers that agree, and one lie at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos import comparing
from benchmarks.chaos.comparing import Promise, Row, Step
from benchmarks.chaos.device import held, overlaps

OK, REFUSED, PARENT = "ok", "refused", "parent"
PROMISES = [
    Promise(OK, "app.do_it"),
    Promise(REFUSED, "app.do_it", "empty_file"),
    Promise(PARENT, "app.sum_up", children={"succeeded": 1, "empty_file": 1}),
]
ROWS = {
    row.id: row
    for row in [
        Row(OK, "app.do_it", "succeeded", "", 3),
        Row(REFUSED, "app.do_it", "failed", "empty_file", 1),
        Row(PARENT, "app.sum_up", "succeeded", "", 1),
        Row("good", "app.do_it", "succeeded", "", 1, PARENT),
        Row("bad", "app.do_it", "failed", "empty_file", 0, PARENT),
    ]
}
LEDGER = [(OK, 3), (PARENT, 1), ("good", 1)]
SUCCESSES = [OK, PARENT, "good"]
OUTPUTS = [(OK, 3)]
LOG = {OK: [(1, "created"), (2, "started"), (3, "succeeded"), (4, "superseded")]}


def test_ledgers_that_agree_give_no_findings() -> None:
    assert comparing.find_lost(PROMISES, ROWS) == []
    assert comparing.find_doubled(PROMISES, ROWS, LEDGER, SUCCESSES) == []
    assert comparing.find_stale(ROWS, LEDGER, OUTPUTS) == []
    assert comparing.find_missed({OK: [1, 2, 3]}, LOG) == []
    assert comparing.find_repeated({OK: [1, 2, 3]}) == []


@pytest.mark.parametrize(
    "changed",
    [
        {OK: None},
        {OK: replace(ROWS[OK], state="processing")},
        {OK: replace(ROWS[OK], state="failed", error="worker_lost")},
        {REFUSED: replace(ROWS[REFUSED], error="internal_error")},
        {REFUSED: replace(ROWS[REFUSED], state="succeeded", error="")},
        {"good": None},
        {"bad": replace(ROWS["bad"], error="internal_error")},
    ],
)
def test_what_was_acknowledged_and_did_not_end_as_it_should_is_lost(changed: dict[str, Row | None]) -> None:
    rows = {job: row for job, row in (ROWS | changed).items() if row is not None}
    assert len(comparing.find_lost(PROMISES, rows)) == 1


def test_a_job_of_which_nobody_was_told_is_doubled() -> None:
    rows = ROWS | {"again": replace(ROWS[OK], id="again")}
    assert len(comparing.find_doubled(PROMISES, rows, LEDGER, SUCCESSES)) == 1


def test_a_child_too_many_is_doubled() -> None:
    rows = ROWS | {"again": replace(ROWS["good"], id="again")}
    assert len(comparing.find_doubled(PROMISES, rows, LEDGER, SUCCESSES)) == 1


def test_a_result_that_was_stored_twice_is_doubled() -> None:
    assert len(comparing.find_doubled(PROMISES, ROWS, [*LEDGER, (OK, 2)], SUCCESSES)) == 1
    assert len(comparing.find_doubled(PROMISES, ROWS, LEDGER, [*SUCCESSES, OK])) == 1


@pytest.mark.parametrize(
    ("ledger", "outputs"),
    [
        ([(OK, 2), *LEDGER[1:]], OUTPUTS),  # of an attempt that was not the last
        ([*LEDGER, (REFUSED, 1)], OUTPUTS),  # of one that failed
        (LEDGER[1:], OUTPUTS),  # a result without what belongs to it
        (LEDGER, [(OK, 1)]),
    ],
)
def test_what_another_than_the_last_claim_wrote_is_stale(ledger: Any, outputs: Any) -> None:
    assert len(comparing.find_stale(ROWS, ledger, outputs)) == 1


def test_progress_of_an_attempt_that_was_replaced_is_an_intrusion() -> None:
    def log(*said: str) -> list[Step]:
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        return [
            Step(OK, "app.do_it", 5, number, "progress" if stage else "started", "processing", noon, stage)
            for number, stage in enumerate(said, 1)
        ]

    assert comparing.find_intruders(log("", "step0", "step1", "", "step0", "step1", "step2")) == []
    assert len(comparing.find_intruders(log("", "step0", "step1", "", "step0", "step2", "step1"))) == 2
    assert len(comparing.find_intruders(log("", "step0", "step1", "", "step2"))) == 1


def test_an_event_that_a_watcher_was_not_told_of_is_missed() -> None:
    assert len(comparing.find_missed({OK: [1, 3]}, LOG)) == 1
    assert len(comparing.find_missed({OK: [1]}, LOG)) == 2
    assert len(comparing.find_missed({OK: []}, LOG)) == 3


def test_an_event_that_a_watcher_was_told_of_again_or_too_late_is_repeated() -> None:
    assert len(comparing.find_repeated({OK: [1, 2, 2, 3]})) == 1
    assert len(comparing.find_repeated({OK: [1, 3, 2]})) == 1
    assert len(comparing.find_repeated({OK: [1, 2, 3, 1, 2, 3]})) == 3


def test_two_holders_of_the_device_at_once_are_an_overlap_and_one_after_the_other_are_not(tmp_path: Path) -> None:
    device = str(tmp_path / "device")
    with held(device, "first"):
        pass
    with held(device, "second"):
        assert overlaps(device) == []
        with held(device, "third"):
            pass
    with held(device, "fourth"):
        pass
    (line,) = overlaps(device)
    assert line.startswith("third")
    assert "second" in line


def life(job: str, priority: int, queued: float, started: float | None, kind: str = "app.do_it") -> list[Step]:
    """Return the steps of a job that was queued and started so many seconds after the beginning."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    steps = [Step(job, kind, priority, 1, "created", "queued", noon + timedelta(seconds=queued))]
    if started is not None:
        steps.append(Step(job, kind, priority, 2, "started", "processing", noon + timedelta(seconds=started)))
    return steps


def test_a_claim_that_leaves_a_more_urgent_job_of_its_kind_waiting_is_a_violation() -> None:
    urgent = life("urgent", 9, 0, 20)
    assert len(comparing.find_overtaken([*urgent, *life("lesser", 3, 0, 10)])) == 1
    moment = life("lesser", 3, 0, 10)[1].at
    assert comparing.find_overtaken([*urgent, *life("lesser", 3, 0, 10)], [(moment, moment)]) == []


@pytest.mark.parametrize(
    "other",
    [
        life("other", 3, 0, 30),  # it came after the urgent one
        life("other", 3, 0, 0.5),  # the urgent one had only just come
        life("other", 3, 0, 19.5),  # it was being claimed at that moment
        life("other", 9, 0, 10),  # as urgent
        life("other", 3, 0, 10, kind="app.do_that"),  # each kind has a queue and limits of its own
    ],
)
def test_what_may_have_been_in_order_is_no_violation(other: list[Step]) -> None:
    assert comparing.find_overtaken([*life("urgent", 9, 0, 20), *other]) == []
