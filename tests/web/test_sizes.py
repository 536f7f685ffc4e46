"""What is too large or too deep is refused with a clear answer before it is parsed, and never ends in a 500."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from tests.harness.tokens import token_of

JSON = "application/json"
DEEP = {
    "arrays": "[" * 100_000,
    "whole arrays": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "objects": '{"a": ' * 100_000,
    "just too deep": '{"a": ' * 66 + "1" + "}" * 66,
    "an integer": '{"a": ' + "9" * 100_000 + "}",
    "a number": '{"a": 1e99999}',
    "no number": '{"a": NaN}',
}
ADDRESSES = (
    "/api/v1/jobs/",
    "/api/v1/jobs/bulk/",
    "/api/v1/webhooks/",
    "/api/v1/jobs/cancel/",
    "/api/v1/conversations",
)


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient(raise_request_exception=False)
    token = token_of(get_user_model().objects.create_user("ada"))
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


class Endless(io.RawIOBase):
    """A body that goes on and on, and knows how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "all of it was asked for"
        self.taken += size
        return b" " * size


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
def test_json_that_would_exhaust_the_parser_is_no_json_of_ours(api: APIClient, body: str) -> None:
    for address in ADDRESSES:
        answer = api.post(address, body, content_type=JSON)
        assert (address, answer.status_code) == (address, 400), answer.content
        assert answer.json()["code"] in ("invalid_json", "too_deep", "not_an_object")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_body_that_says_it_is_too_large_is_not_read_at_all(api: APIClient, settings: Any, address: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = Endless()
    said = {"wsgi.input": body, "CONTENT_LENGTH": "1001", "CONTENT_TYPE": JSON}
    answer = api.generic("POST", address, b"", content_type=JSON, **said)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large"), answer.content
    assert body.taken == 0


def test_one_that_does_not_say_so_is_read_up_to_the_limit(api: APIClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = api.post("/api/v1/jobs/", " " * 999 + "{}", content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    answer = api.post("/api/v1/jobs/", " " * 998 + "{}", content_type=JSON)
    assert answer.status_code == 400  # it is read, and lacks a kind


@pytest.mark.parametrize("query", ["q=" + "x" * 100_000, "limit=" + "9" * 5000], ids=["long", "large"])
def test_a_query_without_end_is_answered(api: APIClient, query: str) -> None:
    assert api.get(f"/api/v1/jobs/?{query}").status_code == 400


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_a_query_of_many_parameters_is_refused(api: APIClient, page: str) -> None:
    assert api.get(f"{page}?" + "&".join(f"a{number}=1" for number in range(5000))).status_code == 400


def test_a_long_address_is_not_there(api: APIClient) -> None:
    assert api.get(f"/api/v1/jobs/{'9' * 100_000}/").status_code == 404
    assert api.get("/" + "x/" * 20_000).status_code == 404


@pytest.mark.parametrize(
    "name", ["Authorization", "Idempotency-Key", "Prefer", "If-None-Match", "Accept", "Accept-Language", "Cancel-After",
             "X-Request-ID", "X-Forwarded-For", "traceparent", "Last-Event-ID", "Cookie"]
)  # fmt: skip
def test_a_header_without_end_is_answered(api: APIClient, name: str) -> None:
    for value in ("9" * 100_000, "a=" * 50_000, ",;q=" * 25_000):
        answer = api.post("/api/v1/jobs/", "{}", content_type=JSON, headers={name: value})
        assert answer.status_code in (400, 401, 406), (name, answer.status_code)
        assert len(answer.headers.get("X-Request-ID", "")) <= 100
        assert api.get("/api/v1/jobs/", headers={name: value}).status_code in (200, 400, 401, 406)


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_a_form_without_end_is_refused(api: APIClient, settings: Any, page: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    form = "application/x-www-form-urlencoded"
    too_large = api.generic("POST", page, b"username=" + b"x" * 100_001, content_type=form)
    many_fields = api.generic("POST", page, b"&".join(b"a=1" for _ in range(5000)), content_type=form)
    long_name = api.generic("POST", page, b"password=x&username=" + b"x" * 90_000, content_type=form)
    assert (too_large.status_code, many_fields.status_code, long_name.status_code) == (400, 400, 200)
