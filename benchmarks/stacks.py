"""Running systems to measure: the tests' harness, on both databases. Import this before any Django model."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from tests.harness import postgres  # noqa: E402
from tests.harness.processes import ServerStack  # noqa: E402

DATABASES = ("sqlite", "postgresql")


@contextlib.contextmanager
def running(database: str, **options: Any) -> Iterator[ServerStack]:
    """Start Sıra on a database of its own: "sqlite", or "postgresql" (a throw-away server with default durability).

    server: a PostgresServer of the caller's, not started yet, instead. postgres_settings: of the throw-away one, as for
    `PostgresServer`. The other options are ServerStack's.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sira-bench-")))
        url = ""
        settings = options.pop("postgres_settings", None)
        server = options.pop("server", None)
        if database == "postgresql":
            server = server or postgres.PostgresServer(fsync=True, settings=settings)
            server.start()
            stack.callback(server.remove)
            url = server.create_database("bench")
        env = {"Q_LOG_LEVEL": "INFO", "LOG_LEVEL": "WARNING", **options.pop("env", {})}
        yield stack.enter_context(ServerStack(folder, database_url=url, env=env, **options))


def available(database: str) -> bool:
    return database == "sqlite" or postgres.find_binaries() is not None


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0–1) of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
