"""Hosts of their own for clusters: network namespaces on one bridge, each of which can be cut off (Linux, root).

    root ── bridge 10.231.77.1, where PostgreSQL listens
             ├── veth ── namespace of "sira"    10.231.77.2
             ├── veth ── namespace of "sira-2"  10.231.77.3
             └── …

What is cut off is not refused: its packets vanish, and its connections stay open at both ends.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

NETWORK = "10.231.77"
ADDRESS = f"{NETWORK}.1"

_numbers = itertools.count()


class NotPossible(Exception):
    """This machine has no network namespaces for us; the message says why."""


@dataclass
class Network:
    """namespaces: by service. cables: the ends of the veth pairs on our side, by service."""

    namespaces: dict[str, str] = field(default_factory=dict)
    cables: dict[str, str] = field(default_factory=dict)

    def prefix(self, name: str) -> list[str]:
        # Not `ip netns exec`: that has mounts of its own as well, and would not see the disk for files.
        return ["nsenter", f"--net=/run/netns/{self.namespaces[name]}"]

    def cut(self, name: str) -> None:
        _ip("link", "set", self.cables[name], "down")

    def join(self, name: str) -> None:
        _ip("link", "set", self.cables[name], "up")


@contextlib.contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """Make a bridge and a host for each name; gone afterwards. Raises NotPossible."""
    for program in ("ip", "nsenter"):
        if not shutil.which(program):
            raise NotPossible(f"the program `{program}` is not installed")
    # Linux takes a moment to forget the cables of namespaces that are gone.
    mark = f"sc{os.getpid() % 100000}{next(_numbers)}"
    bridge = f"{mark}br"
    made = Network()
    with contextlib.ExitStack() as stack:
        try:
            _ip("link", "add", bridge, "type", "bridge")
            stack.callback(_ip, "link", "del", bridge)
            _ip("addr", "add", f"{ADDRESS}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for number, name in enumerate(names):
                space, cable, inside = f"{mark}n{number}", f"{mark}v{number}", f"{mark}i{number}"
                _ip("netns", "add", space)
                stack.callback(_ip, "netns", "del", space)
                _ip("link", "add", cable, "type", "veth", "peer", "name", inside, "netns", space)
                _ip("link", "set", cable, "master", bridge, "up")
                _ip("-n", space, "addr", "add", f"{NETWORK}.{number + 2}/24", "dev", inside)
                _ip("-n", space, "link", "set", inside, "up")
                _ip("-n", space, "link", "set", "lo", "up")
                made.namespaces[name], made.cables[name] = space, cable
        except subprocess.CalledProcessError as error:
            raise NotPossible(f"`ip` said: {error.stderr.decode(errors='replace').strip()}") from None
        yield made


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
