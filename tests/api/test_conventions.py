"""What every address of /api/v1/ does alike: OPTIONS, HEAD, pages that link to the next one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.urls import URLPattern, reverse
from rest_framework.test import APIClient

from jobs.api.urls import urlpatterns
from tests.api.conftest import finish, make_job

ARGUMENTS: dict[str, Any] = {"queue": "darkroom", "schedule_id": 1, "code": "job_not_found"}


def address_of(route: URLPattern) -> str:
    names = route.pattern.regex.groupindex
    values = {name: ARGUMENTS.get(name) or uuid.UUID(int=1) for name in names}
    return reverse(f"api:{route.name}", kwargs=values | route.default_args)


#: All but the page that shows them to people.
FOR_PROGRAMS = [route for route in urlpatterns if hasattr(route.callback, "cls")]


@pytest.mark.parametrize("route", FOR_PROGRAMS, ids=lambda route: str(route.name))
def test_every_address_says_which_methods_it_has(api: APIClient, route: URLPattern) -> None:
    response = api.options(address_of(route))
    assert response.status_code == 200, response.content
    allowed = response["Allow"].split(", ")
    assert "OPTIONS" in allowed
    wrong = "get" if "GET" not in allowed else "put"
    refused = getattr(api, wrong)(address_of(route))
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused["Allow"] == response["Allow"]


def test_head_is_get_without_a_body(api: APIClient, ada: Any) -> None:
    job = finish(ada)
    for path in ("/api/v1/jobs/", f"/api/v1/jobs/{job.pk}/", "/api/v1/kinds/", "/api/v1/jobs/results/?format=csv"):
        head = api.head(path)
        assert (head.status_code, head.content if not head.streaming else b"") == (200, b"")
        assert head["Content-Type"] == api.get(path)["Content-Type"]


def test_a_page_links_to_the_next_one(api: APIClient, ada: Any) -> None:
    jobs = [make_job(ada) for _ in range(2)]
    page = api.get("/api/v1/jobs/", {"limit": 1})
    assert page["Link"] == f'<{page.json()["next"]}>; rel="next"'
    assert "Link" not in api.get(page.json()["next"])
    assert api.get(page.json()["next"]).json()["results"][0]["id"] == str(jobs[0].pk)


def test_kinds_are_sent_again_when_they_have_changed_alone(api: APIClient) -> None:
    first = api.get("/api/v1/kinds/")
    assert first.status_code == 200
    assert api.get("/api/v1/kinds/", HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    assert api.get("/api/v1/kinds/", HTTP_IF_NONE_MATCH='"other"').status_code == 200
