"""The fixtures of every test; what they stand on is in tests/harness.

Databases:
    db                  pytest-django's: SQLite, rolled back after the test
    any_database        the test runs twice, on SQLite and on PostgreSQL, with real transactions; threads may take part
    sqlite, postgresql  the same for one of them
    any_database_url    for processes: the test runs twice, with "" (SQLite in DATA_DIR) and with a fresh PostgreSQL
    postgresql_url      for processes: a fresh PostgreSQL database
    own_postgresql      a server of the test's own, to restart and to kill
Processes and pages:
    server_stack        starts daphne and qclusters: stack = server_stack(workers=2, database_url=any_database_url)
    shared_stack        the same on SQLite, for tests that do not mind who used it before: quicker
    browser_page        a Playwright page in a real Chromium
    screenshot          screenshot("name") saves what browser_page shows below test-artifacts/

TEST_DATABASE_URL names a PostgreSQL server to use instead of a throw-away one (own_postgresql is always one).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import TransactionTestCase
from django.utils import translation

from tests.harness import browser, databases, emptying, postgres, reuse
from tests.harness.processes import BASE_DIR, ServerStack
from tests.requirements import require_postgresql, require_tool

#: URLs of databases that have our tables; "" is SQLite, which is always copied from one that has.
MIGRATED = {""}

REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures see whether their test failed."""
    report = yield
    item.stash.setdefault(REPORTS, {})[report.when] = report
    return report


def has_failed(request: pytest.FixtureRequest) -> bool:
    return any(report.failed for report in request.node.stash.get(REPORTS, {}).values())


# --- PostgreSQL ---------------------------------------------------------------------------------------------------
def start_postgres() -> postgres.PostgresServer:
    require_postgresql()
    server = postgres.PostgresServer()
    server.start()
    return server


@pytest.fixture(scope="session")
def postgresql_server_url() -> Iterator[str]:
    """The URL of a server on which tests may make databases."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    server = start_postgres()
    try:
        yield server.url()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _migrated_postgresql_url(
    postgresql_server_url: str, django_db_setup: None, django_db_blocker: Any
) -> Iterator[str]:
    """A database with our tables, one for the whole session; each test empties it after use."""
    from django.core.management import call_command

    name = f"sira_tests_{os.getpid()}"
    url = postgres.create_database(postgresql_server_url, name)
    with django_db_blocker.unblock(), databases.use_database(url):
        call_command("migrate", interactive=False, verbosity=0)
    try:
        yield url
    finally:
        postgres.drop_database(postgresql_server_url, name)


@pytest.fixture
def own_postgresql() -> Iterator[postgres.PostgresServer]:
    """A server of the test's own, running; the test may stop, restart and kill it."""
    server = start_postgres()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _postgresql_copies(postgresql_server_url: str) -> Iterator[Callable[[], str]]:
    """A function that returns the URL of a new database with our tables: a copy, which is quicker than to migrate."""
    template = f"sira_template_{os.getpid()}"
    url = postgres.create_database(postgresql_server_url, template)
    migrate(url)
    copies: list[str] = []

    def copy() -> str:
        copies.append(f"sira_{uuid.uuid4().hex[:12]}")
        url = postgres.create_database(postgresql_server_url, copies[-1], template=template)
        MIGRATED.add(url)
        return url

    yield copy
    # Not at the end of each test: whatever order its fixtures end in, nobody loses the database under his feet.
    for name in [*copies, template]:
        postgres.drop_database(postgresql_server_url, name)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "sira.sqlite3"
    migrate(databases.sqlite_url(path))
    return path


def migrate(url: str) -> None:
    """Make our tables, in a process of its own as an operator does."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url},
        check=True,
    )


@pytest.fixture
def postgresql_url(_postgresql_copies: Callable[[], str]) -> str:
    """The URL of a new database with our tables and nothing in them."""
    return _postgresql_copies()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """For ServerStack: "" (SQLite) in one run of the test, a new PostgreSQL database in the other."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


# --- which database a test uses -----------------------------------------------------------------------------------
@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, transactional_db: None) -> str:
    """Run the test on both databases; the value says which one it is."""
    return request.param


@pytest.fixture
def sqlite(transactional_db: None) -> None:
    """Run the test on SQLite with real transactions."""


@pytest.fixture
def postgresql(transactional_db: None) -> None:
    """Run the test on PostgreSQL with real transactions."""


