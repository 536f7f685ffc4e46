"""Every address of the domain apps, asked as no client of ours would: what comes back is an answer or a problem.

The addresses are read from the URL configuration, so that a new one is asked as well. Each is asked with ids of rows
that exist and with texts that are no ids; the fixture that holds answers against the API's description looks on.
"""

from __future__ import annotations

import json
import mailbox
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.schemas.generators import EndpointEnumerator
from rest_framework.test import APIClient

from jobs.api.problems import MEDIA_TYPE
from jobs.api.views import View
from tests.harness.tokens import token_of
from tests.orders.conftest import deliver, letter, work

APPS = ("classifier", "imaging", "orders", "parsers")
METHODS = ("get", "post", "put", "patch", "delete")
NO_IDS = ("x", "%00", "a%00b", "%ff", "9" * 40, "{0}", "%F0%9F%98%80", "a" * 300, "%ed%a0%80", "urn:uuid:0")
#: content type, body
BODIES: tuple[tuple[str, str | bytes], ...] = (
    ("application/json", ""),
    ("application/json", "[]"),
    ("application/json", "null"),
    ("application/json", "{"),
    ("application/json", "1" + "0" * 400),
    ("application/json", "[" * 100_000),
    ("application/json", b"\xff\xfe"),
    ("application/json", "{}"),
    ("application/json", '{"\\u0000": "\\u0000", "text": "\\ud800"}'),
    ("application/xml", "<a/>"),
    ("a/b/c", "x"),
    ("multipart/form-data", "x"),
    ("multipart/form-data; boundary=x", "--x\r\n"),
    ("application/x-www-form-urlencoded", "a=%00&user_id=%00&prompt=%ff"),
)
#: Values for every field that an address may read.
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "x" * 5000,
    [],
    [None],
    {},
    {"a": {}},
    "9" * 400,
    "٣",
    2**63,
)
QUERIES = (
    "limit=" + "9" * 400, "limit=%00", "limit=-1", "cursor=%00", "cursor=" + "9" * 30, "cursor=1.1", "before=x",
    "q=%00", "q=%ff&box=all", "box=x", "hours=" + "9" * 400, "format=%00", "document=" + "9" * 19, "session_id=%00",
    "session_id=%ed%a0%80", "%00=1",
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {"HTTP_PREFER": "wait=\0"},
    {"HTTP_IDEMPOTENCY_KEY": "a b"},
    {"HTTP_ACCEPT_LANGUAGE": "\0;q=x,"},
    {"HTTP_ACCEPT": "x"},
    {"HTTP_IF_NONE_MATCH": "\0"},
    {"HTTP_AUTHORIZATION": "Token \xff"},
    {"HTTP_AUTHORIZATION": "Bearer a b"},
)


def addresses(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, type[View]]]:
    """Yield each address of the apps as a template, "/api/mails/{mail_id}", and its view."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, View) and view.__module__.partition(".")[0] in APPS:
                yield EndpointEnumerator().get_path_from_regex(route).rstrip("/"), view


@pytest.fixture
def staff(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def api(staff: Any, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> APIClient:
    """A client that may ask for everything, and never waits."""
    import classifier.views
    import imaging.views
    import orders.views
    import parsers.ingestion.views
    import parsers.views

    settings.MEDIA_ROOT, settings.OUTBOX_DIR = tmp_path / "files", tmp_path / "outbox"
    settings.MAILDIR, settings.MAILDIR_HAS_SAMPLES = tmp_path / "mails", False
    mailbox.Maildir(str(settings.MAILDIR), create=True)
    for views in (classifier.views, imaging.views, orders.views, parsers.views):
        monkeypatch.setattr(views, "wait_for_end", lambda job, seconds: job)
    monkeypatch.setattr(parsers.ingestion.views, "STOP_SECONDS", 0.0)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(staff)}")
    return client


@pytest.fixture
def rows(api: APIClient) -> dict[str, str]:
    """Ids of rows that exist, by the name that addresses have for them."""

    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("a.txt", b"The library opens at nine.")

    deliver(_maildir(), letter("Where is order 1028?"))
    api.post("/api/mails/fetch")
    work()
    conversation = api.post("/api/v1/conversations", {"title": "x"}, format="json").json()["id"]
    message = api.post(f"/api/v1/conversations/{conversation}/messages", {"prompt": "x"}, format="json").json()["id"]
    api.post("/api/documents/process-and-store-batch", {"files": [file()], "session_id": "s"})
    return {
        "mail_id": api.get("/api/mails").json()["results"][0]["id"],
        "job_id": api.post("/batch/upload", {"files": [file()]}).json()["job_id"],
        "doc_id": api.post("/upload", {"file": file()}).json()["doc_id"],
        "conversation_id": conversation,
        "message_id": message,
        "session_id": "s",
        "document_id": "1",
    }


def _maildir() -> Any:
    from django.conf import settings

    return settings.MAILDIR


def asked(api: APIClient, method: str, address: str, what: Any, *arguments: Any, **options: Any) -> Any:
    answer = api.generic(method.upper(), address, *arguments, **options)
    waits = answer.status_code in (503, 504) and answer.json()["code"] in ("no_worker", "still_processing")
    assert answer.status_code < 500 or waits, (method, address[:100], what, answer.content)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == MEDIA_TYPE, (method, address[:100], what, answer["Content-Type"])
    return answer


@pytest.mark.django_db
def test_no_method_path_query_header_or_body_makes_an_address_fail(api, rows):
    seen = 0
    for template, view in addresses():
        names = re.findall(r"\{(\w+)\}", template)
        address = template.format(**rows)
        allowed = [method for method in METHODS if hasattr(view, method)]
        for method in (*METHODS, "head", "trace"):
            if method in allowed:
                continue
            answer = asked(api, method, address, "method")
            if method != "head" or "get" not in allowed:
                assert (answer.status_code, bool(answer["Allow"])) == (405, True), (method, address)
        assert asked(api, "options", address, "options").status_code == 200
        for name in names:
            for text in NO_IDS:
                broken = template.format(**rows | {name: text})
                for method in allowed:
                    asked(api, method, broken, "path", "{}", content_type="application/json")
        for headers in HEADERS:
            asked(api, next(iter(allowed)), address, headers, **headers) if allowed != ["delete"] else None
        if "get" in allowed:
            for query in QUERIES:
                asked(api, "get", f"{address}?{query}", query)
        for method in ("post", "patch"):
            if method in allowed:
                for media, body in BODIES:
                    asked(api, method, address, (media, body[:40]), body, content_type=media)
        seen += 1
    assert seen > 40


@pytest.mark.django_db
def test_no_value_of_a_field_makes_an_address_fail(api, rows):
    for template, view in addresses():
        address = template.format(**rows)
        for method in ("post", "patch"):
            declared = getattr(getattr(view, method, None), "operation", None)
            for shape in {declared.request, declared.form} - {None} if declared else ():
                good = {name: value for name, value in shape.example.items() if name not in ("file", "files")}
                for name in shape().fields:
                    for value in VALUES:
                        body = json_of(good | {name: value})
                        asked(api, method, address, (name, value), body, content_type="application/json")


def json_of(value: Any) -> str:
    return json.dumps(value)
