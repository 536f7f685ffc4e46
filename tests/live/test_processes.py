"""The real thing: daphne in a process of its own, and clients over TCP."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.files.base import ContentFile
from django.test import override_settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from jobs import files, lifecycle
from jobs.engine import claiming
from jobs.models import EventType, Job, JobEvent, JobFile
from tests.harness.postgres import PostgresServer
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until

KIND = "workload.act_out"


def open_socket(stack: ServerStack, token: str, **options: Any) -> ClientConnection:
    url = stack.base_url.replace("http", "ws", 1) + "/ws/live/"
    return connect(url, additional_headers={"Authorization": f"Token {token}"}, open_timeout=10, **options)


def say(link: ClientConnection, **message: Any) -> None:
    link.send(json.dumps(message))


def hear(link: ClientConnection, *types: str, timeout: float = 20.0) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        message = json.loads(link.recv(timeout=max(0.01, deadline - time.monotonic())))
        if not types or message["type"] in types:
            return message


INPUT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}


def find_ada() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(username="ada")


def make_job() -> Job:
    return lifecycle.submit(KIND, INPUT, owner=find_ada())


def make_child() -> Job:
    """Return the only child of a new batch."""
    parent, child = (lifecycle.Submission(KIND, INPUT) for _ in range(2))
    return lifecycle.submit_batch(parent, [child], owner=find_ada()).children.get()


def claim() -> Job:
    job = claiming.claim("worker")
    assert job is not None
    return job


def take_steps(job: Job, count: int, data: dict[str, Any] | None = None) -> Job:
    for number in range(count):
        job = lifecycle.progress(job, number * 100 / count, "counting", data)
    return job


class Watcher:
    """A client that wants to see every event of some jobs, and comes again with its cursors when it is cut off."""

    def __init__(self, stack: ServerStack, token: str, jobs: list[str]) -> None:
        self.stack, self.token = stack, token
        self.seen: dict[str, list[dict[str, Any]]] = {job: [] for job in jobs}
        self.connections = 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def is_done(self) -> bool:
        return all(events and events[-1]["type"] == "succeeded" for events in self.seen.values())

    def _run(self) -> None:
        try:
            while not self.is_done:
                with contextlib.suppress(OSError, ConnectionClosed, TimeoutError, EOFError):
                    self._watch()
                time.sleep(0.05)
        except BaseException as error:
            self.error = error

    def _watch(self) -> None:
        with open_socket(self.stack, self.token) as link:
            self.connections += 1
            for job, events in self.seen.items():
                say(link, subscribe=f"job:{job}", after=events[-1]["seq"] if events else 0)
            while not self.is_done:
                message = hear(link, "event")
                self.seen[message["topic"][4:]].append(message["event"])

    def finish(self, timeout: float = 60) -> None:
        self.thread.join(timeout)
        assert self.error is None, self.error
        assert self.is_done, {job: [event["seq"] for event in events] for job, events in self.seen.items()}
        for job, events in self.seen.items():
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), job


def test_two_clusters_write_daphne_is_killed_and_nobody_misses_an_event(
    server_stack: Any, any_database_url: str
) -> None:
    stack: ServerStack = server_stack(workers=1, cluster_names=("sira", "sira"), database_url=any_database_url)
    token = stack.token()
    headers = {"Authorization": f"Token {token}"}
    jobs = []
    for _ in range(6):
        body = {"kind": KIND, "input": {"act": "steps", "seconds": 1.0}}
        answer = requests.post(f"{stack.base_url}/api/v1/jobs/", json=body, headers=headers, timeout=10)
        assert answer.status_code == 202
        jobs.append(answer.json()["id"])
    watchers = [Watcher(stack, token, jobs) for _ in range(3)]
    wait_until(lambda: all(any(watcher.seen.values()) for watcher in watchers), timeout=20)
    stack.kill("web")
    time.sleep(0.5)  # the workers go on meanwhile
    stack.start("web")
    for watcher in watchers:
        watcher.finish()
        assert watcher.connections >= 2
    with stack.database():
        for job in Job.objects.all():
            assert {len(watcher.seen[str(job.pk)]) for watcher in watchers} == {job.event_seq}
        started = JobEvent.objects.filter(type=EventType.STARTED)
        assert len({event.data["worker"] for event in started}) == 2


def test_a_database_restart_leaves_sockets_and_streams_open_and_loses_nothing(
    server_stack: Any, own_postgresql: PostgresServer
) -> None:
    stack: ServerStack = server_stack(cluster_names=(), database_url=own_postgresql.create_database("sira"))
    token = stack.token()
    health = f"{stack.base_url}/healthz"
    with stack.database():
        job = make_child()
        topics = {name: open_socket(stack, token) for name in ("jobs", f"batch:{job.parent_id}")}
        with contextlib.ExitStack() as links, stream(stack, token, job.pk) as events:
            for topic, socket_of_topic in topics.items():
                say(links.enter_context(socket_of_topic), subscribe=topic)
                hear(socket_of_topic, "snapshot")
            link = links.enter_context(open_socket(stack, token))
            say(link, subscribe=f"job:{job.pk}", after=0)
            running = take_steps(claim(), 3)
            assert [hear(link, "event")["event"]["seq"] for _ in range(5)] == [1, 2, 3, 4, 5]
            assert requests.get(health, timeout=10).status_code == 200
            # Not "immediate": with synchronous_commit off the server may forget its last commits.
            own_postgresql.stop("fast")
            begun = time.monotonic()
            answer = requests.get(health, timeout=10)
            assert (answer.status_code, answer.json()["database"]) == (503, "unavailable")
            status = requests.get(
                f"{stack.base_url}/api/v1/jobs/{job.pk}/", headers={"Authorization": f"Token {token}"}, timeout=30
            )
            assert (status.status_code, status.json()["code"]) == (503, "database_unavailable")
            assert time.monotonic() - begun < 15
            own_postgresql.start()
            wait_until(lambda: requests.get(health, timeout=10).status_code == 200, timeout=30)
            running = wait_until(lambda: _again(lambda: take_steps(running, 3)), timeout=30)
            lifecycle.succeed(running, {})
            assert [hear(link, "event")["event"]["seq"] for _ in range(4)] == [6, 7, 8, 9]
            assert [event["seq"] for event in events] == list(range(1, 10))
            for topic, socket_of_topic in topics.items():
                heard = [message["event"]["seq"] for message in _hear_of(socket_of_topic, job)]
                assert heard == list(range(2, 10)), topic


def _hear_of(link: ClientConnection, job: Job) -> Iterator[dict[str, Any]]:
    """Yield the job's events, from a topic of many, up to the one that ends it."""
    while True:
        message = hear(link, "event", "snapshot")
        assert message["type"] == "event"
        if message["job_id"] == str(job.pk):
            yield message
            if message["event"]["type"] == "succeeded":
                return


