"""Tokens at the terminal: a script takes the token from the output, and a person reads the rest."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from jobs.models import AuditEntry
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise
from tests.harness.tokens import token_of


def run(*arguments: str) -> tuple[str, str]:
    """Return what a command wrote to its output and to its error output."""
    out, errors = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def make(*arguments: str) -> tuple[str, str]:
    return run("create_token", "ada", "--name", "import", "--scope", "read", *arguments)


def test_the_output_is_the_token_and_nothing_else(ada: Any) -> None:
    out, errors = make("--scope", "submit", "--expires", "90d", "--requests-per-minute", "60")
    token = recognise(out.strip())
    assert (token.owner, token.name, token.scopes, token.requests_per_minute) == (ada, "import", ["read", "submit"], 60)
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    assert out.strip() not in errors
    assert token.prefix in errors
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via, entry.actor) == ("make_token", "terminal", None)


def test_a_day_is_taken_as_the_end_as_well(ada: Any) -> None:
    make("--expires", "2999-01-31")
    assert timezone.localtime(ApiToken.objects.get().expires_at).isoformat().startswith("2999-01-31T00:00:00")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create_token", "adda", "--name", "x", "--scope", "read"], "Did you mean ada"),
        (["create_token", "ada", "--name", "x", "--scope", "rule"], "invalid choice: 'rule'"),
        (["create_token", "ada", "--name", "x"], "--scope"),
        (["create_token", "ada", "--scope", "read"], "--name"),
        (["create_token", "ada", "--name", "taken", "--scope", "read"], "“taken”"),
        (["create_token", "ada", "--name", "x", "--scope", "read", "--expires", "soon"], "'soon' is no time"),
        (["create_token", "ada", "--name", "x", "--scope", "read", "--expires", "2001-01-01"], "expired already"),
        (["create_token", "ada", "--name", "x", "--scope", "read", "--requests-per-minute", "-1"], "must be 0 to"),
        (["revoke_token", "none"], "no token 'none'"),
        (["list_tokens", "nobody"], "no user 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_done(ada: Any, arguments: list[str], told: str) -> None:
    token_of(ada, name="taken")
    with pytest.raises(CommandError, match=told) as refused:
        run(*arguments)
    assert refused.value.returncode in (1, 2)
    assert ApiToken.objects.filter(revoked_at__isnull=True).count() == 1


@pytest.mark.parametrize("by", ["prefix", "whole token"])
def test_a_token_is_revoked_by_its_prefix_or_as_it_was_found(ada: Any, by: str) -> None:
    key = make()[0].strip()
    given = key if by == "whole token" else ApiToken.objects.get().prefix
    out, _ = run("revoke_token", given, "--reason", "in a log")
    assert "import of ada is revoked" in out
    assert key not in out
    with pytest.raises(TokenRefused):
        recognise(key)
    assert AuditEntry.objects.get(action="revoke_token").reason == "in a log"
    assert "nothing was done" in run("revoke_token", given)[0]


def test_one_prefix_that_is_wrong_revokes_none(ada: Any) -> None:
    make()
    with pytest.raises(CommandError):
        run("revoke_token", ApiToken.objects.get().prefix, "none")
    assert ApiToken.objects.get().revoked_at is None


def test_the_list_shows_what_is_good_and_no_secret(ada: Any, bob: Any) -> None:
    key = make()[0].strip()
    token_of(ada, name="old", revoked_at=timezone.now())
    token_of(bob, name="of bob")
    listed, _ = run("list_tokens")
    assert "import" in listed
    assert "of bob" in listed
    assert "old" not in listed
    assert key.rpartition("_")[2] not in listed
    everything, _ = run("list_tokens", "ada", "--all")
    assert "revoked" in everything
    assert "of bob" not in everything
