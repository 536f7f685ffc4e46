"""Images from any server that speaks OpenAI's images API, with the partial ones that it streams."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import openai

from imaging.operations import open_picture
from imaging.painter import preview_of
from imaging.providers import OPENAI, Painting, Prompt, Show
from jobs.errors import InvalidInput, JobError
from jobs.providers.base import bad_answer
from jobs.providers.openai_compatible import Endpoint

#: How many partial images are asked for; each is paid for.
PARTIAL_IMAGES = 3
#: What servers call a prompt that they will not paint.
REFUSALS = frozenset({"moderation_blocked", "content_policy_violation", "content_policy"})

Guard = Callable[[], contextlib.AbstractContextManager[Any]]


class OpenAIImages(Endpoint):
    """An ImageProvider. It has no seeds and no steps: what is shown as steps are the partial images of its stream.

    guard: entered for each call; a rate limit and a breaker.
    """

    name = OPENAI
    title = "The image service"

    def __init__(
        self, *, base_url: str, api_key: str, model: str, timeout: timedelta, guard: Guard = contextlib.nullcontext
    ) -> None:
        super().__init__(base_url=base_url, api_key=api_key, model=model, timeout=timeout)
        self._guard = guard

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        """Ask once. Raises RateLimited, Unavailable, InvalidInput (prompt_refused, size_refused), or JobError."""
        with self._guard():
            image = self._ask(prompt, show)
        return Painting(image, seed=None, model=self.model, ai=True)

    def _ask(self, prompt: Prompt, show: Show) -> bytes:
        steps = PARTIAL_IMAGES + 1
        image = b""
        try:
            with self.client() as client:
                for step, image in enumerate(self._images(client, prompt), start=1):
                    show(min(step, steps), steps, preview_of(open_picture(image, self.title)))
        except openai.OpenAIError as error:
            failure = self.translate(error)
        except (ValueError, TypeError, AttributeError, LookupError, binascii.Error):
            failure = bad_answer(self.title)  # no JSON, no base64, or a body that is no image at all
        else:
            if image:
                return image
            failure = bad_answer(self.title)
        # Outside of `except`: the SDK's error quotes the answer, and must not travel along as the context.
        raise failure

    def _images(self, client: openai.OpenAI, prompt: Prompt) -> Iterator[bytes]:
        """Yield the partial images as they come, and the finished one last."""
        what: dict[str, Any] = {
            "model": self.model, "prompt": prompt.text, "size": f"{prompt.width}x{prompt.height}", "n": 1,
        }  # fmt: skip
        try:
            answer = client.images.with_raw_response.generate(**what, stream=True, partial_images=PARTIAL_IMAGES)
        except openai.BadRequestError as error:
            if error.param not in ("stream", "partial_images"):
                raise
            answer = client.images.with_raw_response.generate(**what)  # it cannot stream
        if "text/event-stream" not in answer.headers.get("content-type", ""):
            yield _decode(json.loads(answer.http_response.read())["data"][0]["b64_json"])
            return
        finished = False
        for event in answer.parse():
            finished = event.type == "image_generation.completed"
            if finished or event.type == "image_generation.partial_image":
                yield _decode(event.b64_json)
        if not finished:
            raise ValueError("the stream broke off")

    def translate(self, error: openai.OpenAIError) -> JobError:
        code = getattr(error, "code", None)
        if code in REFUSALS:
            return InvalidInput("The image service refuses this prompt. Write it another way.", code="prompt_refused")
        if isinstance(error, openai.BadRequestError) and error.param == "size":
            return InvalidInput(
                "The image service does not paint this size. Try 1024 x 1024, 1536 x 1024 or 1024 x 1536.",
                code="size_refused",
            )
        return super().translate(error)


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
