"""The API speaks English, also where Django and DRF would translate; what has its own tables asks for `preferred()`.

A sentence that is half ours and half DRF's would else be half in one language and half in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils import translation

_preferred: ContextVar[str | None] = ContextVar("preferred_language", default=None)


@contextmanager
def english() -> Iterator[None]:
    """Let Django speak English, and remember what the client would rather read."""
    token = _preferred.set(translation.get_language())
    try:
        with translation.override("en"):
            yield
    finally:
        _preferred.reset(token)


def preferred() -> str:
    """Return the client's language (Accept-Language, cookie), such as "tr"; outside a request the active one, or ""."""
    return _preferred.get() or translation.get_language() or ""
