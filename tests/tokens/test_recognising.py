"""Whose token this is: what the API answers to a good, a wrong, an expired and a revoked one."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.errors import InvalidInput
from jobs.models import AuditEntry
from jobs.tokens import issuing
from jobs.tokens.keys import new_key
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import recognise
from tests.harness.tokens import token_of

ADDRESS = "/api/v1/kinds/"


def ask(key: str, scheme: str = "Token") -> Any:
    return APIClient(HTTP_AUTHORIZATION=f"{scheme} {key}").get(ADDRESS)


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "bearer", "TOKEN"])
def test_both_words_are_understood(ada: Any, scheme: str) -> None:
    assert ask(token_of(ada), scheme).status_code == 200


def test_what_is_kept_of_a_token_does_not_let_anybody_in(ada: Any) -> None:
    token, key = issuing.issue(ada, "import")
    assert key.startswith(f"sira_{token.prefix}_")
    assert len(key.rpartition("_")[2]) * 4 == 256
    row = ApiToken.objects.values().get()
    for value in row.values():
        assert key.rpartition("_")[2] not in str(value)
        assert ask(str(value)).status_code == 401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revoked_at": timezone.now()}, "token_revoked"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "token_expired"),
        ({"revoked_at": timezone.now(), "expires_at": timezone.now()}, "token_revoked"),
    ],
)
def test_who_has_the_secret_learns_why_it_is_no_longer_good_and_a_stranger_does_not(
    ada: Any, change: dict[str, Any], code: str
) -> None:
    key = token_of(ada)
    ApiToken.objects.update(**change)
    refused = ask(key)
    assert (refused.status_code, refused.json()["code"]) == (401, code)
    assert refused["WWW-Authenticate"].startswith('Bearer realm="sira", error="invalid_token", error_description="')
    prefix, _, secret = key.rpartition("_")
    stranger = ask(f"{prefix}_{'0' * len(secret)}")
    nobody = ask(new_key())
    assert (stranger.status_code, stranger.json()) == (401, nobody.json())
    assert nobody.json()["code"] == "token_unknown"


def test_a_token_of_a_user_who_was_switched_off_is_no_longer_good(ada: Any) -> None:
    key = token_of(ada)
    type(ada).objects.update(is_active=False)
    assert ask(key).json()["code"] == "user_inactive"


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 9000, "sira__", "\x00", "ÿ", "sira_0_0"])
def test_what_is_no_token_is_unknown(db: None, key: str) -> None:
    assert ask(key).json()["code"] == "token_unknown"


def test_another_scheme_is_no_token_of_ours(db: None) -> None:
    assert ask("YTpi", "Basic").json()["code"] == "not_authenticated"


def test_a_request_costs_one_query_and_notes_its_use_once_a_minute(ada: Any) -> None:
    key = token_of(ada, requests_per_minute=0)
    with CaptureQueriesContext(
        connection,
    ) as first:
        ask(key)
    used = ApiToken.objects.get().last_used_at
    assert abs(used - timezone.now()) < timedelta(seconds=10)
    with CaptureQueriesContext(connection) as second:
        ask(key)
    assert [query["sql"].split()[0] for query in first] == ["SELECT", "UPDATE"]
    assert [query["sql"].split()[0] for query in second] == ["SELECT"]
    ApiToken.objects.update(last_used_at=used - timedelta(minutes=2))
    ask(key)
    assert ApiToken.objects.get().last_used_at > used - timedelta(minutes=1)


def test_a_name_is_taken_until_its_token_is_revoked(ada: Any, bob: Any) -> None:
    token, _ = issuing.issue(ada, "import")
    issuing.issue(bob, "import")
    with pytest.raises(InvalidInput, match="import"):
        issuing.issue(ada, " import ")
    with pytest.raises(IntegrityError), transaction.atomic():
        token_of(ada, name="import")
    assert issuing.revoke(token)
    assert not issuing.revoke(token)
    issuing.issue(ada, "import")


def test_who_made_and_revoked_a_token_is_on_record_and_the_secret_in_no_log(
    ada: Any, bob: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token, key = issuing.issue(ada, "import", ["read"], by=bob, via="desk")
    ask(key)
    issuing.revoke(token, by=ada, via="api", reason="found in a log")
    ask(key)
    made, revoked = AuditEntry.objects.order_by("pk")
    assert (made.action, made.actor, made.target, made.after["scopes"]) == ("make_token", bob, token.prefix, ["read"])
    assert (revoked.action, revoked.actor, revoked.reason) == ("revoke_token", ada, "found in a log")
    secret = key.rpartition("_")[2]
    assert secret not in caplog.text
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"scopes": []}, "invalid_scopes"),
        ({"scopes": ["read", "rule"]}, "invalid_scopes"),
        ({"name": "  "}, "invalid_name"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "invalid_expiry"),
    ],
)
def test_a_token_that_would_be_good_for_nothing_is_not_made(ada: Any, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        issuing.issue(ada, **({"name": "import"} | wrong))
    assert refused.value.code == code
    assert not ApiToken.objects.exists()


def test_the_tokens_of_before_go_on_working(ada: Any) -> None:
    import importlib

    from django.apps import apps

    migration = importlib.import_module("jobs.migrations.0003_api_tokens")
    editor = type("Editor", (), {"connection": connection})
    migration.keep_old_tokens(apps, editor)  # a new database has no such table
    old = "0123456789abcdef0123456789abcdef01234567"
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TABLE authtoken_token ("key" varchar(40) PRIMARY KEY, created timestamp, user_id integer UNIQUE)'
        )
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, %s, %s)", [old, "2020-01-01 00:00:00", ada.pk])
        migration.keep_old_tokens(apps, editor)
        cursor.execute("SELECT count(*) FROM authtoken_token")
        assert cursor.fetchone() == (0,)
    assert ask(old).status_code == 200
    assert APIClient(HTTP_AUTHORIZATION=f"Token {old}").post("/api/v1/jobs/").status_code == 400
    token = recognise(old)
    assert (token.owner, token.expires_at) == (ada, None)
    assert token.prefix not in old
