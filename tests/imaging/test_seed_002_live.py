"""Seed 002, the criteria that need workers, sockets and a browser. One stack serves all of them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db.models.functions import Now
from websockets.sync.client import connect

from jobs import lifecycle
from jobs.models import CLAIM_ORDER, Job
from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.threads import run_together
from tests.harness.waiting import wait_until
from tests.imaging.playing import end_everything
from tests.pages.conftest import Visitor

SMALL = {"width": 64, "height": 64, "steps": 2, "seed": 7}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any, _postgresql_copies: Any, django_db_blocker: Any) -> Iterator[ServerStack]:
    """A web server and two clusters: whoever is free takes the next job, on one GPU."""
    data_dir = tmp_path_factory.mktemp("seed-002")
    (data_dir / "counts").mkdir()
    env = {
        "IMAGE_PROVIDER": "tests.imaging.playing.Obedient", "IMAGE_TIMEOUT_SECONDS": "3", "WORKER_QUEUES": "gpu",
        "PLAYING_COUNTS": str(data_dir / "counts"), "HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "4",
    }  # fmt: skip
    with ServerStack(
        data_dir, database_url=_postgresql_copies(), unblock=django_db_blocker.unblock, migrated=True, env=env,
        workers=1, cluster_names=("sira", "sira"),
    ) as stack:  # fmt: skip
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest, stack: ServerStack) -> Iterator[None]:
    yield
    end_everything(stack)
    if has_failed(request):
        print(stack.log_tail())  # noqa: T201  pytest shows it with the failure


class Client:
    """One user's requests, in a conversation of their own."""

    def __init__(self, stack: ServerStack, username: str) -> None:
        self.stack, self.username = stack, username
        self.headers = {"Authorization": f"Token {stack.token(username)}"}
        self.conversation = self._post("/api/v1/conversations", {"title": username})["id"]
        self.messages = f"/api/v1/conversations/{self.conversation}/messages"

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.stack.base_url}{path}", json=body, headers=self.headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def ask(self, prompt: str) -> dict[str, Any]:
        return self._post(self.messages, SMALL | {"prompt": prompt})

    def see(self, message: dict[str, Any]) -> dict[str, Any]:
        answer = requests.get(
            f"{self.stack.base_url}{message['links']['self']}", headers=self.headers, timeout=30
        ).json()
        return answer["extra_metadata"]

    def ended(self, message: dict[str, Any], *, timeout: float = 30) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            told = self.see(message)
            return told if told["status"] in ("complete", "error") else None

        return wait_until(look, timeout=timeout, message=lambda: str(self.see(message)))

    def listen(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what `/ws/live/` says about a message's job, until it has ended."""
        url = self.stack.base_url.replace("http", "ws") + "/ws/live/"
        with connect(url, additional_headers=self.headers, proxy=None) as socket:
            socket.send(json.dumps({"subscribe": f"job:{message['job']['id']}", "after": 0}))
            while True:
                said = json.loads(socket.recv(timeout=20))
                yield said
                if said["type"] == "event" and said["event"]["status"] in ("complete", "error"):
                    return


@pytest.fixture
def client(request: pytest.FixtureRequest, stack: ServerStack) -> Client:
    return Client(stack, f"user-{uuid.uuid4().hex[:8]}")


def pause(stack: ServerStack) -> None:
    with stack.database():
        lifecycle.pause_queue("gpu", by="the test")


def resume(stack: ServerStack) -> None:
    with stack.database():
        lifecycle.resume_queue("gpu")


def only_attempt(stack: ServerStack, *messages: dict[str, Any]) -> None:
    """Let these jobs have one attempt: three would take half a minute of backoff."""
    with stack.database():
        Job.objects.filter(pk__in=[message["job"]["id"] for message in messages]).update(max_attempts=1)


def hurry(stack: ServerStack) -> None:
    """Let the time of every backoff be over."""
    with stack.database():
        Job.objects.filter(state="pending").update(run_after=Now() - timedelta(seconds=1))


# --- R1: concurrent jobs ------------------------------------------------------------------------------------------
def test_r1_4_when_a_job_fails_the_next_one_begins_by_itself(client, stack):
    pause(stack)
    sent = [client.ask(prompt) for prompt in ("bug", "refused", "a mill")]
    resume(stack)
    ended = [client.ended(message) for message in sent]
    assert [told["status"] for told in ended] == ["error", "error", "complete"]
    assert [told["error"] and told["error"]["code"] for told in ended] == ["internal_error", "prompt_refused", None]


def test_r1_5_many_that_are_sent_at_once_are_all_queued_and_painted_one_after_another(client, stack):
    pause(stack)
    sent = run_together([lambda number=number: client.ask(f"Picture {number} slow=0.1") for number in range(8)])
    resume(stack)
    assert {client.ended(message)["status"] for message in sent} == {"complete"}
    with stack.database():
        jobs = Job.objects.filter(pk__in=[message["job"]["id"] for message in sent])
        runs = jobs.order_by("processing_at")
        times = [(job.processing_at, job.succeeded_at) for job in runs]
        # In the order of their places. Of eight that are sent at once, the id that was made first may be stored later.
        assert list(runs) == list(jobs.order_by(*CLAIM_ORDER))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))


# --- R3 and R4: in the browser ------------------------------------------------------------------------------------
def card_text(visitor: Visitor, prompt: str) -> str:
    return visitor.card(prompt).inner_text()


