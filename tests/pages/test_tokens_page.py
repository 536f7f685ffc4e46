"""/app/tokens/: people make, see and revoke their own tokens."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from jobs.models import AuditEntry
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise
from tests.harness.tokens import token_of

PAGE = "/app/tokens/"


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada")


@pytest.fixture
def browser(ada: Any) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def new(**fields: Any) -> dict[str, Any]:
    return {"name": "import", "scopes": ["read", "submit"], "lasts": "30"} | fields


def test_a_new_token_is_shown_once(browser: Client, ada: Any) -> None:
    page = browser.post(PAGE, new())
    found = re.search(r'<code id="token">(\w+)</code>', page.content.decode())
    assert found is not None
    assert "no-store" in page["Cache-Control"]
    token = recognise(found[1])
    assert (token.owner, token.scopes, token.created_by) == (ada, ["read", "submit"], ada)
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert AuditEntry.objects.get().actor == ada
    later = browser.get(PAGE).content.decode()
    assert token.prefix in later
    assert found[1] not in later


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "   "}, "This field is required."),
        ({"name": "taken"}, "There is a token “taken” of this user already."),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["rule"]}, "Select a valid choice."),
        ({"lasts": "-1"}, "Select a valid choice."),
    ],
)
def test_what_makes_no_sense_is_told_at_the_field(browser: Client, ada: Any, wrong: dict[str, Any], told: str) -> None:
    token_of(ada, name="taken")
    page = browser.post(PAGE, new(**wrong)).content.decode()
    assert told in page
    assert 'id="token"' not in page
    assert ApiToken.objects.count() == 1


def test_one_revokes_ones_own_and_nobody_elses(browser: Client, ada: Any) -> None:
    bob = get_user_model().objects.create_user("bob")
    own, foreign = token_of(ada), token_of(bob, name="of bob")
    assert "of bob" not in browser.get(PAGE).content.decode()
    assert browser.post(f"{PAGE}{recognise(foreign).prefix}/revoke/").status_code == 404
    assert recognise(foreign)
    gone = browser.post(f"{PAGE}{recognise(own).prefix}/revoke/", follow=True)
    assert "None yet." in gone.content.decode()
    with pytest.raises(TokenRefused):
        recognise(own)
    assert AuditEntry.objects.get().action == "revoke_token"


def test_a_page_of_another_site_makes_and_revokes_nothing(ada: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    prefix = recognise(token_of(ada)).prefix
    assert client.post(PAGE, new()).status_code == 403
    assert client.post(f"{PAGE}{prefix}/revoke/").status_code == 403
    assert ApiToken.objects.get().revoked_at is None


def test_a_token_is_no_way_to_get_another_token(ada: Any) -> None:
    answer = Client(headers={"Authorization": f"Token {token_of(ada)}"}).post(PAGE, new())
    assert answer.status_code == 302
    assert ApiToken.objects.count() == 1
