"""The OpenAI-compatible provider against a server that speaks the real protocol."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Iterator
from datetime import timedelta

import pydantic
import pytest

from jobs.errors import InvalidInput, JobError, RateLimited, Unavailable
from jobs.providers.openai_compatible import OpenAICompatible
from tests.standins import openai_server
from tests.standins.openai_server import API_KEY, OpenAIServer

SECRET_PROMPT = "the prompt nobody may see"


class Colours(pydantic.BaseModel):
    names: list[str]
    favourite: str | None


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def provider(server: OpenAIServer, *, api_key: str = API_KEY, timeout: float = 5) -> OpenAICompatible:
    return OpenAICompatible(
        base_url=server.base_url, api_key=api_key, model="stand-in", timeout=timedelta(seconds=timeout)
    )


def ask(model: OpenAICompatible) -> Colours:
    return model.parse([{"role": "user", "content": SECRET_PROMPT}], Colours)


def failure(server: OpenAIServer, behaviour: openai_server.Behaviour) -> JobError:
    """Return the error that one request ends with; fails if a second request was sent."""
    server.will(behaviour)
    with pytest.raises(JobError) as raised:
        ask(provider(server))
    assert len(server.requests) == 1, "the provider retried by itself"
    return raised.value


def is_retried(error: JobError) -> bool:
    return isinstance(error, Unavailable)


def test_an_answer_that_fits_the_schema_comes_back_as_the_model(server: OpenAIServer) -> None:
    server.will(openai_server.ok({"names": ["mavi", "yeşil"], "favourite": None}))
    assert ask(provider(server)) == Colours(names=["mavi", "yeşil"], favourite=None)
    request = server.requests[0]
    assert request["model"] == "stand-in"
    assert request["messages"] == [{"role": "user", "content": SECRET_PROMPT}]
    assert request["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("behaviour", "wait"),
    [
        (openai_server.rate_limited(retry_after=20), timedelta(seconds=20)),
        (openai_server.rate_limited(retry_after="1.5"), timedelta(seconds=1.5)),
        (openai_server.rate_limited(retry_after=20, milliseconds=750), timedelta(milliseconds=750)),
        (openai_server.rate_limited(retry_after=None), None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(
    server: OpenAIServer, behaviour: openai_server.Behaviour, wait: timedelta | None
) -> None:
    error = failure(server, behaviour)
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


def test_an_account_without_credit_is_not_a_rate_limit_and_is_never_retried(server: OpenAIServer) -> None:
    error = failure(server, openai_server.insufficient_quota())
    assert error.code == "provider_quota"
    assert not is_retried(error)
    assert not isinstance(error, InvalidInput), "the caller can do nothing about it"


@pytest.mark.parametrize(
    ("behaviour", "code", "retried"),
    [
        (openai_server.server_error(500), "provider_unavailable", True),
        (openai_server.server_error(503), "provider_unavailable", True),
        (openai_server.dropped(), "provider_unreachable", True),
        (openai_server.bad_json(), "provider_bad_answer", True),
        (openai_server.schema_mismatch(), "provider_bad_answer", True),
        (openai_server.cut_short(), "provider_bad_answer", True),
        (openai_server.html_page(), "provider_bad_answer", True),
        (openai_server.no_choices(), "provider_bad_answer", True),
        (openai_server.forbidden(), "provider_refused_key", False),
        (openai_server.unknown_model(), "provider_refused_request", False),
    ],
)
def test_a_failure_of_the_provider_has_a_code_that_decides_the_retry(
    server: OpenAIServer, behaviour: openai_server.Behaviour, code: str, retried: bool
) -> None:
    error = failure(server, behaviour)
    assert (error.code, is_retried(error)) == (code, retried)
    assert not isinstance(error, InvalidInput)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (openai_server.refusal(), "refused"),
        (openai_server.content_filter(), "refused"),
        (openai_server.text_too_long(), "text_too_long"),
    ],
)
def test_what_only_another_document_can_change_is_invalid_input(
    server: OpenAIServer, behaviour: openai_server.Behaviour, code: str
) -> None:
    error = failure(server, behaviour)
    assert isinstance(error, InvalidInput)
    assert error.code == code


def test_an_answer_that_does_not_come_in_time_is_unavailable(server: OpenAIServer) -> None:
    server.will(openai_server.slow(seconds=10))
    with pytest.raises(Unavailable) as raised:
        ask(provider(server, timeout=0.2))
    assert raised.value.code == "provider_timed_out"


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = OpenAICompatible(
        base_url=f"http://127.0.0.1:{port}/v1", api_key=API_KEY, model="m", timeout=timedelta(seconds=5)
    )
    with pytest.raises(Unavailable) as raised:
        ask(model)
    assert raised.value.code == "provider_unreachable"


def test_a_wrong_key_is_the_operators_to_repair(server: OpenAIServer) -> None:
    with pytest.raises(JobError) as raised:
        ask(provider(server, api_key="sk-wrong"))
    assert raised.value.code == "provider_refused_key"
    assert not is_retried(raised.value)


@pytest.mark.parametrize(
    "behaviour",
    [
        openai_server.rate_limited(),
        openai_server.insufficient_quota(),
        openai_server.server_error(),
        openai_server.bad_json(),
        openai_server.schema_mismatch(),
        openai_server.refusal(),
        openai_server.cut_short(),
        openai_server.dropped(),
        openai_server.text_too_long(),
    ],
)
def test_neither_the_error_nor_its_traceback_nor_the_log_quotes_prompt_key_or_answer(
    server: OpenAIServer, behaviour: openai_server.Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    error = failure(server, behaviour)
    seen = error.message + "".join(traceback.format_exception(error)) + caplog.text
    for secret in (SECRET_PROMPT, API_KEY, "Data Engi", "unexpected", "I cannot assist", "billing", "RPM"):
        assert secret not in seen
    assert error.__context__ is None


def test_the_stand_in_refuses_what_the_real_server_refuses() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert openai_server.find_problem(request) is not None
    response_format = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": loose}}
    problem = openai_server.find_problem(request | {"response_format": response_format})
    assert problem is not None
    assert "additionalProperties" in problem
