"""How many requests a minute: never more than the limit, over all processes, and with few writes."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.tokens import allowance
from jobs.tokens.allowance import Ledger
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import recognise
from tests.harness.threads import run_together
from tests.harness.tokens import token_of


def spend(ledger: Ledger, key: str, times: int) -> int:
    """Make so many requests; return how many passed."""
    return sum(standing.passed for _ in range(times) if (standing := ledger.spend(recognise(key))))


def end_the_minute() -> None:
    """Let the current minute be over, for the database."""
    ApiToken.objects.update(window_started_at=timezone.now() - timedelta(seconds=61))


def test_web_processes_together_let_no_more_through_than_the_limit(any_database: str) -> None:
    ada = get_user_model().objects.create_user("ada")
    key = token_of(ada, requests_per_minute=150)
    ledgers = [Ledger() for _ in range(4)]
    passed = run_together([lambda ledger=ledger: spend(ledger, key, 60) for ledger in ledgers])
    assert sum(passed) <= 150
    assert sum(passed) >= 150 - 4 * (150 // allowance.BLOCKS)
    assert ApiToken.objects.get().window_spent <= 150


def test_threads_of_one_process_use_all_of_it(any_database: str) -> None:
    ada = get_user_model().objects.create_user("ada")
    key = token_of(ada, requests_per_minute=70)
    ledger = Ledger()
    assert sum(run_together([lambda: spend(ledger, key, 30)] * 4)) == 70


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 6000])
def test_a_process_alone_can_use_the_whole_limit_and_not_one_more(ada: Any, limit: int) -> None:
    ledger, token = Ledger(), recognise(token_of(ada, requests_per_minute=limit))
    if limit == 6000:  # the end of it is what matters
        ApiToken.objects.update(window_started_at=token.now, window_spent=5_900)
        token.window_started_at, token.window_spent, limit = token.now, 5_900, 100
    standings = [ledger.spend(token) for _ in range(limit + 2)]
    assert [standing.passed for standing in standings if standing] == [True] * limit + [False] * 2
    assert [standing.left for standing in standings if standing][-3:] == [0, 0, 0]


def test_most_requests_write_nothing(ada: Any) -> None:
    ledger, key = Ledger(), token_of(ada, requests_per_minute=6000)
    with CaptureQueriesContext(connection) as queries:
        assert spend(ledger, key, 240) == 240
    blocks = [query for query in queries if "window_spent" in query["sql"].partition("SET")[2].partition("WHERE")[0]]
    assert len(blocks) == 240 // (6000 // allowance.BLOCKS)


def test_what_was_not_spent_of_a_block_ends_with_its_minute(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hoarder, other, key = Ledger(), Ledger(), token_of(ada, requests_per_minute=100)
    assert spend(hoarder, key, 1) == 1  # and one more in its block
    later = time.monotonic() + 61
    monkeypatch.setattr(allowance.time, "monotonic", lambda: later)
    end_the_minute()
    assert spend(other, key, 102) == 100
    assert spend(hoarder, key, 2) == 0


def test_the_next_minute_begins_anew(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, key = Ledger(), token_of(ada, requests_per_minute=3)
    assert spend(ledger, key, 5) == 3
    later = time.monotonic() + 61
    monkeypatch.setattr(allowance.time, "monotonic", lambda: later)
    end_the_minute()
    assert spend(ledger, key, 5) == 3


def test_a_token_that_was_lent_no_limit_is_not_counted(ada: Any, settings: Any) -> None:
    assert Ledger().spend(recognise(token_of(ada, requests_per_minute=0))) is None
    settings.API_REQUESTS_PER_MINUTE = 0
    assert Ledger().spend(recognise(token_of(ada))) is None


def test_many_tokens_do_not_fill_the_memory(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MANY_SHARES", 5)
    ledger = Ledger()
    for _ in range(8):
        ledger.spend(recognise(token_of(ada)))
    assert len(ledger._shares) == 8  # none of their minutes is over
    later = time.monotonic() + 61
    monkeypatch.setattr(allowance.time, "monotonic", lambda: later)
    ledger.spend(recognise(token_of(ada)))
    assert len(ledger._shares) == 1


def test_every_answer_says_what_is_left_and_the_last_one_when_to_come_again(ada: Any, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    client = APIClient(HTTP_AUTHORIZATION=f"Token {token_of(ada)}")
    answers = [client.get(address) for address in ("/api/v1/kinds/", "/status/none", "/api/v1/kinds/")]
    answers.append(client.post("/api/v1/jobs/"))
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"token";q=3;w=60'}
    assert [answer["RateLimit"].split(";")[:2] for answer in answers] == [['"token"', f"r={n}"] for n in (2, 1, 0, 0)]
    seconds = int(answers[-1]["RateLimit"].partition("t=")[2])
    assert 1 <= seconds <= 60
    refused = answers[-1]
    assert (refused.json()["code"], refused["Retry-After"]) == ("throttled", str(seconds))
    assert refused["Content-Type"] == "application/problem+json"


def test_a_session_is_not_counted(ada: Any, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    browser = APIClient()
    browser.force_login(ada)
    for _ in range(3):
        answer = browser.get("/api/v1/kinds/")
        assert answer.status_code == 200
        assert not answer.has_header("RateLimit")


def test_one_token_does_not_spend_what_is_anothers(ada: Any) -> None:
    ledger, one, other = Ledger(), token_of(ada, requests_per_minute=2), token_of(ada, requests_per_minute=2)
    assert (spend(ledger, one, 5), spend(ledger, other, 5)) == (2, 2)


def test_a_process_that_waits_for_a_block_holds_up_no_other_token(ada: Any) -> None:
    ledger, token = Ledger(), recognise(token_of(ada))
    ledger.spend(token)
    other = recognise(token_of(ada))
    share = ledger._share(token.digest)
    with share.lock:
        assert ledger.spend(other) is not None
