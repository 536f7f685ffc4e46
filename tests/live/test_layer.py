"""The channel layer of a web process: messages keep their order, whoever takes them at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from jobs.live import layer as layers
from jobs.live.layer import ProcessLayer


def test_a_listener_takes_what_comes_while_its_reader_waits_and_nothing_overtakes() -> None:
    async def main() -> list[tuple[str, int]]:
        layer, taken = ProcessLayer(), []
        refuses: list[int] = [2]

        def listen(message: dict[str, Any]) -> bool:
            if message["n"] in refuses:
                return False
            taken.append(("at once", message["n"]))
            return True

        async def read() -> None:
            while True:
                message = await layer.receive("a")
                await asyncio.sleep(0.01)  # it is in hand: what comes meanwhile has to wait
                taken.append(("in turn", message["n"]))

        layer.listen("a", listen)
        await layer.group_add("all", "a")
        await layer.group_send("all", {"n": 0})  # nobody reads yet
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        for n in (1, 2, 3):
            await layer.group_send("all", {"n": n})
        await asyncio.sleep(0.05)
        await layer.group_send("all", {"n": 4})
        layer.forget("a")
        await layer.group_send("all", {"n": 5})
        await asyncio.sleep(0.05)
        reader.cancel()
        return taken

    assert asyncio.run(main()) == [
        ("in turn", 0), ("at once", 1), ("in turn", 2), ("in turn", 3), ("at once", 4), ("in turn", 5),
    ]  # fmt: skip


def test_a_channel_that_is_full_loses_what_comes_and_holds_up_nobody() -> None:
    async def main() -> tuple[list[int], list[int]]:
        layer = ProcessLayer(capacity=2)
        for channel in ("slow", "quick"):
            await layer.group_add("all", channel)
        quick = []
        for n in range(4):
            await layer.group_send("all", {"n": n})
            quick.append((await layer.receive("quick"))["n"])
        with pytest.raises(ChannelFull):
            await layer.send("slow", {"n": 9})
        return quick, [(await layer.receive("slow"))["n"] for _ in range(2)]

    assert asyncio.run(main()) == ([0, 1, 2, 3], [0, 1])


def test_who_leaves_while_a_group_is_told_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "AT_A_TIME", 1)

    async def main() -> bool:
        layer = ProcessLayer()
        for channel in ("a", "b"):
            await layer.group_add("all", channel)
        telling = asyncio.create_task(layer.group_send("all", {}))
        await asyncio.sleep(0)
        await layer.group_discard("all", "b")
        await telling
        return "b" in layer.channels

    assert not asyncio.run(main())


def test_messages_too_old_are_looked_for_once_in_a_while_and_not_with_every_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(InMemoryChannelLayer, "_clean_expired", lambda self: looks.append(time.monotonic()))

    async def main() -> None:
        layer = ProcessLayer()
        for n in range(100):
            await layer.send("a", {"n": n})
            await layer.receive("a")

    asyncio.run(main())
    assert len(looks) == 1


def test_what_nobody_takes_is_thrown_away() -> None:
    async def main() -> dict[str, Any]:
        layer = ProcessLayer(expiry=-1)
        await layer.send("a", {})
        await layer.group_send("nobody", {})
        return layer.channels

    assert asyncio.run(main()) == {}
