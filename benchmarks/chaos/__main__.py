"""Everything goes wrong while jobs run; then count: `make chaos MINUTES=10 SEED=1`, or

    python -m benchmarks.chaos --minutes 10 --seed 1 [--database sqlite] [--namespaces] [--rate 10.5]
        [--seconds-between 2]

PostgreSQL (or SQLite), two web servers, three clusters (one of them "gpu"). Clients send work of all kinds over HTTP
and watch it on sockets. A seeded schedule SIGKILLs and freezes workers, clusters and web servers, restarts and crashes
PostgreSQL, ends its connections, fills the disk for files, makes providers slow or fail, sets the clocks of services,
and (--namespaces) cuts hosts off from each other. At the end the ledgers are compared: what was acknowledged, what was
seen live, a side table written in the transaction of each result, and the jobs, their events and their rows.
docs/chaos.md says more.

PostgreSQL's clock is the machine's, and that is not ours to change. What the machine does not allow is left out, and a
line says so.

The last line reads:
jobs N faults N lost N doubled N stale N overlaps N missed N repeated N recovery_p99 S
The exit status is 1 unless the counts of what must not be are 0: these, priority violations, and refused requests.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.stacks import DATABASES, available, running  # isort: skip  before any model
from django.db import connections

from benchmarks.chaos import evidence, painter
from benchmarks.chaos.clocks import Clocks
from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.faults import CLUSTERS, WEBS, Faults
from benchmarks.chaos.load import FIRST_ORDER, MOST_MAILS, OWNERS, REFUSED_WORD, Load
from benchmarks.chaos.watching import Watcher
from benchmarks.hosts import ADDRESS, Network, NotPossible, network
from tests.harness.postgres import PostgresServer
from tests.harness.processes import Host, ServerStack
from tests.harness.waiting import wait_until
from tests.standins.ikas_server import IkasServer, orders_for

#: Leases short enough that a minute of chaos has many of them run out.
LEASE_SECONDS = 4
WATCHERS = 6
SETTLE_SECONDS = 240
#: Requests a second that the shop takes.
SHOP_RATE = 20
#: Findings of a sort that are printed.
SHOWN = 8


def environment(folder: Path, shop: IkasServer) -> dict[str, str]:
    return shop.environment | {
        "EXTRA_APPS": "tests.workload,benchmarks.chaos.plugin.ChaosConfig",
        "LEASE_SECONDS": str(LEASE_SECONDS), "HEARTBEAT_SECONDS": "1", "DRAIN_GRACE_SECONDS": "2",
        "IMAGE_PROVIDER": "benchmarks.chaos.painter.MoodyPainter", "IMAGE_REFUSED_WORDS": REFUSED_WORD,
        "MAILDIR": str(folder / "maildir"), "OUTBOX_DIR": str(folder / "outbox"),
        "SIRA_CHAOS_PAINTER": str(folder / "painter"), "SIRA_CHAOS_DEVICE": str(folder / "device"),
        "IKAS_REQUESTS_PER_SECOND": str(SHOP_RATE), "IKAS_REQUESTS_PER_WINDOW": "1000000", "IKAS_TIMEOUT_SECONDS": "3",
    }  # fmt: skip


def hosts_of(folder: Path, net: Network | None, clocks: Clocks | None) -> dict[str, Host]:
    """Return what each service has of its own: a clock; and clusters in namespaces a network and a device."""
    hosts = {}
    for name in (*WEBS, *CLUSTERS):
        env = clocks.env(name) if clocks else {}
        if net is not None and name in CLUSTERS:
            env["SIRA_CHAOS_DEVICE"] = str(folder / f"device-{name}")
            env["DEVICE_LOCK_DIR"] = str(folder / f"locks-{name}")
        hosts[name] = Host(net.prefix(name) if net is not None and name in CLUSTERS else (), env)
    return hosts


class Clients:
    """The load and its watchers, in an event loop of a thread of their own."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.error: BaseException | None = None
        self._level = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._work())
        except BaseException as error:
            self.error = error

    async def _work(self) -> None:
        watching = [asyncio.create_task(watcher.run()) for watcher in self.load.watchers]
        await self.load.run()
        while not self._level.is_set():
            await asyncio.sleep(0.1)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    @property
    def are_at_work(self) -> bool:
        return self._thread.is_alive()

    def stop_sending(self) -> None:
        self._loop.call_soon_threadsafe(self.load.end)

    def finish(self) -> None:
        self._level.set()
        self._thread.join(60)