def _again(call: Any) -> Any:
    from django.db import DatabaseError, connection

    try:
        return call()
    except DatabaseError:
        connection.close()
        return None


# --- server-sent events -------------------------------------------------------------------------------------------
@contextlib.contextmanager
def stream(stack: ServerStack, token: str, job_id: uuid.UUID, after: int | None = None) -> Iterator[Iterator[Any]]:
    headers = {"Authorization": f"Token {token}", "Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    url = f"{stack.base_url}/api/v1/jobs/{job_id}/events/"
    with requests.get(url, headers=headers, stream=True, timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield read_events(response)


def read_events(response: requests.Response) -> Iterator[dict[str, Any]]:
    fields: dict[str, str] = {}
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if "data" in fields:
                event = json.loads(fields["data"])
                assert (fields["id"], fields["event"]) == (str(event["seq"]), event["type"])
                yield event
            fields = {}


def test_a_stream_resumes_after_the_last_event_and_ends_with_the_job(server_stack: Any, any_database_url: str) -> None:
    stack: ServerStack = server_stack(cluster_names=(), database_url=any_database_url)
    token = stack.token()
    with stack.database():
        job = make_job()
        with stream(stack, token, job.pk) as events:
            running = take_steps(claim(), 2)
            assert [next(events)["seq"] for _ in range(4)] == [1, 2, 3, 4]
        running = take_steps(running, 2)
        with stream(stack, token, job.pk, after=4) as events:
            assert [next(events)["seq"] for _ in range(2)] == [5, 6]
            lifecycle.succeed(running, {})
            assert [event["type"] for event in events] == ["succeeded"]  # and the stream has ended
        with stream(stack, token, job.pk, after=7) as events:
            assert list(events) == []
        with stream(stack, token, job.pk, after=0) as events:
            assert [event["seq"] for event in events] == list(range(1, 8))
        # A job that failed and was run again: the first ending is not the last word.
        again = make_job()
        lifecycle.cancel(again.pk)
        lifecycle.requeue(again.pk)
        with stream(stack, token, again.pk) as events:
            assert [next(events)["type"] for _ in range(3)] == ["created", "cancelled", "requeued"]
            lifecycle.succeed(claim(), {})
            assert [event["type"] for event in events] == ["started", "succeeded"]


def test_streams_hold_no_database_connection(server_stack: Any, postgresql_url: str) -> None:
    stack: ServerStack = server_stack(cluster_names=(), database_url=postgresql_url, env={"DATABASE_POOL_SIZE": "2"})
    token = stack.token()
    with stack.database(), contextlib.ExitStack() as open_streams:
        job = make_job()
        streams = [open_streams.enter_context(stream(stack, token, job.pk)) for _ in range(8)]
        links = [open_streams.enter_context(open_socket(stack, token)) for _ in range(8)]
        for link in links:
            say(link, subscribe=f"job:{job.pk}")
        lifecycle.succeed(claim(), {})
        for events in streams:
            assert [event["seq"] for event in events] == [1, 2, 3]
        answers: list[int] = []
        url, headers = f"{stack.base_url}/api/v1/jobs/", {"Authorization": f"Token {token}", "Prefer": "wait=1"}
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    requests.post(url, json={"kind": KIND, "input": {}}, headers=headers, timeout=20).status_code
                )
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [202] * 6


def test_a_stream_that_may_not_be_seen_is_a_problem(shared_stack: Any) -> None:
    stack: ServerStack = shared_stack(cluster_names=())
    url = f"{stack.base_url}/api/v1/jobs/{uuid.uuid4()}/events/"
    for headers, status in [({}, 401), ({"Authorization": f"Token {stack.token()}"}, 404)]:
        answer = requests.get(url, headers={"Accept": "text/event-stream", **headers}, timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status


def test_a_large_file_is_downloaded_whole(shared_stack: Any) -> None:
    stack: ServerStack = shared_stack(cluster_names=())
    headers = {"Authorization": f"Token {stack.token()}"}
    content = os.urandom(5 * 1024 * 1024)
    with stack.database(), override_settings(MEDIA_ROOT=stack.data_dir / "files"):
        file = files.store(
            ContentFile(content), name="a.bin", media_type="application/pdf", role="output", job_id=uuid.uuid4()
        )
        job = make_job()
        JobFile.objects.filter(pk=file.pk).update(job=job)
    url = f"{stack.base_url}/api/v1/jobs/{job.pk}/files/{file.pk}/"
    answer = requests.get(url, headers=headers, timeout=20)
    assert answer.content == content
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.bin"'
    head = requests.head(url, headers=headers, timeout=20)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(content)))


