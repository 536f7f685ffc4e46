"""A seeded schedule of things that go wrong, and what mends them again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from django.db import DatabaseError, connections

from benchmarks.chaos import painter
from benchmarks.chaos.clocks import Clocks
from benchmarks.chaos.disk import SmallDisk
from benchmarks.hosts import Network
from jobs.models import Job
from tests.harness.postgres import PostgresServer
from tests.harness.proc import find_process
from tests.harness.processes import Roles, ServerStack
from tests.harness.waiting import wait_until
from tests.standins.ikas_server import IkasServer, slow

WEBS = ("web", "web-2")
CLUSTERS = ("sira", "sira-2", "gpu")
#: How often each comes, relative to the others. What a machine or a database cannot do is left out.
WEIGHTS = {
    "kill_worker": 12, "freeze_worker": 10, "kill_pusher": 3, "kill_monitor": 2, "kill_sentinel": 2, "kill_main": 2,
    "kill_cluster": 2, "drain_cluster": 1, "kill_web": 3, "freeze_web": 3, "end_connections": 7, "restart_postgres": 3,
    "crash_postgres": 2, "full_disk": 4, "fail_painter": 3, "slow_painter": 2, "shop_outage": 3, "slow_shop": 2,
    "step_clock": 4, "cut_off_host": 8,
}  # fmt: skip
#: How many of a sort may go on at once; of the others one.
AT_ONCE = {"freeze_worker": 2}
#: In leases: how long somebody is frozen or cut off. By the end of a long one somebody else has the job.
SHORTEST, LONGEST = 1.3, 3.5
#: How often it is tried to start a service before it is given up.
STARTS = 8
ON_POSTGRESQL = ("end_connections", "restart_postgres", "crash_postgres")


class Faults:
    """What may be struck, and what was. lease: seconds; what is frozen or cut off stays so for longer.

    count: how often each. doubtful: the times in which a frozen or cut-off process may have held rows locked.
    revived: services that had ended by themselves and were started again, as a service manager does. slowest: seconds
    until a service that was ended, and started anew, was at work again, by its name.
    """

    def __init__(
        self,
        stack: ServerStack,
        rng: random.Random,
        *,
        lease: float,
        mood: Path,
        server: PostgresServer | None,
        shop: IkasServer,
        disk: SmallDisk | None,
        network: Network | None,
        clocks: Clocks | None,
    ) -> None:
        self.stack, self.rng, self.lease, self.mood = stack, rng, lease, mood
        self.server, self.shop, self.disk, self.network, self.clocks = server, shop, disk, network, clocks
        there: dict[str, object] = {"full_disk": disk, "cut_off_host": network, "step_clock": clocks}
        there |= dict.fromkeys(ON_POSTGRESQL, server)
        self.weights = {name: weight for name, weight in WEIGHTS.items() if there.get(name, True) is not None}
        self.count: Counter[str] = Counter()
        self.slowest: dict[str, float] = defaultdict(float)
        # Services are started in threads of their own: the next fault does not wait for them. The threads stay: with
        # the thread that started it a process is told to end (PR_SET_PDEATHSIG).
        self._threads = ThreadPoolExecutor(len(stack.services))
        self._away: dict[str, Future[None]] = {}
        self.revived: Counter[str] = Counter()
        self.doubtful: list[tuple[datetime, datetime]] = []
        self._mending: list[tuple[float, str, Callable[[], None]]] = []

    def strike(self) -> None:
        """Let one thing go wrong, that is not going wrong as often already."""
        self.revive()
        under_way = Counter(name for _, name, _ in self._mending)
        open_to_us = {name: weight for name, weight in self.weights.items() if under_way[name] < AT_ONCE.get(name, 1)}
        if not open_to_us:
            return
        (name,) = self.rng.choices(list(open_to_us), list(open_to_us.values()))
        with contextlib.suppress(_NobodyThere):
            getattr(self, f"_{name}")()
            self.count[name] += 1

    def mend(self) -> None:
        """Undo what has lasted long enough."""
        now = time.monotonic()
        for entry in list(self._mending):
            due, _, undo = entry
            if now >= due:
                self._mending.remove(entry)
                undo()

    def end(self) -> None:
        """Undo everything, and wait until every service is at work."""
        for _, _, undo in self._mending:
            undo()
        self._mending.clear()
        for future in self._away.values():
            future.result()
        self.revive()
        for future in self._away.values():
            future.result()

    def revive(self) -> None:
        """Start what has ended, as a service manager does. Raises what kept a service from being started."""
        for name in [name for name, future in self._away.items() if future.done()]:
            self._away.pop(name).result()
        for name, service in self.stack.services.items():
            if name not in self._away and service.reap() is not None:
                self.revived[name] += 1
                self._restart(name, lambda: None)

    def _restart(self, name: str, end: Callable[[], object]) -> None:
        """Let `end` end a service, and start it anew, meanwhile."""
        began = time.monotonic()

        def restart() -> None:
            end()
            self._start(name)
            self.slowest[name] = max(self.slowest[name], time.monotonic() - began)

        self._away[name] = self._threads.submit(restart)

    def _start(self, name: str) -> None:
        for _ in range(STARTS):
            try:
                return self.stack.start(name)
            except RuntimeError as error:  # it ended while it started; a service manager tries again
                last = error
        raise last

    def _one_of(self, names: Sequence[str]) -> str:
        """Return a service that is at work. Raises _NobodyThere."""
        there = [name for name in names if name not in self._away]
        if not there:
            raise _NobodyThere
        return self.rng.choice(there)

    def _a_cluster(self) -> tuple[str, Roles]:
        name = self._one_of(CLUSTERS)
        return name, self.stack.children(name)

    def _for(self, name: str, seconds: float, undo: Callable[[], None]) -> None:
        self._mending.append((time.monotonic() + seconds, name, undo))

    def _longer_than_a_lease(self) -> float:
        return self.lease * self.rng.uniform(SHORTEST, LONGEST)

    # --- processes ----------------------------------------------------------------------------------------------
    def _worker(self) -> int:
        """Return a worker; mostly one that is in the middle of something."""
        busy = [pid for pid in _busy_workers() if find_process(pid)]
        if busy and self.rng.random() < 0.8:
            return self.rng.choice(busy)
        return self.rng.choice(self._a_cluster()[1].workers)

    def _freeze(self, name: str, pid: int, seconds: float) -> None:
        process = find_process(pid)
        if process is None:
            return
        os.kill(pid, signal.SIGSTOP)
        self._doubt(seconds)

        def thaw() -> None:
            now = find_process(pid)
            if now is not None and now.started == process.started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        self._for(name, seconds, thaw)

    def _doubt(self, seconds: float) -> None:
        now = datetime.now(UTC)
        # What was frozen in a transaction may take a moment to end it.
        self.doubtful.append((now, now + timedelta(seconds=seconds + 2)))

    def _kill_worker(self) -> None:
        _kill(self._worker())

    def _freeze_worker(self) -> None:
        self._freeze("freeze_worker", self._worker(), self._longer_than_a_lease())

    def _kill_pusher(self) -> None:
        _kill(self._a_cluster()[1].pusher)

    def _kill_monitor(self) -> None:
        _kill(self._a_cluster()[1].monitor)

    def _kill_sentinel(self) -> None:
        name, roles = self._a_cluster()
        self._kill_and_start(name, roles.sentinel)

    def _kill_main(self) -> None:
        name, roles = self._a_cluster()
        self._kill_and_start(name, roles.main)

    def _kill_and_start(self, name: str, pid: int) -> None:
        service = self.stack.services[name]
        _kill(pid)
        self._restart(name, lambda: wait_until(lambda: service.reap() is not None, timeout=60))

    def _kill_cluster(self) -> None:
        name = self._one_of(CLUSTERS)
        self._restart(name, lambda: self.stack.kill_whole(name))

    def _drain_cluster(self) -> None:
        """Restart a cluster in order, as an upgrade does."""
        name = self._one_of(CLUSTERS)
        self._restart(name, lambda: self.stack.stop(name))

    def _kill_web(self) -> None:
        name = self._one_of(WEBS)
        self._restart(name, lambda: self.stack.kill_whole(name))

    def _freeze_web(self) -> None:
        name = self._one_of(WEBS)
        self._freeze("freeze_web", self.stack.pid(name), self._longer_than_a_lease())

    def _step_clock(self) -> None:
        """Set the clock of a service; it stays so until it is set again."""
        assert self.clocks is not None
        name = self.rng.choice(self.clocks.names)
        self.clocks.step(name, self.rng.choice([-3600, -60, -10, 10, 60, 3600]))

    # --- what stands outside --------------------------------------------------------------------------------------
    def _fail_painter(self) -> None:
        self._set_painter("fail_painter", painter.FAILING)

    def _slow_painter(self) -> None:
        self._set_painter("slow_painter", painter.SLOW)

    def _set_painter(self, name: str, mood: str) -> None:
        self.mood.write_text(mood)
        self._for(name, self.rng.uniform(2, 5), lambda: self.mood.write_text(painter.WELL) and None)

    def _shop_outage(self) -> None:
        shop = self.shop
        shop.outage = True
        self._for("shop_outage", self.rng.uniform(1, 3), lambda: setattr(shop, "outage", False))

    def _slow_shop(self) -> None:
        # Longer than a request may take, and not so long.
        self.shop.will(slow(self.rng.choice([1.0, 4.0])))

    def _full_disk(self) -> None:
        assert self.disk is not None
        self.disk.fill()
        self._for("full_disk", self.rng.uniform(2, 5), self.disk.empty)

    # --- the database ---------------------------------------------------------------------------------------------
    def _end_connections(self) -> None:
        """End some of the connections, or all."""
        assert self.server is not None
        share = self.rng.choice([0.1, 0.5, 1.0])
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'bench' AND pid <> pg_backend_pid() AND random() < %s",
                [share],
            )

    def _restart_postgres(self) -> None:
        assert self.server is not None
        self.server.restart("fast")

    def _crash_postgres(self) -> None:
        assert self.server is not None
        self.server.kill()
        time.sleep(self.rng.uniform(0, 2))
        self.server.start()

    # --- the network ----------------------------------------------------------------------------------------------
    def _cut_off_host(self) -> None:
        assert self.network is not None
        name = self._one_of(CLUSTERS)
        seconds = self._longer_than_a_lease()
        self.network.cut(name)
        self._doubt(seconds)
        network = self.network
        self._for("cut_off_host", seconds, lambda: network.join(name))


class _NobodyThere(Exception):
    """All that could be struck are being started just now."""


def _busy_workers() -> list[int]:
    connections.close_all()  # the server may have been started anew
    try:
        names = sorted(Job.objects.running().values_list("worker", flat=True))
    except DatabaseError:
        return []
    return [int(name.split(":")[1]) for name in names]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself a moment ago
        os.kill(pid, signal.SIGKILL)
