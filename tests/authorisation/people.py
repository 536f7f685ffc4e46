"""Who asks: the roles of the matrix, and clients that are somebody."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from rest_framework.test import APIClient

from tests.harness.tokens import token_of

#: The columns of every declaration, in this order.
ROLES = ("anonymous", "other", "owner", "viewer", "operator", "administrator")
#: Who gets, in every cell, what a role of the columns gets; so it is checked, but not declared.
#:    inactive   a superuser who was deactivated: a token and a session that were good once
#:    former     an operator who is no longer staff, but still in the group
#:    superuser  has no group
ALIKE = {"inactive": "anonymous", "former": "other", "superuser": "administrator"}
#: Staff without a role: on the API like a viewer; nothing on the desk.
CLERK = "clerk"
EVERYBODY = (*ROLES, *ALIKE, CLERK)

STAFF = {"viewer", "operator", "administrator", "superuser", CLERK}
GROUPS = {"viewer": "viewer", "operator": "operator", "administrator": "administrator", "former": "operator"}
OWNER_NAME = "canary-owner"


def make_people() -> dict[str, Any]:
    """Make a user for each role; of the owner, the name is one that nobody else may read."""
    people = {}
    for role in EVERYBODY:
        if role == "anonymous":
            continue
        name = OWNER_NAME if role == "owner" else role
        user = get_user_model().objects.create_user(
            name,
            password=role,
            is_staff=role in STAFF | {"inactive"},
            is_superuser=role in ("superuser", "inactive"),
        )
        if role in GROUPS:
            user.groups.set([Group.objects.get(name=GROUPS[role])])
        people[role] = user
    return people


class Visitors:
    """The clients of all roles: with a token, and with a session."""

    def __init__(self, people: dict[str, Any]) -> None:
        self.tokens = {role: token_of(user, requests_per_minute=0) for role, user in people.items()}
        self.sessions = {role: _session_of(user) for role, user in people.items()}

    def deactivate(self, user: Any) -> None:
        """Let a user be no longer active, whose token and session are kept."""
        user.is_active = False
        user.save(update_fields=["is_active"])

    def with_token(self, role: str) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if role in self.tokens:
            client.credentials(HTTP_AUTHORIZATION=f"Token {self.tokens[role]}")
        return client

    def with_session(self, role: str, *, enforce_csrf_checks: bool = False) -> Client:
        client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf_checks)
        if role in self.sessions:
            client.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: self.sessions[role]})
        return client


def _session_of(user: Any) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
