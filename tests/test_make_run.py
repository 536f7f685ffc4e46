"""`make run`, after installing: one foreground process, from the first start to the last signal."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.serve import CannotStart, check_address, read_port
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise
from tests.harness.postgres import find_free_port
from tests.harness.proc import ProcessInfo, is_alive, kill_all, list_descendants, list_with_environment
from tests.harness.tokens import token_of
from tests.harness.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60
# A stop without running jobs; the supervisor itself allows the jobs' grace time and ten seconds more.
STOP_SECONDS = 40

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these tests read /proc")


class Run:
    """One start of `python -m config.serve`, with all that it printed."""

    def __init__(self, data_dir: Path, port: int, **env: str) -> None:
        self.data_dir = data_dir
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        # Every process that comes of it inherits this, whoever its parent is in the end.
        self.mark = uuid.uuid4().hex
        inherited = {
            name: value for name, value in os.environ.items() if name not in ("SIRA_TEST_DATA_DIR", "DATABASE_URL")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.serve"],
            cwd=REPOSITORY,
            env=inherited
            | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": str(data_dir), "PORT": str(port)}
            | {"SIRA_TEST_MARK": self.mark}
            | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(list(self.lines))

    def wait_ready(self) -> Run:
        def ready() -> bool:
            assert self.process.poll() is None, f"ended with status {self.process.returncode}:\n{self.output}"
            return "Stop with Ctrl-C." in self.output

        wait_until(ready, timeout=START_SECONDS, message=lambda: f"it is ready:\n{self.output}")
        return self

    def wait_for_line(self, text: str, timeout: float = START_SECONDS) -> None:
        wait_until(lambda: text in self.output, timeout=timeout, message=lambda: f"{text!r} printed:\n{self.output}")

    def wait_for_workers(self) -> None:
        """Wait until the cluster has started all its processes: main, sentinel, pusher, monitor, two workers."""
        wait_until(
            lambda: len([process for process in self.processes() if "qcluster" in process.command]) >= 6,
            timeout=START_SECONDS,
            message=lambda: f"the cluster runs:\n{self.output}",
        )

    def child(self, word: str) -> ProcessInfo:
        """Return the supervisor's own child that has the word in its command line."""
        children = [process for process in list_descendants(self.process.pid) if process.parent == self.process.pid]
        return next(process for process in children if word in process.command)

    def processes(self) -> list[ProcessInfo]:
        return list_with_environment("SIRA_TEST_MARK", self.mark)

    def wait_until_nothing_is_left(self, timeout: float = STOP_SECONDS) -> None:
        wait_until(
            lambda: not self.processes(),
            timeout=timeout,
            message=lambda: f"every process has ended; left: {', '.join(map(str, self.processes()))}\n{self.output}",
        )

    def interrupt(self) -> int:
        """Press Ctrl-C once, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(timeout=STOP_SECONDS)
        self._reader.join(timeout=5)
        return status

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        kill_all(self.processes())
        self._reader.join(timeout=5)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """A function that starts config.serve on a free port, again and again on the same DATA_DIR."""
    runs: list[Run] = []

    def start(**env: str) -> Run:
        runs.append(Run(tmp_path / "data", find_free_port(), **env))
        return runs[-1]

    yield start
    for each in runs:
        each.clean_up()


def secret(run: Run, name: str) -> str:
    path = run.data_dir / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


def test_it_comes_up_says_how_to_use_it_and_stops_without_a_trace_twice_in_a_row(run):
    first = run().wait_ready()
    first.wait_for_workers()
    token, password = secret(first, "demo-token"), secret(first, "demo-password")
    assert re.search(rf"^ +password +{re.escape(password)}$", first.output, re.MULTILINE)
    assert f"{first.url}/" in first.output
    assert str(first.data_dir / "demo-token") in first.output

    curl = shlex.split(next(line for line in first.lines if line.lstrip().startswith("curl ")))
    assert curl[-1] == f"{first.url}/api/v1/parser/parse-file-async"
    assert curl[1:3] == ["-H", f"Authorization: Token {token}"]
    assert [curl[i + 1] for i, word in enumerate(curl) if word == "-F"] == [
        "user_id=demo",
        "session_id=demo",
        "file=@cv.pdf",
    ]

    # The password that was printed opens the admin.
    with requests.Session() as browser:
        browser.get(f"{first.url}/admin/login/", timeout=10).raise_for_status()
        answer = browser.post(
            f"{first.url}/admin/login/?next=/admin/",
            {"username": "demo", "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]},
            timeout=10,
        )
        assert answer.status_code == 200
        assert answer.url == f"{first.url}/admin/"

    assert first.interrupt() == 0, first.output
    assert first.processes() == []
    assert first.output.rstrip().endswith("sira | stopped")

    second = run().wait_ready()
    assert (secret(second, "demo-token"), secret(second, "demo-password")) == (token, password)
    assert requests.get(f"{second.url}/admin/login/", timeout=10).status_code == 200
    second.process.send_signal(signal.SIGTERM)
    assert second.wait() == 0
    assert second.processes() == []


def test_a_child_that_dies_is_started_again_and_its_orphans_are_not_left(run):
    server = run().wait_ready()
    server.wait_for_workers()
    web, work = server.child("daphne"), server.child("qcluster")
    old_workers = list_descendants(work.pid)

    os.kill(web.pid, signal.SIGKILL)
    server.wait_for_line("sira | web was killed by SIGKILL; it starts again in 1 s")
    wait_until(lambda: answers(f"{server.url}/admin/login/"), timeout=START_SECONDS)
    assert server.child("daphne").pid != web.pid
    assert is_alive(work.pid), "the other child is none of its business"

    os.kill(work.pid, signal.SIGKILL)
    server.wait_for_line("sira | work was killed by SIGKILL; it starts again in 1 s")
    wait_until(lambda: not [process for process in old_workers if is_alive(process.pid)])
    server.wait_for_workers()
    assert server.interrupt() == 0, server.output
    assert server.processes() == []


def test_a_killed_supervisor_leaves_no_process(run):
    server = run().wait_ready()
    server.wait_for_workers()
    server.process.kill()
    server.process.wait()
    server.wait_until_nothing_is_left(timeout=45)


def test_a_second_interrupt_stops_at_once(run):
    server = run().wait_ready()
    server.wait_for_workers()
    # A stopped main process never ends by itself.
    os.kill(server.child("qcluster").pid, signal.SIGSTOP)
    server.process.send_signal(signal.SIGINT)
    server.wait_for_line("sira | stopping; press Ctrl-C again to stop at once")
    assert server.process.poll() is None
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 130
    server.wait_until_nothing_is_left(timeout=5)


def test_an_interrupt_during_the_start_leaves_nothing(run):
    server = run()
    wait_until(lambda: list_descendants(server.process.pid), timeout=START_SECONDS)
    server.interrupt()
    server.wait_until_nothing_is_left()


def test_it_stops_when_nobody_reads_what_it_prints_any_more(tmp_path):
    mark = uuid.uuid4().hex
    data_dir, port = tmp_path / "data", find_free_port()
    command = f"{shlex.quote(sys.executable)} -m config.serve | head -n 2"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": str(data_dir)}
    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=REPOSITORY,
        env=environment | {"PORT": str(port), "SIRA_TEST_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        wait_until(lambda: (data_dir / "demo-token").exists(), timeout=START_SECONDS)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/admin/login/"), timeout=START_SECONDS)
        for process in list_with_environment("SIRA_TEST_MARK", mark):
            if "daphne" in process.command:
                os.kill(process.pid, signal.SIGKILL)  # gives the supervisor something to say
        try:
            wait_until(lambda: not list_with_environment("SIRA_TEST_MARK", mark), timeout=STOP_SECONDS)
        finally:
            kill_all(list_with_environment("SIRA_TEST_MARK", mark))
        assert "Traceback" not in shell.stdout.read()


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PORT": "eighty"}, "PORT is 'eighty'; use a number from 1 to 65535."),
        ({"HOST": "203.0.113.7"}, "on 203.0.113.7 cannot be used"),
        ({"CV_PROVIDER": "oracle"}, "CV_PROVIDER is 'oracle'; use 'local' or 'openai'."),
        ({"SIRA_ENV": "production"}, "SECRET_KEY must be set"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_no_traceback(run, env, sentence):
    server = run(**env)
    assert server.wait() == 1
    assert sentence in server.output
    assert len(server.lines) == 1


def test_a_taken_port_says_which_variable_to_set():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} on 127\.0\.0\.1 .*Address already in use.* PORT"):
            check_address("127.0.0.1", port)


@pytest.mark.parametrize("value", ["0", "-1", "65536", "8000.5", "http"])
def test_a_port_is_a_number_that_tcp_knows(value):
    with pytest.raises(CannotStart, match="PORT is"):
        read_port(value)


# --- the demo user ------------------------------------------------------------------------------------------------
@pytest.fixture
def demo(db, settings, tmp_path, django_user_model, capsys):
    """Calls prepare_demo on an empty DATA_DIR; returns the user, the password and the token."""
    settings.DATA_DIR = tmp_path

    def prepare():
        call_command("prepare_demo")
        return (
            django_user_model.objects.get(username="demo"),
            (tmp_path / "demo-password").read_text().strip(),
            (tmp_path / "demo-token").read_text().strip(),
        )

    return prepare


def test_the_demo_user_may_use_the_admin_and_is_the_same_the_second_time(demo, capsys):
    user, password, token = demo()
    assert user.is_staff
    assert user.is_superuser
    assert user.check_password(password)
    assert recognise(token).owner == user
    again, *secrets = demo()
    assert again.pk == user.pk
    assert again.password == user.password
    assert secrets == [password, token]
    printed = capsys.readouterr().out
    assert password not in printed
    assert token not in printed


def test_a_new_database_gets_the_password_and_token_that_people_already_have(demo):
    user, password, token = demo()
    user.delete()
    assert demo()[1:] == (password, token)
    assert demo()[0].check_password(password)


def test_deleted_files_come_back_true(demo, tmp_path):
    _, password, token = demo()
    (tmp_path / "demo-password").unlink()
    (tmp_path / "demo-token").unlink()
    user, new_password, new_token = demo()
    assert new_password != password
    assert user.check_password(new_password)
    assert recognise(new_token).owner == user  # the old one cannot be read back, so it ends
    with pytest.raises(TokenRefused, match="revoked"):
        recognise(token)


@pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_token_in_the_file_that_is_no_longer_good_is_replaced(demo, change):
    *_, token = demo()
    ApiToken.objects.update(**change)
    user, _, new_token = demo()
    assert new_token != token
    assert recognise(new_token).owner == user


def test_the_token_of_somebody_else_in_the_file_is_not_the_demo_users(demo, tmp_path, django_user_model):
    demo()
    theirs = token_of(django_user_model.objects.create_user("ada"))
    (tmp_path / "demo-token").write_text(theirs)
    user, _, token = demo()
    assert token != theirs
    assert recognise(token).owner == user


def test_production_has_no_demo_user(demo, settings, tmp_path, django_user_model):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="no demo user in production"):
        demo()
    assert not django_user_model.objects.exists()
    assert list(tmp_path.iterdir()) == []


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
