"""The states of a job, the moves between them, and the words each API uses for them.

    pending     accepted; not yet due (`run_after`), or a batch whose children are at work
    queued      due: the next free worker may claim it
    processing  one attempt is running under a lease
    succeeded   the result is stored; only a batch may leave it, when its children run again
    failed      attempts are spent, or the input can never succeed, or the deadline passed
    cancelled   somebody asked for it to stop

`docs/job-lifecycle.md` draws the same table.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    PENDING = "pending", _("pending")
    QUEUED = "queued", _("queued")
    PROCESSING = "processing", _("processing")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Waiting for a worker or for a time; a cancel takes effect at once.
WAITING = frozenset({State.PENDING, State.QUEUED})
#: The job will still change by itself.
UNFINISHED = frozenset({State.PENDING, State.QUEUED, State.PROCESSING})
#: Only a person's retry leaves these: of the job itself, or of a batch's child.
FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

#: Every move there is. `lifecycle.py` has one function for each; nothing else writes `state`.
#: To pending from anywhere: a batch whose children run again first.
MOVES: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.QUEUED, State.CANCELLED, State.FAILED}),
    State.QUEUED: frozenset({State.PROCESSING, State.CANCELLED, State.FAILED, State.PENDING}),
    State.PROCESSING: frozenset({State.SUCCEEDED, State.PENDING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset({State.PENDING}),
    State.FAILED: frozenset({State.QUEUED, State.PENDING}),
    State.CANCELLED: frozenset({State.QUEUED, State.PENDING}),
}


class Vocabulary:
    """This will translate canonical states into the words of one API, and filters back.

    words: one word for each State. A vocabulary that leaves one out does not load.
    """

    def __init__(self, name: str, words: Mapping[State, str]) -> None:
        missing = set(State) - set(words)
        if missing:
            raise ValueError(f"vocabulary {name!r} has no word for {', '.join(sorted(missing))}")
        self.name = name
        self.words = dict(words)

    def word(self, state: str) -> str:
        return self.words[State(state)]

    def choices(self) -> list[str]:
        """Return all that this API says, each word once, in the order of the states."""
        return list(dict.fromkeys(self.words[state] for state in State))

    def states(self, word: str) -> list[State]:
        """Return the canonical states that this API calls `word`; empty for an unknown word."""
        return [state for state, spoken in self.words.items() if spoken == word]
