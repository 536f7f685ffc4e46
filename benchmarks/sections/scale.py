"""How much of everything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """pickups … rounds: how often. jobs: of one drain. listed: jobs in the table whose list is asked for.

    waiting: depths of the queue. memory_jobs: run in `memory_steps` steps, between which the memory is read; no step is
    begun after `memory_seconds`.
    """

    pickups: int = 100
    jobs: int = 2000
    rounds: int = 3
    submits: int = 200
    requests: int = 200
    listed: int = 100_000
    sockets: tuple[int, ...] = (10, 200, 1000)
    fanouts: int = 40
    waiting: tuple[int, ...] = (1000, 100_000)
    documents: int = 1000
    idle_seconds: float = 30.0
    memory_jobs: int = 100_000
    memory_steps: int = 20
    memory_seconds: float = 300.0


#: About twenty minutes for both databases on two quiet cores.
WHOLE = Scale()
#: Within three minutes: to see that all of it works, and about how much it is.
QUICK = Scale(
    pickups=20, jobs=500, rounds=1, submits=50, requests=50, listed=5000, sockets=(10, 200), fanouts=8,
    waiting=(1000, 10_000), documents=30, idle_seconds=6.0, memory_jobs=1500, memory_steps=3,
)  # fmt: skip
