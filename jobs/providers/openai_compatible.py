"""Any server that speaks OpenAI's API (OpenAI, Ollama, vLLM, …): how it is reached and fails, structured answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

import openai
import pydantic
from openai.types.chat import ChatCompletionMessageParam

from jobs.errors import InvalidInput, JobError
from jobs.providers.base import bad_answer, error_for_status, timed_out, unreachable

Answer = TypeVar("Answer", bound=pydantic.BaseModel)


class Endpoint:
    """A model behind an OpenAI-compatible API.

    title: what people call it in sentences. base_url: with the version, such as https://api.openai.com/v1. timeout: for
    the connection and for each wait for bytes; the job's own time-out bounds the whole.
    """

    title = "The model"

    def __init__(self, *, base_url: str, api_key: str, model: str, timeout: timedelta) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.model = model
        self.timeout = timeout

    def client(self) -> openai.OpenAI:
        """Return a client that never retries: the job does.

        One for each call: it holds sockets, and a worker may fork or sit idle for hours between two.
        """
        return openai.OpenAI(
            base_url=self.base_url, api_key=self.api_key, timeout=self.timeout.total_seconds(), max_retries=0
        )

    def translate(self, error: openai.OpenAIError) -> JobError:
        """Return whose fault it was: RateLimited, Unavailable, or a JobError for what the operator must repair."""
        match error:
            case openai.APITimeoutError():
                return timed_out(self.title, self.timeout)
            case openai.APIConnectionError():
                return unreachable(self.title)
            case openai.RateLimitError() if "insufficient_quota" in (error.code, error.type):
                return JobError(
                    f"{self.title}'s account has no credit left. The operator must add some; then retry the job.",
                    code="provider_quota",
                )
            case openai.APIStatusError():
                return error_for_status(error.status_code, error.response.headers, self.title)
        # LengthFinishReasonError, a response that is not valid, …
        return bad_answer(self.title)


class OpenAICompatible(Endpoint):
    """A model behind a chat-completions API that can answer as a JSON schema."""

    title = "The language model"

    def parse(self, messages: Iterable[ChatCompletionMessageParam], schema: type[Answer]) -> Answer:
        """Send `messages` once and return the answer as a `schema`.

        Raises RateLimited; Unavailable (provider_unreachable, provider_timed_out,
        provider_unavailable, provider_bad_answer); InvalidInput (refused, text_too_long); JobError, which is not
        retried, for what the operator must repair (provider_quota, provider_refused_key, provider_refused_request).
        """
        try:
            with self.client() as client:
                completion = client.chat.completions.parse(
                    model=self.model, messages=list(messages), response_format=schema
                )
            message = completion.choices[0].message
            if message.parsed is not None:
                return message.parsed
            failure: JobError = _refused() if message.refusal else bad_answer(self.title)
        except openai.OpenAIError as error:
            failure = self.translate(error)
        except (ValueError, TypeError, AttributeError, LookupError):
            # No JSON, JSON that is not the schema (pydantic's ValidationError is a ValueError), or a body that is no
            # completion at all, such as a proxy's HTML page.
            failure = bad_answer(self.title)
        # Outside of `except`, so that the SDK's error, which quotes the answer, does not travel along as the context.
        raise failure

    def translate(self, error: openai.OpenAIError) -> JobError:
        match error:
            case openai.ContentFilterFinishReasonError():
                return _refused()
            case openai.APIStatusError() if error.status_code == 413 or _is_too_long(error):
                return InvalidInput(
                    "The text is longer than the language model can read. Send a shorter document.",
                    code="text_too_long",
                )
        return super().translate(error)


def _refused() -> InvalidInput:
    return InvalidInput(
        "The language model refused to work on this document. Check its content, or use the local provider.",
        code="refused",
    )


def _is_too_long(error: openai.APIStatusError) -> bool:
    """Say whether the text did not fit. OpenAI has a code for it; vLLM and Ollama only say it in the message."""
    return error.status_code == 400 and (
        error.code == "context_length_exceeded" or "context length" in error.message.lower()
    )
