"""Tokens at the desk: made for somebody and shown once, revoked with a reason; for administrators only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import AuditEntry
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise
from tests.admin.conftest import client_of
from tests.harness.tokens import token_of

LIST, ADD = reverse("admin:jobs_apitoken_changelist"), reverse("admin:jobs_apitoken_add")


def client_in(role: str) -> Client:
    client = client_of(role)
    from django.contrib.auth import get_user_model

    get_user_model().objects.get(username=role).groups.add(Group.objects.get(name=role))
    return client


@pytest.fixture
def administrator(db: None) -> Client:
    return client_in("administrator")


def new(owner: Any, **fields: Any) -> dict[str, Any]:
    return {"owner": owner.pk, "name": "import", "scopes": ["read", "submit"]} | fields


def test_a_token_is_made_for_somebody_and_shown_once(administrator: Client, ada: Any) -> None:
    assert administrator.get(ADD).status_code == 200
    page = administrator.post(ADD, new(ada, requests_per_minute=30))
    key = re.search(r'<code id="token">(\w+)</code>', page.content.decode())
    assert key is not None
    assert "no-store" in page["Cache-Control"]
    token = recognise(key[1])
    assert (token.owner, token.scopes, token.requests_per_minute) == (ada, ["read", "submit"], 30)
    assert token.created_by is not None
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via, entry.actor_name) == ("make_token", "desk", "administrator")
    secret = key[1].rpartition("_")[2]
    for later in (LIST, reverse("admin:jobs_apitoken_change", args=[token.pk]), reverse("admin:index"), ADD):
        shown = administrator.get(later, follow=True).content.decode()
        assert secret not in shown
        assert token.digest not in shown
    assert token.prefix in administrator.get(LIST).content.decode()
    assert f'href="{LIST}"' in administrator.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["rule"]}, "Select a valid choice"),
        ({"name": "taken"}, "has a token of this name already"),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}, "would have expired already"),
        ({"requests_per_minute": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_told_at_the_field(
    administrator: Client, ada: Any, wrong: dict[str, Any], told: str
) -> None:
    token_of(ada, name="taken")
    page = administrator.post(ADD, new(ada, **wrong))
    assert told in page.content.decode()
    assert ApiToken.objects.count() == 1


def test_tokens_are_revoked_after_a_question_with_a_reason(administrator: Client, ada: Any) -> None:
    keys = [token_of(ada) for _ in range(2)]
    stays = token_of(ada)
    ids = [recognise(key).pk for key in keys]
    asked = administrator.post(LIST, {"action": "revoke", "_selected_action": ids}, follow=True)
    where = asked.redirect_chain[-1][0]
    assert "Revoke?" in asked.content.decode()
    administrator.post(where, {"reason": ""})
    assert not ApiToken.objects.filter(revoked_at__isnull=False).exists()
    done = administrator.post(where, {"reason": "left the house"}, follow=True)
    assert "2 tokens were revoked." in done.content.decode()
    for key in keys:
        with pytest.raises(TokenRefused):
            recognise(key)
    assert recognise(stays)
    assert set(AuditEntry.objects.values_list("action", "reason")) == {("revoke_token", "left the house")}
    again = administrator.post(where, {"reason": "once more"}, follow=True)
    assert "Nothing was done" in again.content.decode()


def test_a_token_is_never_deleted_but_with_its_owner(administrator: Client, ada: Any) -> None:
    token = recognise(token_of(ada))
    page = reverse("admin:jobs_apitoken_delete", args=[token.pk])
    assert administrator.post(page, {"post": "yes"}).status_code == 403
    administrator.post(LIST, {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"})
    assert ApiToken.objects.exists()
    administrator.post(reverse("admin:auth_user_delete", args=[ada.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()


def test_the_states_can_be_told_apart(administrator: Client, ada: Any) -> None:
    now = timezone.now()
    token_of(ada, name="one-of-good")
    token_of(ada, name="one-of-expired", expires_at=now - timedelta(days=1))
    token_of(ada, name="one-of-revoked", revoked_at=now, expires_at=now - timedelta(days=1))
    for state in ApiToken.State.values:
        shown = administrator.get(LIST, {"state": state}).content.decode()
        assert set(re.findall(r"one-of-(\w+)", shown)) == {state}


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_tokens_are_not_for_viewers_and_operators(ada: Any, role: str) -> None:
    client = client_in(role)
    token = recognise(token_of(ada))
    revoke = f"{reverse('admin:jobs_apitoken_revoke')}?id={token.pk}"
    for address in (LIST, ADD, revoke, reverse("admin:jobs_apitoken_change", args=[token.pk])):
        assert client.get(address).status_code == 403
        assert client.post(address, new(ada) | {"reason": "x"}).status_code == 403
    assert "apitoken" not in client.get(reverse("admin:index")).content.decode()
    assert list(ApiToken.objects.values_list("revoked_at", flat=True)) == [None]