# --- slow clients -------------------------------------------------------------------------------------------------
class DeafClient:
    """A client that subscribes and then reads nothing."""

    def __init__(self, stack: ServerStack, token: str, job_id: uuid.UUID) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", stack.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Token {token}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.socket.recv(1)
        message = json.dumps({"subscribe": f"job:{job_id}", "after": 0}).encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(message))
        self.socket.sendall(bytes([0x81, 0x80 | len(message)]) + mask + masked)

    def read_until(self, seq: int, timeout: float = 60) -> list[int]:
        """Read everything after all and return the numbers of the events."""
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        last = f'"event":{{"seq":{seq},'.encode()
        received = bytearray()
        while received.find(last, max(0, len(received) - 200_000)) < 0:
            chunk = self.socket.recv(1 << 16)
            assert chunk, "the server gave up"
            received += chunk
        return [int(number) for number in re.findall(rb'"event":\{"seq":(\d+),', received)]


def resident_mebibytes(pid: int) -> float:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) / 1024


def test_a_client_that_reads_nothing_holds_up_nobody_and_costs_no_memory(server_stack: Any) -> None:
    stack: ServerStack = server_stack(cluster_names=())
    token = stack.token()
    with stack.database(), contextlib.ExitStack() as sockets:
        job = make_job()
        with open_socket(stack, token) as link:
            say(link, subscribe=f"job:{job.pk}", after=0)
            hear(link, "event")
            running = claim()
            running = take_steps(running, 5)
            for _ in range(6):
                hear(link, "event")
            deaf = [DeafClient(stack, token, job.pk) for _ in range(5)]
            for client in deaf:
                sockets.callback(client.socket.close)
            time.sleep(0.5)
            before = resident_mebibytes(stack.pid("web"))
            slowest = 0.0
            for number in range(120):  # 17 MiB for each deaf client
                begun = time.monotonic()
                running = lifecycle.progress(running, 50, "counting", {"x": "x" * 150_000})
                assert hear(link, "event")["event"]["seq"] == number + 8
                slowest = max(slowest, time.monotonic() - begun)
            assert slowest < 2
            assert resident_mebibytes(stack.pid("web")) - before < 30
            last = running.event_seq
            assert deaf[0].read_until(last) == list(range(1, last + 1))


@pytest.mark.parametrize("message", ["x" * 9000, b"\x00"], ids=["large", "binary"])
def test_messages_that_are_too_large_or_no_text_are_refused(shared_stack: Any, message: Any) -> None:
    stack: ServerStack = shared_stack(cluster_names=())
    with open_socket(stack, stack.token()) as link:
        link.send(message)
        assert hear(link)["code"] == "bad_message"
        link.send("x" * 2 * 1024 * 1024)
        with pytest.raises(ConnectionClosed):
            hear(link, "nothing")  # daphne's own limit