@contextlib.contextmanager
def system(options: argparse.Namespace, database: str) -> Iterator[tuple[ServerStack, Faults, Path]]:
    """Start it all; a line is printed for each fault that this machine does not allow."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sira-chaos-")))
        net = stack.enter_context(network(CLUSTERS)) if options.namespaces else None
        address = ADDRESS if net else "127.0.0.1"
        server = PostgresServer(fsync=True, address=address) if database == "postgresql" else None
        shop = stack.enter_context(IkasServer(orders=orders_for(MOST_MAILS, FIRST_ORDER), host=address))
        clocks = Clocks.build(folder, (*WEBS, *CLUSTERS)) if server else None
        if clocks is None:
            why = "there is no C compiler here" if server else "on SQLite every time is that of its process"
            print(f"skipped: clock steps, because {why}")
        (folder / "painter").write_text(painter.WELL)
        running_system = stack.enter_context(
            running(
                database,
                server=server,
                web=len(WEBS),
                cluster_names=("sira", "sira", "gpu"),
                env=environment(folder, shop),
                hosts=hosts_of(folder, net, clocks),
            )
        )
        disk = stack.enter_context(small_disk(running_system.data_dir / "files"))
        if disk is None:
            print("skipped: a full disk, because no file system may be mounted here")
        faults = Faults(
            running_system, random.Random(options.seed), lease=LEASE_SECONDS, mood=folder / "painter", server=server,
            shop=shop, disk=disk, network=net, clocks=clocks,
        )  # fmt: skip
        yield running_system, faults, folder


def let_it_go_wrong(stack: ServerStack, faults: Faults, folder: Path, options: argparse.Namespace) -> evidence.Findings:
    """Load, strike, wait until everything has ended, compare."""
    tokens = {owner: stack.token(owner) for owner in OWNERS}
    staff = stack.token("agent", staff=True)
    urls = list(stack.base_urls.values())
    watchers = [Watcher(urls[number % 2 :] + urls[: number % 2], staff) for number in range(WATCHERS)]
    load = Load(urls, tokens, staff, folder / "maildir", watchers, random.Random(options.seed + 1), rate=options.rate)
    clients = Clients(load)
    timing = random.Random(options.seed + 2)
    ends = time.monotonic() + options.minutes * 60
    next_strike = time.monotonic() + 2
    while time.monotonic() < ends and clients.are_at_work:
        time.sleep(0.1)
        faults.mend()
        if time.monotonic() >= next_strike:
            faults.strike()
            next_strike = time.monotonic() + timing.uniform(0.5, 1.5) * options.seconds_between
    faults.end()
    clients.stop_sending()
    answered = "a client was not answered"
    _wait_for(lambda: load.is_acknowledged or not clients.are_at_work, SETTLE_SECONDS, answered)
    connections.close_all()  # they may be those of a server that is gone
    left = f"waiting for {evidence.unfinished()} jobs to end"
    print(f"faults {dict(sorted(faults.count.items()))}; {left}", flush=True)
    _wait_for(lambda: evidence.unfinished() == 0, SETTLE_SECONDS, "jobs have not ended")
    _wait_for(lambda: all(watcher.is_level for watcher in watchers), 30, "watchers were not told of every end")
    clients.finish()
    if clients.error is not None:
        raise clients.error
    print(f"answers {dict(sorted(load.answers.items()))}, sockets {sum(watcher.sockets for watcher in watchers)}")
    print(f"slowest start { ({name: round(seconds, 1) for name, seconds in sorted(faults.slowest.items())}) }")
    if faults.revived:
        print(f"ended by themselves and were started again: {dict(faults.revived)}")
    return evidence.gather(load, [str(path) for path in folder.glob("device*")], faults.doubtful)


def _wait_for(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait, but go on to the comparison all the same: it says what is wrong."""
    try:
        wait_until(condition, timeout=seconds)
    except AssertionError:
        print(f"after {seconds} s: {otherwise}", flush=True)


def report(findings: evidence.Findings) -> None:
    for name in findings.COUNTED:
        found = getattr(findings, name)
        for line in found[:SHOWN]:
            print(f"{name.upper()}: {line}")
        if len(found) > SHOWN:
            print(f"{name.upper()}: and {len(found) - SHOWN} more")
    print(f"kinds {dict(sorted(findings.kinds.items()))}")
    print(
        f"events told {findings.events}, priority violations {len(findings.overtaken)}, refused {len(findings.refused)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10.5, help="jobs a second that are sent, on average")
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument(
        "--namespaces", action="store_true", help="a network of their own for clusters; cut now and then"
    )
    parser.add_argument(
        "--seconds-between", type=float, default=2.0, help="faults, on average, besides what each takes"
    )
    options = parser.parse_args()
    database = options.database or ("postgresql" if available("postgresql") else "sqlite")
    if options.namespaces and database != "postgresql":
        parser.error("--namespaces needs PostgreSQL: hosts share no SQLite file")
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that mounts and bridges are undone
    began = time.monotonic()
    try:
        with system(options, database) as (stack, faults, folder), stack.database():
            findings = let_it_go_wrong(stack, faults, folder, options)
    except NotPossible as reason:
        print(f"no hosts of their own on this machine: {reason}")
        return 2
    report(findings)
    print(f"{database}, seed {options.seed}, {time.monotonic() - began:.0f} s in all")
    print(findings.closing_line(faults.count.total()))
    return int(not findings.is_clean)


if __name__ == "__main__":
    sys.exit(main())
