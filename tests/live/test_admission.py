"""Who is let in at /ws/live/, and who loses a socket that was open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from jobs.live import callers, consumers
from tests.harness.tokens import token_of
from tests.live.conftest import Socket, aside, make_job


def test_anonymous_clients_are_closed_with_4401(sqlite: None, run: Any, ada: Any) -> None:
    job, token = make_job(ada), token_of(ada)

    async def main() -> None:
        async with Socket() as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            assert await socket.hear_close() == 4401
        async with Socket() as socket:
            await socket.say(authenticate="wrong")
            assert await socket.hear_close() == 4401
        async with Socket("wrong") as socket:
            assert await socket.hear_close() == 4401
        async with Socket(headers=[(b"authorization", b"Basic YTpi")]) as socket:
            assert await socket.hear_close() == 4401
        async with Socket() as socket:
            await socket.say(authenticate=token)
            assert await socket.hear() == {"type": "authenticated"}
            await socket.say(subscribe=f"job:{job.pk}")
            assert (await socket.hear())["type"] == "snapshot"

    run(main())


def test_an_anonymous_client_that_says_nothing_is_closed(
    sqlite: None, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "AUTHENTICATE_SECONDS", 0.5)

    async def main() -> None:
        async with Socket() as socket:
            assert await socket.hear_close() == 4401

    run(main())


def test_a_session_cookie_opens_a_socket_and_logging_out_closes_it(
    sqlite: None, run: Any, ada: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.5)
    client.force_login(ada)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    job = make_job(ada)

    async def main() -> None:
        async with Socket(headers=[(b"cookie", cookie), (b"origin", b"http://localhost:8000")]) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            assert (await socket.hear())["type"] == "snapshot"
            await asyncio.sleep(1.2)
            await aside(client.logout)
            assert await socket.hear_close() == 4401

    run(main())


@pytest.mark.parametrize("change", ["revoked", "expired", "deactivated"])
def test_a_token_that_is_no_longer_good_loses_its_socket(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.5)
    token = token_of(ada)

    def take_away() -> None:
        if change == "revoked":
            ada.api_tokens.update(revoked_at=timezone.now())
        elif change == "expired":
            ada.api_tokens.update(expires_at=timezone.now())
        else:
            type(ada).objects.update(is_active=False)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            await aside(take_away)
            assert await socket.hear_close() == 4401

    run(main())


@pytest.mark.parametrize("says_it", ["in the header", "first of all"])
def test_a_token_that_may_not_look_or_has_spent_its_minute_opens_no_socket(
    sqlite: None, run: Any, ada: Any, says_it: str
) -> None:
    blind, quick = token_of(ada, ["submit", "operate"]), token_of(ada, requests_per_minute=1)

    async def open_with(token: str) -> Socket:
        socket = Socket(token if says_it == "in the header" else "")
        await socket.__aenter__()
        if says_it == "first of all":
            await socket.say(authenticate=token)
        return socket

    async def main() -> None:
        assert await (await open_with(blind)).hear_close() == 4403
        first = await open_with(quick)
        await first.say(subscribe="jobs")
        await first.hear("snapshot")
        assert await (await open_with(quick)).hear_close() == 4429
        await first.__aexit__(None, None, None)

    run(main())


def test_a_client_that_never_stops_asking_is_looked_at_as_well(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 60.0)  # no tick finds it idle
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            await aside(lambda: ada.api_tokens.update(revoked_at=timezone.now()))
            await asyncio.sleep(0.3)
            await socket.say(subscribe="jobs")
            assert await socket.hear_close() == 4401

    run(main())


@pytest.mark.parametrize("says_it", ["in the header", "first of all"])
def test_who_cannot_be_recognised_now_is_told_to_come_again_and_not_that_the_token_is_bad(
    sqlite: None, run: Any, ada: Any, says_it: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(ada)

    def away(key: str) -> Any:
        raise OperationalError("the database is away")

    async def main() -> None:
        monkeypatch.setattr(consumers, "recognise", away)
        socket = Socket(token if says_it == "in the header" else "")
        await socket.__aenter__()
        if says_it == "first of all":
            await socket.say(authenticate=token)
        assert await socket.hear_close() == 1013

    run(main())


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example:8000/localhost",
        "null",
        "",
        "localhost",
    ],
)
@pytest.mark.parametrize("comes_with", ["a session", "a token"])
def test_a_page_of_another_site_may_not_open_a_socket(
    sqlite: None, run: Any, ada: Any, client: Any, comes_with: str, origin: str
) -> None:
    client.force_login(ada)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    headers = [cookie] if comes_with == "a session" else []
    token = token_of(ada) if comes_with == "a token" else ""

    async def main() -> None:
        socket = Socket(token, headers=[*headers, (b"origin", origin.encode())])
        connected, _ = await socket.link.connect()
        assert not connected

    run(main())


def test_a_program_with_a_token_names_no_page_and_is_let_in(sqlite: None, run: Any, ada: Any) -> None:
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            assert (await socket.hear())["type"] == "snapshot"

    run(main())
