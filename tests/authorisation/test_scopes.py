"""What a token with one scope opens: exactly the methods that need this scope, and of those what its owner may."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from jobs.tokens.models import ALL_SCOPES
from tests.authorisation.asking import ask
from tests.authorisation.calls import path_of
from tests.authorisation.matrix import Cell, cells, put, scope_of
from tests.harness.tokens import token_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", ALL_SCOPES)
def test_a_token_with_one_scope_opens_what_needs_it_and_nothing_else(world, scope):
    key = token_of(world.people["owner"], [scope], requests_per_minute=0)
    wrong, opened = [], 0
    for cell in cells("api", "owner"):
        needed = scope_of(cell.route, cell.method)
        if not cell.expected or needed == "":
            continue
        answer = put(cell, world, world.ids, client=bearing(key))
        if needed == scope:
            opened += cell.expected == "2xx"
            right = answer.word == cell.expected or answer.status in cell.call.also
        else:
            right = answer.status == 403 and not answer.writes
            right = right and (cell.expected == "403" or '"insufficient_scope"' in answer.body)
        if not right:
            wrong.append(f"{cell.name}: {answer.word} for a token with {scope}, needs {needed}: {answer.body[:200]}")
    assert opened > 5
    assert not wrong, "\n".join(wrong)


def test_a_scope_gives_nobody_more_than_they_have(world):
    """All scopes in the hands of the other user open nothing of the owner's: those cells are in the matrix as well."""
    key = token_of(world.people["other"], ALL_SCOPES, requests_per_minute=0)
    for cell in cells("api", "other"):
        if cell.expected in ("403", "404"):
            assert put(cell, world, world.ids, client=bearing(key)).word == cell.expected


@pytest.mark.parametrize("area", ["pages", "desk"])
def test_a_token_opens_no_page(world, area):
    client = bearing(world.visitors.tokens["superuser"])
    opened = [cell.name for cell in cells(area, "anonymous") if is_shut(cell) and gets_in(client, cell, world)]
    assert opened == []


def is_shut(cell: Cell) -> bool:
    return cell.method == "GET" and cell.expected == "login"


def gets_in(client: APIClient, cell: Cell, world) -> bool:
    return ask(client, "GET", path_of(cell.route, cell.call, world.ids)).word != "login"


def bearing(key: str) -> APIClient:
    return APIClient(raise_request_exception=False, HTTP_AUTHORIZATION=f"Bearer {key}")
