"""One running Sıra for all tests of the clients; the restarts have their own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sira_client import AsyncSira, Sira

from tests.harness.processes import ServerStack

ROOT = Path(__file__).resolve().parent.parent.parent
JAVASCRIPT = ROOT / "clients" / "javascript"


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path, django_db_blocker: Any
) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("clients")
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True) as stack:
        yield stack


@pytest.fixture(scope="session")
def token(stack: ServerStack) -> str:
    return stack.token()


class Blocking:
    """An AsyncSira with the calls of a Sira, so that one test can be of both."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = AsyncSira(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            given = method(*arguments, **options)
            return self._iterate(given) if hasattr(given, "__anext__") else self.loop.run_until_complete(given)

        return call

    def _iterate(self, values: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self.loop.run_until_complete(anext(values))
                except StopAsyncIteration:
                    return
        finally:
            self.loop.run_until_complete(values.aclose())

    def __enter__(self) -> Blocking:
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.run_until_complete(self.client.aclose())
        self.loop.close()


@pytest.fixture(params=[Sira, Blocking], ids=["sync", "async"])
def Client(request: pytest.FixtureRequest) -> Any:
    """Makes a client, of each sort in one run of the test."""
    return request.param


@pytest.fixture
def sira(Client: Any, stack: ServerStack, token: str) -> Iterator[Sira]:
    with Client(stack.base_url, token) as sira:
        yield sira
