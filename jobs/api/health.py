"""GET /healthz: for load balancers and people in a hurry. It answers within two seconds, whatever has happened."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.positions import live_workers, oldest_due_seconds

logger = logging.getLogger(__name__)

#: A database that has not answered by then is as good as away.
PATIENCE_SECONDS = 2.0

#: One thread: while a look hangs, later ones do not pile up behind it.
_executor = ThreadPoolExecutor(1, thread_name_prefix="health")
_looking: Future[dict[str, Any]] | None = None


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 when the database answers, else 503. That no worker runs is told, but is no failure of this server."""
    global _looking
    try:
        if _looking is None or _looking.done():
            _looking = _executor.submit(_look)
        found = _looking.result(PATIENCE_SECONDS)
    except Exception as error:
        if not isinstance(error, FutureTimeoutError):
            logger.warning("healthz: %s", type(error).__name__)
        return JsonResponse({"status": "unavailable", "database": "unavailable"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", **found})


def _look() -> dict[str, Any]:
    try:
        return {"workers": len(live_workers()), "oldest_due_seconds": int(oldest_due_seconds())}
    finally:
        connection.close()