def test_r3_4_after_a_reload_the_page_shows_the_position_from_the_database(client, stack, browser_page):
    ada = Visitor(browser_page, stack)
    pause(stack)
    for number in range(3):
        client.ask(f"Picture {number}")
    ada.sign_in(f"/app/images/{client.conversation}/", client.username)
    wait_until(lambda: "Position 3" in card_text(ada, "Picture 2"), timeout=15)
    ada.page.reload()
    wait_until(lambda: "Position 3" in card_text(ada, "Picture 2"), timeout=15)
    wait_until(lambda: "Next in the queue" in card_text(ada, "Picture 0"), timeout=15)


def test_r4_3_a_websocket_message_moves_the_positions_on_the_page(client, stack, browser_page):
    ada = Visitor(browser_page, stack)
    pause(stack)
    sent = [client.ask(f"Picture {number}") for number in range(3)]
    ada.sign_in(f"/app/images/{client.conversation}/", client.username)
    ada.wait_for_mode("Live")
    wait_until(lambda: "Position 3" in card_text(ada, "Picture 2"), timeout=15)
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url))
    with stack.database():
        lifecycle.cancel(uuid.UUID(sent[0]["job"]["id"]))
    wait_until(lambda: "Position 2" in card_text(ada, "Picture 2"), timeout=15)
    # Nobody asked: the socket said so.
    assert not [url for url in asked if re.search(sent[2]["job"]["id"] + "|/messages", url)]


# --- R6: errors ---------------------------------------------------------------------------------------------------
def test_r6_1_a_job_that_takes_too_long_ends_in_error(client, stack):
    pause(stack)
    message = client.ask("slow=30")
    only_attempt(stack, message)
    resume(stack)
    told = client.ended(message, timeout=20)
    assert (told["status"], told["error"]["code"]) == ("error", "timed_out")


def test_r6_2_after_an_error_the_next_job_begins_by_itself(client, stack):
    pause(stack)
    late, following = client.ask("slow=30"), client.ask("a mill")
    only_attempt(stack, late)
    resume(stack)
    assert client.ended(following, timeout=20)["status"] == "complete"
    assert client.see(late)["error_at"] <= client.see(following)["processing_at"]


def test_r6_3_the_user_can_read_what_went_wrong(client):
    told = client.ended(client.ask("refused"))
    assert told["error"] == {"code": "prompt_refused", "message": "The provider refuses this prompt."}


def test_r6_4_after_a_reload_the_error_is_still_there(client, stack, browser_page):
    client.ended(client.ask("refused"))
    ada = Visitor(browser_page, stack)
    ada.sign_in(f"/app/images/{client.conversation}/", client.username)
    ada.wait_for_text(ada.card("refused"), "The provider refuses this prompt.")
    ada.page.reload()
    ada.wait_for_text(ada.card("refused"), "The provider refuses this prompt.")


@pytest.mark.parametrize("how", ["fail", "broken", "kill"])
def test_r6_5_a_job_that_failed_is_tried_again_by_itself(client, stack, how):
    message = client.ask(f"{how} until=2 {uuid.uuid4().hex[:6]}")

    def done() -> bool:
        hurry(stack)
        return client.see(message)["status"] == "complete"

    wait_until(done, timeout=30, message=lambda: str(client.see(message)))
    assert client.see(message)["attempt"] == 2


# --- R8: what the WebSocket says ----------------------------------------------------------------------------------
def test_r8_1_a_job_that_is_queued_is_said_to_be_queued(client, stack):
    pause(stack)
    message = client.ask("a mill")
    listening = client.listen(message)
    said = [next(listening), next(listening)]
    assert (said[0]["type"], said[0]["job"]["status"], said[0]["job"]["position"]) == ("snapshot", "queued", 1)
    assert (said[1]["event"]["status"], said[1]["event"]["queue_position"]) == ("queued", 1)


def statuses(said: list[dict[str, Any]]) -> list[tuple[str, int]]:
    events = [one["event"] for one in said if one["type"] == "event"]
    told = [(event["status"], event["queue_position"]) for event in events]
    return [pair for number, pair in enumerate(told) if number == 0 or told[number - 1] != pair]


def test_r8_2_a_job_that_begins_is_said_to_be_processing(client):
    assert ("processing", 0) in statuses(list(client.listen(client.ask("a mill"))))


def test_r8_3_a_job_that_is_done_is_said_to_be_complete(client):
    assert statuses(list(client.listen(client.ask("a mill"))))[-1] == ("complete", 0)


def test_r8_4_a_job_that_went_wrong_is_said_to_be_in_error(client):
    said = list(client.listen(client.ask("refused")))
    assert statuses(said)[-1] == ("error", 0)
    assert said[-1]["event"]["data"]["message"] == "The provider refuses this prompt."


def test_r8_5_a_position_that_changes_is_said(client, stack):
    pause(stack)
    sent = [client.ask(f"Picture {number}") for number in range(3)]
    listening = client.listen(sent[2])
    assert next(listening)["job"]["position"] == 3
    with stack.database():
        lifecycle.cancel(uuid.UUID(sent[0]["job"]["id"]))
    assert next(one for one in listening if one["type"] == "position")["position"] == 2
    resume(stack)
    told = [one["position"] for one in listening if one["type"] == "position"]
    assert told == sorted(told, reverse=True)


# --- R9: many -----------------------------------------------------------------------------------------------------
def test_r9_4_painting_does_not_leak_memory(client, stack):
    def kilobytes() -> int:
        workers = [pid for name in ("sira", "sira-2") for pid in stack.children(name).workers]
        return max(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 for pid in workers)

    def paint(count: int) -> None:
        sent = [client.ask(f"Picture {number}") for number in range(count)]
        assert client.ended(sent[-1], timeout=60)["status"] == "complete"

    paint(30)  # what is loaded once
    before = kilobytes()
    paint(60)
    assert kilobytes() - before < 10 * 1024
