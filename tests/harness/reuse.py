"""Stacks that one test leaves whole and the next one takes: to start one costs four seconds of processor time.

What a test may find is what a new stack has: no rows but those of migrations, no files. Its logs and the numbers of its
rows go on from those of the test before; who looks at these starts a stack of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.models import Job
from jobs.states import State

from . import emptying
from .processes import ServerStack

#: What belongs to the running processes, not to the test.
THEIR_FILES = ("sira.sqlite3", ".log", "secret-key", "staticfiles", "locks")
THEIR_TABLES = frozenset({"jobs_worker"})


@dataclass
class IdleStacks:
    """The stacks of SQLite that nobody uses at the moment, by how they were started; the oldest is ended first.

    limit: an idle cluster looks around ten times a second, so there should be few.
    """

    limit: int = 2
    _idle: dict[str, tuple[ServerStack, emptying.Snapshot]] = field(default_factory=dict)

    def take(self, options: Mapping[str, Any]) -> ServerStack | None:
        """Return an emptied stack that was started with these options of ServerStack, if there is one."""
        found = self._idle.pop(_key(options), None)
        if found is None:
            return None
        stack, snapshot = found
        if self._empty(stack, snapshot):
            return stack
        stack.stop()
        return None

    def leave(self, options: Mapping[str, Any], stack: ServerStack, snapshot: emptying.Snapshot) -> None:
        """Take over a stack of a test that has passed. snapshot: what migrations had made when it was new."""
        if not stack.is_whole() or _key(options) in self._idle:
            stack.stop()
            return
        self._idle[_key(options)] = (stack, snapshot)
        if len(self._idle) > self.limit:
            self._idle.pop(next(iter(self._idle)))[0].stop()

    def close(self) -> None:
        for stack, _ in self._idle.values():
            stack.stop()
        self._idle.clear()

    def _empty(self, stack: ServerStack, snapshot: emptying.Snapshot) -> bool:
        """Return whether the stack is as new."""
        with stack.database():
            if Job.objects.filter(state=State.PROCESSING).exists() or emptying.read_snapshot() != snapshot:
                return False
            emptying.empty_tables(but=THEIR_TABLES)
        for path in stack.data_dir.iterdir():
            if not any(part in path.name for part in THEIR_FILES):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return stack.is_whole()


def _key(options: Mapping[str, Any]) -> str:
    return repr(sorted(options.items()))
