"""Who hears what on the one WebSocket: each topic for each role, as `tests/authorisation/declared.py` says."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from jobs.api import streaming
from jobs.live import callers, consumers
from jobs.live.callers import Caller
from jobs.live.tailer import get_tailer
from tests.authorisation.declared import SOCKETS
from tests.authorisation.matrix import expected_of
from tests.authorisation.people import EVERYBODY, make_people
from tests.harness.tokens import token_of
from tests.live.conftest import Socket, aside, make_batch, make_job

UNKNOWN = "0192aaaa-0000-7000-8000-00000000dead"


@pytest.fixture
def people(transactional_db: None) -> dict[str, Any]:
    from django.apps import apps

    from jobs import roles

    for app in apps.get_app_configs():  # the database was emptied, the groups with it
        roles.ensure(app)
    made = make_people()
    get_user_model().objects.filter(pk=made["inactive"].pk).update(is_active=False)
    return made


def lose_staff(user: Any) -> None:
    get_user_model().objects.filter(pk=user.pk).update(is_staff=False)


def test_every_topic_is_declared():
    assert set(SOCKETS) == {"jobs", *consumers.OF_AN_ID}, "say who may hear it, in SOCKETS of declared.py"
    assert all(f'"{topic}' in consumers.TOPICS for topic in SOCKETS)


def test_everybody_hears_what_is_declared_and_a_foreign_topic_is_as_none(sqlite: None, run: Any, people: Any) -> None:
    job = make_job(people["owner"])
    batch, _children = make_batch(people["owner"], 2)
    topics = {"jobs": "jobs", "job": f"job:{job.pk}", "batch": f"batch:{batch.pk}"}
    unknown = {"job": f"job:{UNKNOWN}", "batch": f"batch:{UNKNOWN}"}
    tokens = {role: token_of(user) for role, user in people.items()}
    wrong: list[str] = []

    async def main() -> None:
        for role in EVERYBODY:
            async with Socket(tokens.get(role, "")) as socket:
                for topic, row in SOCKETS.items():
                    word, said = await hear(socket, topics[topic])
                    expected = expected_of(row, role, "")
                    if word != expected:
                        wrong.append(f"{role}: {topic}: {word} and not {expected}")
                    if word == "401":
                        break
                    if expected == "404" and said != (await hear(socket, unknown[topic]))[1]:
                        wrong.append(f"{role}: {topic}: of another's {said}, of none another answer")

    run(main())
    assert not wrong, "\n".join(wrong)


async def hear(socket: Socket, topic: str) -> tuple[str, str]:
    """Subscribe; return the declaration's word for the answer, and the answer without its id."""
    await socket.say(subscribe=topic)
    message = await socket.link.receive_output(10)
    if message["type"] == "websocket.close":
        return ("401" if message["code"] == consumers.NOT_AUTHENTICATED else str(message["code"])), ""
    said = json.loads(message["text"])
    word = {"snapshot": "2xx", "error": "404"}[said["type"]]
    return word, message["text"].replace(topic.rpartition(":")[2], "ID")


def test_what_is_told_of_ones_own_place_names_nobody_else(sqlite: None, run: Any, people: Any) -> None:
    """Somebody else's jobs stand before and behind; only numbers tell of them."""
    first = make_job(people["owner"])
    mine = make_job(people["other"])
    told: list[str] = []

    async def main() -> None:
        async with Socket(token_of_other) as socket:
            await socket.say(subscribe=f"job:{mine.pk}")
            told.append(json.dumps(await socket.hear("snapshot")))
            await socket.say(subscribe="jobs")
            told.append(json.dumps(await socket.hear("snapshot")))
            await aside(get_cancelled, first.pk)
            told.append(json.dumps(await socket.hear("position")))

    token_of_other = token_of(people["other"])
    run(main())
    assert len(told) == 3
    for text in told:
        assert str(first.pk) not in text
        assert people["owner"].username not in text


def get_cancelled(job_id: uuid.UUID) -> None:
    from jobs import lifecycle

    assert lifecycle.cancel(job_id) is not None


def test_who_is_no_longer_staff_loses_others_topics_and_keeps_their_own(
    sqlite: None, run: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.05)
    theirs, own = make_job(people["owner"]), make_job(people["viewer"])
    batch, _children = make_batch(people["owner"], 1)
    key = token_of(people["viewer"])

    async def main() -> None:
        async with Socket(key) as socket:
            for topic in (f"job:{theirs.pk}", f"batch:{batch.pk}", f"job:{own.pk}"):
                await socket.say(subscribe=topic)
                assert (await socket.hear("snapshot"))["topic"] == topic
            await aside(lose_staff, people["viewer"])
            lost = {(await socket.hear("error"))["topic"], (await socket.hear("error"))["topic"]}
            assert lost == {f"job:{theirs.pk}", f"batch:{batch.pk}"}
            assert set(get_tailer().jobs) == {own.pk}
            await socket.say(subscribe=f"job:{theirs.pk}")
            assert (await socket.hear("error"))["code"] == "not_found"

    run(main())


def test_who_is_no_longer_staff_loses_the_stream(
    sqlite: None, run: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.0)
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.05)
    job = make_job(people["owner"])

    async def main() -> None:
        pieces = streaming.stream(job, Caller(people["viewer"]), 0)
        assert (await anext(pieces)).startswith(b"retry")
        assert b"created" in await anext(pieces)
        await aside(lose_staff, people["viewer"])
        assert [piece async for piece in pieces] == []

    run(main())
