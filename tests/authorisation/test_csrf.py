"""A page of another site that uses somebody's session can change nothing; who has a token needs no more."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.authorisation.asking import Answer, ask
from tests.authorisation.calls import body_of, path_of
from tests.authorisation.matrix import Cell, cells
from tests.authorisation.routes import SAFE

pytestmark = pytest.mark.django_db

#: Whoever is in all groups of the desk, so that nothing but the missing token can stop it.
ROLE = "administrator"
TOKEN = "a" * 64
#: Who signs with the shop's secret has no session that could be used.
NO_SESSION = {"orders:ikas-webhook"}


def unsafe(area: str) -> list[Cell]:
    return [
        cell
        for cell in cells(area, ROLE)
        if cell.method not in SAFE and cell.expected and cell.route.name not in NO_SESSION
    ]


def send(world, cell: Cell, *, token: str = "", headers: dict[str, str] | None = None) -> Answer:
    client = world.visitors.with_session(ROLE, enforce_csrf_checks=True)
    body, path = body_of(cell.call, world.ids), path_of(cell.route, cell.call, world.ids)
    options: dict[str, Any] = {"data": body}
    if cell.route.area == "api" and cell.call.format == "json":
        options["content_type"] = "application/json"
    if token:
        client.cookies[settings.CSRF_COOKIE_NAME] = token
    return ask(client, cell.method, path, headers={"X-CSRFToken": token} if token else headers, **options)


@pytest.mark.parametrize("area", ["api", "pages", "desk"])
def test_without_the_token_of_the_form_a_session_changes_nothing(world, area):
    wrong = []
    for cell in unsafe(area):
        answer = send(world, cell)
        if answer.status != 403 or answer.writes:
            wrong.append(f"{cell.name}: {answer.status}, wrote {answer.writes[:1]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("area", ["api", "pages"])
def test_with_it_the_session_may_what_its_user_may(world, area):
    wrong = []
    for cell in unsafe(area):
        answer = send(world, cell, token=TOKEN)
        if answer.word != cell.expected and answer.status not in cell.call.also:
            wrong.append(f"{cell.name}: {answer.word} and not {cell.expected}: {answer.body[:200]}")
    assert not wrong, "\n".join(wrong)


def test_a_token_needs_no_token_of_a_form(world):
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"Token {world.visitors.tokens['owner']}")
    assert ask(client, "POST", f"/api/v1/jobs/{world.ids['queued']}/cancel/", data={}, format="json").status == 200


def test_a_session_beside_a_wrong_token_is_no_way_in(world):
    client = world.visitors.with_session("owner")
    headers = {"Authorization": "Token 0123456789"}
    assert ask(client, "GET", f"/api/v1/jobs/{world.ids['queued']}/", headers=headers).status == 401


@pytest.mark.parametrize("area", ["pages", "desk"])
def test_every_form_that_posts_has_the_token(world, area):
    forms = 0
    bare = []
    client = world.visitors.with_session(ROLE)
    for cell in cells(area, ROLE):
        if cell.method == "GET" and cell.expected == "2xx":
            body = ask(client, "GET", path_of(cell.route, cell.call, world.ids)).body
            for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", body, re.DOTALL | re.IGNORECASE):
                forms += 1
                if "csrfmiddlewaretoken" not in form:
                    bare.append(f"{cell.name}: {form[:120]}")
    assert forms > 10
    assert not bare, "\n".join(bare)
