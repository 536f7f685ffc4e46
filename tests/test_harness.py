"""What the other tests stand on must itself hold."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction

from jobs.tokens.recognising import recognise
from tests.harness.proc import find_process, is_alive, kill_all, list_session
from tests.harness.threads import run_together
from tests.harness.waiting import wait_until
from tests.requirements import missing, require_postgresql, require_tool

User = get_user_model()
REPOSITORY = Path(__file__).resolve().parent.parent


# --- settings -----------------------------------------------------------------------------------------------------
def test_a_test_run_keeps_away_from_the_data_of_the_person_who_runs_it():
    assert REPOSITORY not in settings.DATA_DIR.parents
    assert settings.MEDIA_ROOT.is_relative_to(settings.DATA_DIR)


def test_the_sqlite_test_database_is_a_file_outside_the_repository(db):
    connection.ensure_connection()
    assert Path(connection.settings_dict["NAME"]).is_relative_to(settings.DATA_DIR)
    assert Path(connection.settings_dict["NAME"]).exists()


# --- databases ----------------------------------------------------------------------------------------------------
def test_any_database_runs_on_the_database_it_names(any_database):
    assert connection.vendor == any_database
    assert settings.ON_POSTGRESQL is (connection.vendor == "postgresql")
    assert settings.DATABASES["default"]["ENGINE"].endswith({"sqlite": "sqlite3"}.get(any_database, any_database))


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_finds_an_empty_database(any_database, turn):
    assert not User.objects.exists()
    User.objects.create(username="ada")


def test_a_plain_db_test_is_on_sqlite_whatever_ran_before(db):
    assert connection.vendor == "sqlite"
    assert not User.objects.exists()


def test_the_choice_holds_for_fixtures_that_were_asked_for_first(admin_user, postgresql):
    assert connection.vendor == "postgresql"
    assert User.objects.get() == admin_user


def test_the_sqlite_fixture_commits_for_real(sqlite):
    User.objects.create(username="ada")
    assert run_together([User.objects.count]) == [1]


def test_threads_see_what_another_thread_committed_and_race_for_one_row(any_database):
    def claim() -> bool:
        try:
            with transaction.atomic():
                User.objects.create(username="the one")
        except IntegrityError:
            return False
        return True

    assert sorted(run_together([claim] * 6)) == [False] * 5 + [True]
    assert User.objects.count() == 1


def test_a_thread_that_outlives_its_test_leaves_no_connection_behind(postgresql):
    opened, may_end = threading.Event(), threading.Event()

    def linger() -> None:
        User.objects.count()
        opened.set()
        may_end.wait(30)

    thread = threading.Thread(target=linger, daemon=True)
    thread.start()
    opened.wait(10)
    _lingering.append(may_end)  # the database is emptied and switched while the thread is still there


_lingering: list[threading.Event] = []


@pytest.fixture(scope="module", autouse=True)
def _let_lingering_threads_end():
    yield
    for event in _lingering:
        event.set()


def test_select_for_update_holds_other_threads_on_postgresql(postgresql):
    User.objects.create(username="ada")
    locked, tried = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            User.objects.select_for_update().get()
            locked.set()
            tried.wait(10)

    def look() -> int:
        locked.wait(10)
        try:
            with transaction.atomic():
                return len(User.objects.select_for_update(skip_locked=True))
        finally:
            tried.set()

    assert run_together([hold, look]) == [None, 0]


def test_a_server_of_its_own_survives_a_crash_and_keeps_what_was_committed(own_postgresql):
    def run(statement: str) -> list[tuple]:
        with psycopg.connect(own_postgresql.url(), autocommit=True) as server:
            cursor = server.execute(statement)
            return cursor.fetchall() if cursor.description else []

    run("CREATE TABLE kept (word text)")
    run("INSERT INTO kept VALUES ('çığ')")
    own_postgresql.restart()
    own_postgresql.restart("immediate")
    own_postgresql.kill()
    with pytest.raises(psycopg.OperationalError):
        run("SELECT 1")
    own_postgresql.start()
    assert run("SELECT upper(word) FROM kept WHERE word ILIKE 'ÇıĞ'") == [("ÇIĞ",)]


def test_a_postgresql_whose_parent_was_killed_ends(tmp_path):
    """A killed pytest must not leave a server behind."""
    require_postgresql()
    script = (
        "import sys, time\n"
        "from tests.harness.postgres import PostgresServer\n"
        "server = PostgresServer(); server.start()\n"
        "print(server.process.pid, server.folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert is_alive(int(pid))
        parent.kill()
    wait_until(lambda: not is_alive(int(pid)), timeout=20, message="PostgreSQL ended")
    subprocess.run(["rm", "-rf", folder], check=True)


# --- patience, processes, requirements ----------------------------------------------------------------------------
def test_wait_until_returns_what_the_condition_returned():
    answers = iter(["", None, "here"])
    assert wait_until(lambda: next(answers)) == "here"


def test_wait_until_says_what_it_waited_for():
    with pytest.raises(AssertionError, match=r"not within 0\.02 s: the job is done; it is queued"):
        wait_until(lambda: False, timeout=0.02, message=lambda: "the job is done; it is queued")


def test_an_orphan_is_found_by_its_session_and_a_zombie_counts_as_ended():
    script = (
        "import subprocess, sys; print(subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL).pid, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        orphan = int(leader.stdout.readline())
        wait_until(lambda: not is_alive(leader.pid))  # not waited for yet: a zombie
        assert [process.pid for process in list_session(leader.pid)] == [orphan]
    process = find_process(orphan)
    assert process is not None
    assert process.command == "sleep 60"
    kill_all([process])
    assert find_process(orphan) is None


def test_what_is_missing_skips_on_a_desk_and_fails_under_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        missing("no such thing")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program or nor-this"):
        require_tool("no-such-program", "nor-this")
    assert require_tool("no-such-program", "sh").endswith("/sh")


# --- a running Sıra -----------------------------------------------------------------------------------------------
def test_a_stack_runs_on_both_databases_and_stops_without_a_trace(server_stack, any_database_url):
    stack = server_stack(workers=2, database_url=any_database_url)
    roles = stack.children("sira")
    assert len(set(roles.all)) == 6
    assert {process.pid for process in stack.services["sira"].members()} >= set(roles.all)
    token = stack.token("ada")
    with stack.database():
        assert recognise(token).owner == User.objects.get(username="ada")
    assert "ada" in stack.manage(
        "shell", "-v", "0", "-c", "from django.contrib.auth.models import User; print(User.objects.get())"
    )
    assert stack.stop() == []
    assert [process for service in stack.services.values() for process in service.members()] == []


def test_a_stack_finds_the_roles_again_after_kills(server_stack):
    stack = server_stack(workers=2, web=False)
    before = stack.children("sira")
    os.kill(before.workers[0], signal.SIGKILL)
    os.kill(before.pusher, signal.SIGKILL)
    wait_until(lambda: not is_alive(before.workers[0]) and not is_alive(before.pusher))
    after = stack.children("sira", timeout=20)
    assert before.workers[1] in after.workers
    assert not {before.workers[0], before.pusher} & set(after.all)
    assert (after.main, after.sentinel, after.monitor) == (before.main, before.sentinel, before.monitor)

    stack.kill_whole("sira")
    assert stack.services["sira"].members() == []
    stack.start("sira")
    assert not set(stack.children("sira").all) & set(after.all)


def test_a_stack_may_have_clusters_of_several_names(server_stack):
    stack = server_stack(workers=1, web=False, cluster_names=("sira", "sira", "gpu"))
    assert list(stack.services) == ["sira", "sira-2", "gpu"]
    assert len({pid for name in stack.services for pid in stack.children(name).all}) == 3 * 5


# --- a real browser -----------------------------------------------------------------------------------------------
@pytest.fixture
def hello_url():
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write("<title>Sıra</title><script>document.title += '!'</script>".encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_browser_runs_scripts_and_the_test_may_use_the_database(browser_page, screenshot, hello_url, sqlite):
    browser_page.goto(hello_url)
    assert browser_page.title() == "Sıra!"
    User.objects.create(username="ada")
    assert screenshot("harness").read_bytes().startswith(b"\x89PNG")


def test_after_the_browser_no_event_loop_is_left(db):
    import asyncio

    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert "DJANGO_ALLOW_ASYNC_UNSAFE" not in os.environ
