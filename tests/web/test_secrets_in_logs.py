"""No secret reaches the log, whatever goes wrong and however much is logged."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pydantic
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.test import APIClient

from jobs import logs
from jobs.errors import JobError
from jobs.providers.openai_compatible import OpenAICompatible
from jobs.webhooks import endpoints, sender
from tests.harness.tokens import token_of
from tests.standins import openai_server
from tests.standins.openai_server import OpenAIServer
from tests.standins.webhook_receiver import WebhookReceiver

MARK = "s3cret"
PASSWORD = f"{MARK}-password"


class Log:
    """Everything that was logged, as it is written, in both formats."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handlers = []
        for formatter in (logs.JSONFormatter(), logs.LineFormatter("%(levelname)s %(name)s %(message)s")):
            handler = logging.StreamHandler(self.stream)
            handler.setFormatter(formatter)
            handler.addFilter(logs.Fields())
            self.handlers.append(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def has_none_of(self, *secrets: str) -> None:
        found = [line[:300] for line in self.text.splitlines() if any(secret in line for secret in secrets)]
        assert not found, "\n".join(found)


@pytest.fixture
def log(settings: Any) -> Iterator[Log]:
    """The log at LOG_LEVEL=DEBUG, with each request."""
    settings.SIRA_ACCESS_LOG = True
    written, root = Log(), logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    for handler in written.handlers:
        root.addHandler(handler)
    yield written
    for handler in written.handlers:
        root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password=PASSWORD)


def fail(*args: Any, **options: Any) -> Any:
    raise ZeroDivisionError("something of ours")


def test_a_token_is_not_logged_by_any_answer(ada: Any, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    token, wrong = token_of(ada), f"sira_{MARK}_0123456789abcdef"
    api = APIClient(raise_request_exception=False)
    for key in (token, wrong):
        header = {"HTTP_AUTHORIZATION": f"Bearer {key}", "HTTP_X_REQUEST_ID": f"{key}\n{key}"}
        seen = [
            api.get(f"/api/v1/jobs/?token={key}&limit={key}", **header).status_code,
            api.get(f"/api/v1/nowhere/?token={key}", **header).status_code,
            api.post("/api/v1/jobs/", {"kind": key, "input": {"token": key}}, format="json", **header).status_code,
            api.post("/api/v1/jobs/", f'{{"token": "{key}"', content_type="application/json", **header).status_code,
            api.get("/api/v1/jobs/", headers={"Host": "evil.example"}, **header).status_code,
            api.put(f"/api/v1/jobs/?{key}", **header).status_code,
        ]
        assert seen == ([400, 404, 400, 400, 400, 405] if key == token else [401, 404, 401, 401, 400, 401])
    monkeypatch.setattr("jobs.api.views.find_page", fail)
    assert api.get(f"/api/v1/jobs/?q={token}", HTTP_AUTHORIZATION=f"Token {token}").status_code == 500
    assert "something of ours" in log.text  # the traceback itself is there
    assert "Not Found: " in log.text
    log.has_none_of(token, wrong, settings.SECRET_KEY)


def test_a_password_and_a_session_are_not_logged(ada: Any, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    form = {"username": "ada", "password": PASSWORD, "next": f"/?password={PASSWORD}"}
    for page in ("/login/", "/admin/login/"):
        assert client.post(f"{page}?password={PASSWORD}", form | {"password": f"{PASSWORD}!"}).status_code == 200
        assert Client(enforce_csrf_checks=True).post(page, form).status_code == 403
    assert client.post("/login/", form).status_code == 302
    session = client.cookies["sessionid"].value
    assert client.get(f"/nowhere/?s={session}").status_code == 404
    monkeypatch.setattr("config.pages.render", fail)
    assert client.get(f"/?s={session}").status_code == 500
    monkeypatch.setattr("django.contrib.auth.forms.authenticate", fail)
    assert Client(raise_request_exception=False).post("/login/", form).status_code == 500
    assert log.text.count("something of ours") >= 2
    log.has_none_of(PASSWORD, session, settings.SECRET_KEY)


def test_the_secret_of_a_webhook_is_not_logged(ada: Any, log: Log, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    with WebhookReceiver() as receiver:
        api = APIClient()
        api.force_authenticate(ada)
        made = api.post("/api/v1/webhooks/", {"url": receiver.url}, format="json")
        assert made.status_code == 201, made.content
        secret = made.json()["secret"]
        endpoint = endpoints.WebhookEndpoint.objects.get()
        answer = sender.post(receiver.url, {"webhook-signature": f"v1,{MARK}", "cookie": MARK}, b"{}")
        assert answer.status is not None
    log.has_none_of(secret, secret.removeprefix("whsec_"), endpoint.sealed_secret, MARK)


class Colours(pydantic.BaseModel):
    names: list[str]


def test_the_key_of_a_provider_is_not_logged(log: Log) -> None:
    key = f"sk-{MARK}-key"
    with OpenAIServer() as server:
        for api_key in (openai_server.API_KEY, key):
            model = OpenAICompatible(
                base_url=server.base_url, api_key=api_key, model="stand-in", timeout=timedelta(seconds=5)
            )
            server.will(openai_server.ok({"names": []}))
            with suppress(JobError):  # the second key is refused
                model.parse([{"role": "user", "content": f"the {MARK} of a person"}], Colours)
    log.has_none_of(MARK, openai_server.API_KEY)


def test_what_would_be_logged_is_found(log: Log) -> None:
    logging.getLogger("anything").debug("a %s", PASSWORD)
    with pytest.raises(AssertionError):
        log.has_none_of(MARK)
