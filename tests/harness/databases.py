"""Switching Django's default database for a while, for every thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
from asgiref.local import Local
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import override_settings


def configure_database(url: str) -> dict[str, Any]:
    """Return the entry of DATABASES for a URL, as config.settings makes it for a worker."""
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if "sqlite" in config["ENGINE"]:
        config["OPTIONS"] = settings.DATABASE_OPTIONS["sqlite"]
    else:
        options = settings.DATABASE_OPTIONS["postgresql"] | config.get("OPTIONS", {})
        config |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
    return config


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextlib.contextmanager
def use_database(url: str) -> Iterator[None]:
    """Make `url` the default database of every thread, the present and the coming ones.

    Afterwards every connection that was opened meanwhile is closed, also those of threads that are still there, and
    the old database is back with the connections that it had.
    """
    handler: Any = connections  # what follows is not in its public interface
    before = (handler.settings["default"], handler._connections, handler.create_connection)
    _, _, create_connection = before
    opened: list[BaseDatabaseWrapper] = []

    def create_and_remember(alias: str) -> BaseDatabaseWrapper:
        connection = create_connection(alias)
        opened.append(connection)
        return connection

    handler.settings["default"] = handler.configure_settings({"default": configure_database(url)})["default"]
    handler._connections = Local(handler.thread_critical)
    handler.create_connection = create_and_remember
    try:
        with override_settings(ON_POSTGRESQL=not url.startswith("sqlite"), DATABASE_URL=url):
            yield
    finally:
        for connection in opened:
            connection.inc_thread_sharing()  # or only its own thread may close it
            connection.close()
        handler.settings["default"], handler._connections, handler.create_connection = before