def wants_postgresql(request: pytest.FixtureRequest) -> bool:
    if "any_database" in request.fixturenames:
        return request.node.callspec.params["any_database"] == "postgresql"
    return "postgresql" in request.fixturenames


@pytest.fixture(autouse=True)
def _own_language() -> None:
    """Begin in the settings' language: a request leaves its own on the thread, and tests come in any order."""
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.empty_database)
        yield


@pytest.fixture
def _chosen_database(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[None]:
    if not wants_postgresql(request):
        yield
        return
    with databases.use_database(request.getfixturevalue("_migrated_postgresql_url")):
        yield


@pytest.fixture
def _django_db_helper(_chosen_database: None, _django_db_helper: None) -> None:
    """pytest-django's own, which every fixture of the database goes through, and which empties the database after the
    test: inside the choice, whatever order a test asks for its fixtures in."""


# --- what the API answers -----------------------------------------------------------------------------------------
@pytest.fixture(scope="session", autouse=True)
def _answers_are_as_described() -> Iterator[None]:
    """Hold every answer that a client of a test gets in this process against the API's description."""
    from django.test.client import AsyncClient, Client

    from tests.harness.description import check_answer

    ask, ask_async = Client.request, AsyncClient.request

    def checked(self: Any, **request: Any) -> Any:
        response = ask(self, **request)
        check_answer(response)
        return response

    async def checked_async(self: Any, **request: Any) -> Any:
        response = await ask_async(self, **request)
        check_answer(response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", checked)
        patch.setattr(AsyncClient, "request", checked_async)
        yield


# --- processes and pages ------------------------------------------------------------------------------------------
@pytest.fixture
def server_stack(
    request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any
) -> Iterator[Callable[..., ServerStack]]:
    """A function that starts a ServerStack and takes its arguments; the logs are shown when the test fails."""
    with contextlib.ExitStack() as stacks:
        started: list[ServerStack] = []

        def start(**options: Any) -> ServerStack:
            data_dir = options.pop("data_dir", tmp_path / f"data-{len(started)}")
            url = options.get("database_url", "")
            if not url and not (data_dir / "sira.sqlite3").exists():
                data_dir.mkdir(parents=True, exist_ok=True)
                shutil.copy(request.getfixturevalue("_sqlite_template"), data_dir / "sira.sqlite3")
            stack = ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=url in MIGRATED, **options)
            stacks.enter_context(stack)
            started.append(stack)
            return stack

        yield start
        if has_failed(request):
            for stack in started:
                print(stack.log_tail())  # noqa: T201  pytest shows it with the failure


@pytest.fixture(scope="session")
def _idle_stacks() -> Iterator[reuse.IdleStacks]:
    stacks = reuse.IdleStacks()
    yield stacks
    stacks.close()


@pytest.fixture
def shared_stack(
    request: pytest.FixtureRequest,
    _idle_stacks: reuse.IdleStacks,
    _sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Iterator[Callable[..., ServerStack]]:
    """Like server_stack, on SQLite, but the stack may be one that earlier tests have left whole; it is empty."""
    used: list[tuple[dict[str, Any], ServerStack, emptying.Snapshot]] = []

    def start(**options: Any) -> ServerStack:
        stack = _idle_stacks.take(options)
        if stack is None:
            data_dir = tmp_path_factory.mktemp("stack")
            shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
            stack = ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, **options)
            stack.__enter__()
        with stack.database():
            used.append((options, stack, emptying.read_snapshot()))
        return stack

    yield start
    for options, stack, snapshot in used:
        if has_failed(request):
            print(stack.log_tail())  # noqa: T201  pytest shows it with the failure
            stack.stop()
        else:
            _idle_stacks.leave(options, stack, snapshot)


@pytest.fixture
def browser_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page of a real browser; a failed test leaves a screenshot in test-artifacts/."""
    executable = require_tool(*browser.CHROMIUM_NAMES)
    # Playwright leaves an event loop running in this thread, in which Django would refuse to use the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with browser.open_page(executable) as page:
        yield page
        if has_failed(request):
            with contextlib.suppress(Exception):
                browser.save_screenshot(page, f"failed-{re.sub(r'[^A-Za-z0-9_-]+', '-', request.node.name)}")


@pytest.fixture
def screenshot(browser_page: Any) -> Callable[[str], Path]:
    return lambda name: browser.save_screenshot(browser_page, name)
