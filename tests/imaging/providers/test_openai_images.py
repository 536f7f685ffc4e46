"""The OpenAI-compatible image provider against a server that speaks the real protocol."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image

from imaging.openai_images import OpenAIImages
from imaging.operations import generate
from imaging.providers import Prompt
from jobs.errors import Interrupt, InvalidInput, JobError, RateLimited, Unavailable
from tests.standins import openai_server
from tests.standins.openai_server import API_KEY, OpenAIServer

PROMPT = Prompt("a red kite over the Bosphorus", 64, 48, 20, 7)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def provider(server: OpenAIServer, *, api_key: str = API_KEY, timeout: float = 5) -> OpenAIImages:
    return OpenAIImages(base_url=server.base_url, api_key=api_key, model="stand-in", timeout=timedelta(seconds=timeout))


def shown(steps: list[tuple[int, int]], sizes: list[tuple[int, int]]):
    def show(step: int, count: int, preview: bytes | None = None) -> None:
        steps.append((step, count))
        if preview:
            with Image.open(io.BytesIO(preview)) as opened:
                assert opened.format == "WEBP"
                sizes.append(opened.size)

    return show


def nothing(*_: object) -> None: ...


def failure(server: OpenAIServer, behaviour: openai_server.Behaviour, requests: int = 1) -> JobError:
    server.will(behaviour)
    with pytest.raises(JobError) as raised:
        provider(server).paint(PROMPT, nothing)
    assert len(server.requests) == requests, "the provider retried by itself"
    assert PROMPT.text not in str(raised.value)
    assert raised.value.__context__ is None or raised.value.__suppress_context__  # it quotes the answer
    return raised.value


def test_partial_images_are_shown_before_the_finished_one(server: OpenAIServer) -> None:
    steps, sizes = [], []
    painting = provider(server).paint(PROMPT, shown(steps, sizes))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert set(sizes) == {(64, 48)}
    assert painting.image == base64.b64decode(openai_server.plain_png(64, 48, 220))
    assert (painting.seed, painting.model, painting.ai) == (None, "stand-in", True)
    (request,) = server.requests
    assert (request["prompt"], request["size"], request["stream"]) == (PROMPT.text, "64x48", True)


def test_a_server_that_does_not_stream_is_asked_without(server: OpenAIServer) -> None:
    server.will(openai_server.bad_parameter("stream"))
    steps: list[tuple[int, int]] = []
    painting = provider(server).paint(PROMPT, shown(steps, []))
    assert steps == [(1, 4)]
    assert painting.image[:4] == b"\x89PNG"
    assert [bool(request.get("stream")) for request in server.requests] == [True, False]


def test_a_server_that_ignores_the_wish_to_stream_is_understood(server: OpenAIServer) -> None:
    server.will(openai_server.image_of(openai_server.plain_png(64, 48)))
    assert provider(server).paint(PROMPT, nothing).image[:4] == b"\x89PNG"


def test_the_picture_is_as_large_as_the_one_that_came(server: OpenAIServer) -> None:
    server.will(openai_server.image(size=(96, 64)))
    picture = generate(provider(server), PROMPT, refused=[], show=lambda *_, **__: None)
    assert (picture.width, picture.height) == (96, 64)
    assert Image.open(io.BytesIO(picture.png)).info["AI-Generated"] == "yes"


@pytest.mark.parametrize("behaviour", [openai_server.blocked_prompt()], ids=["blocked"])
def test_a_refused_prompt_is_never_tried_again(server: OpenAIServer, behaviour: openai_server.Behaviour) -> None:
    error = failure(server, behaviour)
    assert isinstance(error, InvalidInput)
    assert error.code == "prompt_refused"


def test_a_size_that_it_does_not_paint_is_said(server: OpenAIServer) -> None:
    error = failure(server, openai_server.bad_parameter("size"))
    assert (isinstance(error, InvalidInput), error.code) == (True, "size_refused")


def bomb() -> str:
    """A small file that unpacks to 25 million pixels."""
    written = io.BytesIO()
    Image.new("1", (5000, 5000)).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


BROKEN = {
    "no base64": openai_server.image_of("!!!"),
    "no picture": openai_server.image_of(base64.b64encode(b"nothing to see").decode()),
    "half a picture": openai_server.image_of(openai_server.plain_png(64, 48)[:80]),
    "a bomb": openai_server.image_of(bomb()),
    "a page": openai_server.html_page(),
    "no data": lambda handler, _: handler.send_json(200, {"created": 1, "data": []}),
    "a stream that breaks off": openai_server.broken_stream(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_tried_again(server: OpenAIServer, name: str) -> None:
    error = failure(server, BROKEN[name])
    assert (isinstance(error, Unavailable), error.code) == (True, "provider_bad_answer")


def test_whose_fault_it_was_decides_what_becomes_of_the_job(server: OpenAIServer) -> None:
    limited = failure(server, openai_server.rate_limited(retry_after=20))
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == timedelta(seconds=20)
    assert failure(server, openai_server.server_error(), 2).code == "provider_unavailable"
    assert failure(server, openai_server.insufficient_quota(), 3).code == "provider_quota"
    assert failure(server, openai_server.dropped(), 4).code == "provider_unreachable"
    with pytest.raises(JobError) as refused:
        provider(server, api_key="sk-another").paint(PROMPT, nothing)
    assert refused.value.code == "provider_refused_key"


def test_an_answer_that_does_not_come_in_time_is_tried_again(server: OpenAIServer) -> None:
    server.will(openai_server.image(seconds=30))
    with pytest.raises(Unavailable) as raised:
        provider(server, timeout=0.3).paint(PROMPT, nothing)
    assert raised.value.code == "provider_timed_out"


def test_an_interrupt_between_two_images_goes_through(server: OpenAIServer) -> None:
    def stop(*_: object) -> None:
        raise Interrupt

    with pytest.raises(Interrupt):
        provider(server).paint(PROMPT, stop)
    assert provider(server).paint(PROMPT, nothing).ai
