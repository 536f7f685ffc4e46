"""A server on loopback that speaks OpenAI's chat completions and images, for tests and for trying Sıra by hand.

    with OpenAIServer() as server:
        server.will(rate_limited(retry_after=20), ok({"colour": "blue"}))
        …  # server.base_url, server.requests

It checks what the real one checks: the key, the path, and that the JSON schema is a strict one. Each request takes the
next behaviour; when none is left, the answer is the emptiest one that fits the schema, or a streamed plain image.

By hand: python -m tests.standins.openai_server 8099
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "sk-stand-in-not-a-secret"

Behaviour = Callable[["_Handler", dict[str, Any]], None]


# --- Behaviours -----------------------------------------------------------------------------------------------
def ok(content: Callable[[dict[str, Any]], Any] | Any = None) -> Behaviour:
    """Answer with this JSON content, or with what it returns for the request; by default what fits the schema."""

    def behave(handler: _Handler, request: dict[str, Any]) -> None:
        schema = request["response_format"]["json_schema"]["schema"]
        value = content(request) if callable(content) else content
        handler.complete(json.dumps(emptiest(schema, schema) if value is None else value, ensure_ascii=False))

    return behave


def rate_limited(retry_after: float | str | None = 20, *, milliseconds: int | None = None) -> Behaviour:
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-remaining-tokens": "199000",
        "x-ratelimit-reset-requests": "20s",
        "x-ratelimit-reset-tokens": "300ms",
    }
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if milliseconds is not None:
        headers["retry-after-ms"] = str(milliseconds)
    message = "Rate limit reached for the model on requests per min (RPM): Limit 500, Used 500, Requested 1."
    return _error(429, message, "requests", "rate_limit_exceeded", headers)


def insufficient_quota() -> Behaviour:
    message = "You exceeded your current quota, please check your plan and billing details."
    return _error(429, message, "insufficient_quota", "insufficient_quota")


def server_error(status: int = 500) -> Behaviour:
    return _error(status, "The server had an error while processing your request.", "server_error", None)


def forbidden() -> Behaviour:
    return _error(403, "You are not allowed to generate with this model.", "invalid_request_error", None)


def unknown_model() -> Behaviour:
    return _error(
        404, "The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"
    )


def text_too_long() -> Behaviour:
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
    return _error(400, message, "invalid_request_error", "context_length_exceeded")


def bad_json() -> Behaviour:
    return lambda handler, _request: handler.complete('{"basics": {"profession": "Data Engi')


def schema_mismatch() -> Behaviour:
    return lambda handler, _request: handler.complete('{"unexpected": ["field"]}')


def refusal() -> Behaviour:
    return lambda handler, _request: handler.complete(None, refusal="I'm sorry, I cannot assist with that request.")


def content_filter() -> Behaviour:
    return lambda handler, _request: handler.complete("", finish_reason="content_filter")


def cut_short() -> Behaviour:
    return lambda handler, _request: handler.complete('{"basics": {"prof', finish_reason="length")


def slow(seconds: float) -> Behaviour:
    def behave(handler: _Handler, request: dict[str, Any]) -> None:
        handler.server.stand_in.released.wait(seconds)
        ok()(handler, request)

    return behave


def dropped() -> Behaviour:
    """Close the connection with a reset before an answer."""

    def behave(handler: _Handler, request: dict[str, Any]) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    return behave


def html_page() -> Behaviour:
    """Answer 200 with the page of a proxy that thinks it is helping."""
    return lambda handler, _request: handler.send(200, b"<html>Please sign in</html>", {"content-type": "text/html"})


def no_choices() -> Behaviour:
    return lambda handler, _request: handler.send_json(200, {"id": "x", "object": "chat.completion", "choices": []})


def _error(status: int, message: str, kind: str, code: str | None, headers: dict[str, str] | None = None) -> Behaviour:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return lambda handler, _request: handler.send_json(status, body, headers)


def image(*, partial: int | None = None, seconds: float = 0, size: tuple[int, int] | None = None) -> Behaviour:
    """Paint a plain image of the size that was asked for, streamed if that was asked for.

    partial: how many partial images come first, by default as many as asked. seconds: between two of them.
    """

    def behave(handler: _Handler, request: dict[str, Any]) -> None:
        width, height = size or (int(side) for side in request["size"].split("x"))
        if not request.get("stream"):
            body = {"created": int(time.time()), "data": [{"b64_json": plain_png(width, height)}]}
            return handler.send_json(200, body | {"output_format": "png", "size": request["size"]})
        handler.begin_stream()
        common = {
            "created_at": int(time.time()), "size": request["size"], "quality": "high", "background": "opaque",
            "output_format": "png",
        }  # fmt: skip
        count = request.get("partial_images", 0) if partial is None else partial
        for index in range(count):
            handler.send_event(
                {
                    "type": "image_generation.partial_image", "partial_image_index": index,
                    "b64_json": plain_png(width, height, 40 + 40 * index), **common,
                }
            )  # fmt: skip
            handler.server.stand_in.released.wait(seconds)
        usage = {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14}
        details = {"input_tokens_details": {"image_tokens": 0, "text_tokens": 5}}
        finished = {"type": "image_generation.completed", "b64_json": plain_png(width, height, 220)}
        return handler.send_event(finished | common | {"usage": usage | details})

    return behave


def plain_png(width: int, height: int, shade: int = 220) -> str:
    """Return a one-coloured PNG in base64."""
    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 90, 160)).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


def image_of(content: str) -> Behaviour:
    """Answer with this as `b64_json`, whatever it is."""
    return lambda handler, _request: handler.send_json(200, {"created": 1, "data": [{"b64_json": content}]})


def broken_stream() -> Behaviour:
    """Stream a partial image, then go away."""

    def behave(handler: _Handler, request: dict[str, Any]) -> None:
        handler.begin_stream()
        handler.send_event(
            {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": plain_png(16, 16)}
        )

    return behave


def blocked_prompt() -> Behaviour:
    message = "Your request was rejected by the safety system."
    return _error(400, message, "image_generation_user_error", "moderation_blocked")


def bad_parameter(name: str) -> Behaviour:
    body = {"error": {"message": f"Invalid value: '{name}'.", "type": "invalid_request_error", "param": name}}
    return lambda handler, _request: handler.send_json(400, {"error": body["error"] | {"code": "invalid_value"}})


# --- The server -----------------------------------------------------------------------------------------------
@dataclass
class OpenAIServer:
    """requests: the bodies of those that were well-formed, in order; headers: theirs, lower-case names."""

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    behaviours: deque[Behaviour] = field(default_factory=deque)
    released: threading.Event = field(default_factory=threading.Event)

    def will(self, *behaviours: Behaviour) -> None:
        self.behaviours.extend(behaviours)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> OpenAIServer:
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.stand_in = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Server(ThreadingHTTPServer):
    stand_in: OpenAIServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that timed out and left is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        stand_in = self.server.stand_in
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path not in CHECKS:
            return self.fail(404, f"Invalid URL (POST {self.path})")
        if self.headers.get("authorization") != f"Bearer {API_KEY}":
            return self.fail(401, "Incorrect API key provided.", "invalid_api_key")
        request = json.loads(raw)
        check, default = CHECKS[self.path]
        if problem := check(request):
            return self.fail(400, problem)
        stand_in.requests.append(request)
        stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        behave = stand_in.behaviours.popleft() if stand_in.behaviours else default()
        behave(self, request)
        return None

    def complete(self, content: str | None, *, refusal: str | None = None, finish_reason: str = "stop") -> None:
        self.send_json(
            200,
            {
                "id": "chatcmpl-standin",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": "stand-in",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
                        "logprobs": None,
                        "finish_reason": finish_reason,
                    }
                ],
                "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46},
                "service_tier": "default",
                "system_fingerprint": "fp_standin",
            },
        )

    def fail(self, status: int, message: str, code: str | None = None) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.send_json(status, {"error": error})

    def send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(body).encode(), {"content-type": "application/json"} | (headers or {}))

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-request-id", "req_standin")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def send_event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def find_image_problem(request: Any) -> str | None:
    """Return what the real server would complain about in a request for an image, or None."""
    if not isinstance(request, dict) or not request.get("prompt"):
        return "Missing required parameter: 'prompt'."
    if unknown := set(request) - {"model", "prompt", "size", "n", "stream", "partial_images"}:
        return f"Unknown parameter: '{sorted(unknown)[0]}'."
    if request.get("partial_images") is not None and not request.get("stream"):
        return "'partial_images' is only supported when 'stream' is true."
    return None


def find_problem(request: Any) -> str | None:
    """Return what the real server would complain about, or None."""
    if not isinstance(request, dict) or not request.get("model"):
        return "you must provide a model parameter"
    if not request.get("messages"):
        return "Invalid 'messages': empty array. Expected an array with minimum length 1."
    response_format = request.get("response_format") or {}
    json_schema = response_format.get("json_schema") or {}
    if (
        response_format.get("type") != "json_schema"
        or not json_schema.get("name")
        or json_schema.get("strict") is not True
    ):
        return "Invalid 'response_format': expected a strict json_schema."
    schema = json_schema["schema"]
    for part in (schema, *schema.get("$defs", {}).values()):
        if part.get("type") == "object":
            if part.get("additionalProperties") is not False:
                return "Invalid schema for response_format: 'additionalProperties' is required to be false."
            if set(part.get("required", [])) != set(part["properties"]):
                return "Invalid schema for response_format: 'required' must include every key in properties."
    return None


def emptiest(part: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return the emptiest value that fits a part of a schema: null, [], False, 0, "", the first of those that
    are allowed, or an object of such."""
    if "$ref" in part:
        return emptiest(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in part:
        return None if {"type": "null"} in part["anyOf"] else emptiest(part["anyOf"][0], schema)
    if part.get("type") == "object":
        return {name: emptiest(child, schema) for name, child in part["properties"].items()}
    if "enum" in part:
        return part["enum"][0]
    return {"array": [], "boolean": False, "integer": 0, "number": 0, "string": "", "null": None}[part["type"]]


#: What each address checks, and how it answers when nothing else was asked for.
CHECKS: dict[str, tuple[Callable[[Any], str | None], Callable[[], Behaviour]]] = {
    "/v1/chat/completions": (find_problem, ok),
    "/v1/images/generations": (find_image_problem, image),
}


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    with OpenAIServer(port=port) as server:
        sys.stdout.write(f"OPENAI_BASE_URL={server.base_url} OPENAI_API_KEY={API_KEY} CV_PROVIDER=openai\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.thread.join()


if __name__ == "__main__":
    main()
