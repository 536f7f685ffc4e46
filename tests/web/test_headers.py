"""What every answer tells the browser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import AsyncClient, Client

from config.headers import CONTENT_SECURITY_POLICY, HEADERS

EXPECTED = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": HEADERS["Permissions-Policy"],
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def directives() -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in CONTENT_SECURITY_POLICY.split("; "))}


def test_the_policy_lets_nothing_in_that_an_injected_text_could_use():
    policy = directives()
    words = {word for sources in policy.values() for word in sources}
    assert words <= {"'self'", "'none'", "data:", "blob:"}  # no host, no wildcard, no 'unsafe-…'
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == ["'self'"]
    assert policy["object-src"] == policy["frame-ancestors"] == ["'none'"]
    assert {name for name, sources in policy.items() if {"data:", "blob:"} & set(sources)} == {"img-src"}


@pytest.mark.parametrize(
    "path", ["/login/", "/", "/nowhere/", "/admin/login/", "/admin/", "/healthz", "/api/v1/jobs/", "/api/nowhere"]
)
def test_every_answer_has_the_headers_whatever_its_status(client: Any, db: None, path: str) -> None:
    answer = client.get(path)
    assert {name: answer[name] for name in EXPECTED} == EXPECTED


def test_what_is_refused_before_any_view_has_them_too(client: Any, db: None) -> None:
    wrong_host = client.get("/login/", headers={"Host": "evil.example"})
    assert wrong_host.status_code == 400
    assert wrong_host["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    forged = Client(enforce_csrf_checks=True).post("/login/", {})
    assert forged.status_code == 403
    assert forged["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_so_does_a_page_of_a_server_error(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> HttpResponse:
        raise ZeroDivisionError

    monkeypatch.setattr("config.pages.SignIn.get", fail)
    answer = Client(raise_request_exception=False).get("/login/")
    assert answer.status_code == 500
    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


async def _get(path: str) -> Any:
    return await AsyncClient().get(path)


def test_it_is_the_same_under_asgi(transactional_db: None) -> None:
    answer = asyncio.run(_get("/login/"))
    assert {name: answer[name] for name in EXPECTED} == EXPECTED
