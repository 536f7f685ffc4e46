"""What a token may be used for: every address of the API says it, and it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework.permissions import SAFE_METHODS
from rest_framework.test import APIClient
from rest_framework.views import APIView

from jobs.api.scopes import HasScope
from jobs.tokens.models import Scope
from tests.api.conftest import KIND, client_of, make_job
from tests.harness.tokens import token_of

#: Who signs instead of showing a token.
SIGNED = {"IkasWebhook"}


def views(patterns: Any = None) -> Iterator[type[APIView]]:
    """Yield the class of every view of the API, of every app."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if hasattr(pattern, "url_patterns"):
            yield from views(pattern.url_patterns)
        elif isinstance(view := getattr(pattern.callback, "cls", None), type) and issubclass(view, APIView):
            yield view


def unsafe(view: type[APIView]) -> set[str]:
    return {method.upper() for method in view.http_method_names if hasattr(view, method)} - set(SAFE_METHODS)


def test_every_view_declares_the_scope_of_each_method_that_changes_something():
    found = {view.__name__: view for view in views()}
    assert len(found) > 50
    for name, view in found.items():
        declared = getattr(view, "scopes", {})
        assert set(declared) == (set() if name in SIGNED else unsafe(view)), name
        assert set(declared.values()) <= {Scope.SUBMIT, Scope.OPERATE}, name


def test_no_view_takes_a_token_without_asking_for_its_scope():
    for view in views():
        asks = any(isinstance(permission, HasScope) for permission in view().get_permissions())
        assert asks or not view.authentication_classes, view


def api_with(user: Any, *scopes: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {token_of(user, scopes)}")


@pytest.mark.parametrize(
    ("method", "address", "needed"),
    [
        ("get", "/api/v1/jobs/", "read"),
        ("head", "/api/v1/jobs/", "read"),
        ("options", "/api/v1/jobs/", "read"),
        ("post", "/api/v1/jobs/", "submit"),
        ("post", "/batch/upload", "submit"),
        ("post", "/api/v1/parser/parse-text", "submit"),
        ("delete", "/api/v1/jobs/00000000-0000-0000-0000-000000000000/", "operate"),
        ("post", "/cancel/1", "operate"),
        ("patch", "/api/v1/webhooks/00000000-0000-0000-0000-000000000000/", "operate"),
    ],
)
def test_a_token_without_the_scope_is_told_which_it_lacks(ada: Any, method: str, address: str, needed: str) -> None:
    others = [scope for scope in Scope.values if scope != needed]
    refused = getattr(api_with(ada, *others), method)(address)
    assert refused.status_code == 403
    assert refused["WWW-Authenticate"] == f'Bearer realm="sira", error="insufficient_scope", scope="{needed}"'
    assert refused["RateLimit"]
    if method != "head":
        assert (refused.json()["code"], refused.json()["scope"]) == ("insufficient_scope", needed)
    assert getattr(api_with(ada, needed), method)(address).status_code != 403


def test_a_method_that_is_not_there_is_no_question_of_scopes(ada: Any) -> None:
    assert api_with(ada, "read").put("/api/v1/jobs/").status_code == 405


def test_staff_with_a_token_for_looking_may_not_approve(staff: Any) -> None:
    refused = api_with(staff, "read", "submit").post("/api/mails/00000000-0000-0000-0000-000000000000/draft/approve")
    assert (refused.status_code, refused.json()["scope"]) == (403, "operate")


def test_scopes_give_no_rights_over_what_is_others(ada: Any, bob: Any) -> None:
    job = make_job(bob)
    assert client_of(ada).post(f"/api/v1/jobs/{job.pk}/cancel/").status_code == 404


def test_a_session_has_every_scope_and_needs_its_csrf_token(ada: Any) -> None:
    browser = APIClient()
    browser.force_login(ada)
    answer = browser.post("/api/v1/jobs/", {"kind": KIND, "input": {}}, format="json")
    assert answer.status_code != 403
    assert not answer.has_header("RateLimit")
    careful = APIClient(enforce_csrf_checks=True)
    careful.force_login(ada)
    assert careful.post("/api/v1/jobs/", {"kind": KIND, "input": {}}, format="json").status_code == 403
