"""Every address is declared, and no declaration is left over: a new endpoint cannot be forgotten."""

from __future__ import annotations

import pytest

from tests.authorisation import declared, declared_desk
from tests.authorisation.people import ROLES
from tests.authorisation.routes import every_route

TABLES = {
    "api": (declared.API, "API in tests/authorisation/declared.py"),
    "pages": (declared.PAGES, "PAGES in tests/authorisation/declared.py"),
    "desk": (declared_desk.rows(), "MODELS or DESK in tests/authorisation/declared_desk.py"),
}
WORDS = {"2xx", "3xx", "401", "403", "404", "login"}


def test_every_address_is_declared():
    undeclared = [
        f"{route.shown} ({route.name}) is in no table: say who may what there, in {TABLES[route.area][1]}"
        for route in every_route()
        if not any(name == route.name for name, _method in TABLES[route.area][0])
    ]
    assert undeclared == []


@pytest.mark.parametrize("area", TABLES)
def test_nothing_is_declared_that_is_no_longer_there(area):
    table, where = TABLES[area]
    names = {route.name for route in every_route() if route.area == area}
    assert [f"{name} {method} is gone: take it out of {where}" for name, method in table if name not in names] == []


def test_no_two_addresses_share_a_name():
    names = [route.name for route in every_route()]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("area", TABLES)
def test_every_declaration_has_a_word_for_each_role(area):
    table, _where = TABLES[area]
    assert [key for key, row in table.items() if len(row.split()) != len(ROLES) or set(row.split()) - WORDS] == []
