"""The headers that all answers of an address have: what DRF and the middleware say of it, asked once and remembered."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

Headers = tuple[tuple[bytes, bytes], ...]

#: The first counts and logs requests, the second looks for files.
NOT_ASKED = frozenset({"jobs.api.observing.Observed", "whitenoise.middleware.WhiteNoiseMiddleware"})
#: More languages than people prefer; a longer header is not worth a place.
LONGEST_LANGUAGES = 100

#: What the innermost of the middleware answers with.
_inner: ContextVar[HttpResponse | None] = ContextVar("inner", default=None)


def key_of(scope: dict[str, Any], headers: dict[bytes, bytes]) -> tuple[Any, ...] | None:
    """Return all of a request that the frame of its answer depends on: who is asked, over what, in which language.

    None: it is unusual, and not worth a place among the frames.
    """
    languages = headers.get(b"accept-language", b"")
    if len(languages) > LONGEST_LANGUAGES:
        return None
    said = {name: headers.get(name) for name in _heeded()}
    return scope.get("scheme"), tuple(scope.get("server") or ()), tuple(said.items()), languages


@cache
def _heeded() -> tuple[bytes, ...]:
    names = [b"host"]
    if settings.USE_X_FORWARDED_HOST:
        names.append(b"x-forwarded-host")
    if settings.USE_X_FORWARDED_PORT:
        names.append(b"x-forwarded-port")
    if proxy := settings.SECURE_PROXY_SSL_HEADER:
        names.append(proxy[0].removeprefix("HTTP_").replace("_", "-").lower().encode())
    return tuple(names)


@lru_cache(maxsize=1000)
def frame(method: str, path: str, allow: str, is_empty: bool, key: tuple[Any, ...]) -> Headers | None:
    """Return the headers of every answer to such a request; None when the middleware would not let it through.

    path: an example of the address. allow: the methods that it takes. key: of `key_of`.
    """
    scheme, server, heeded, languages = key
    headers = [(name, value) for name, value in heeded if value is not None]
    if languages:
        headers.append((b"accept-language", languages))
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "scheme": scheme, "server": server or None, "headers": headers,
    }  # fmt: skip
    inner = HttpResponse(content_type="application/json")
    if is_empty:
        del inner["Content-Type"]
    inner["Allow"] = allow
    inner["Cache-Control"] = "no-cache, private"
    patch_vary_headers(inner, ["Authorization", "Cookie"])
    token = _inner.set(inner)
    try:
        with translation.override(translation.get_language()):  # which the middleware chooses, and leaves so
            response = _middleware()(ASGIRequest(scope, BytesIO()))
    except Exception:  # a host that is not ours: the usual way says so
        return None
    finally:
        _inner.reset(token)
    if response is not inner or response.cookies:  # somebody else has answered
        return None
    return tuple(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.items()
        if name != "Content-Length"
    )


@cache
def _middleware() -> Any:
    handler: Any = lambda request: _inner.get()  # noqa: E731
    for name in reversed(settings.MIDDLEWARE):
        if name not in NOT_ASKED:
            handler = import_string(name)(handler)
    return handler
