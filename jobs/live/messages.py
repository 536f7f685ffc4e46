"""What subscribers are sent of a job's events: one text, made once for all of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from jobs.states import FINISHED


@dataclass(frozen=True)
class EventText:
    """An event that is ready to be sent. message: as a socket hears it, and the only copy that is kept."""

    seq: int
    type: str
    state: str
    message: str
    starts_at: int

    @classmethod
    def of(cls, job_id: uuid.UUID, seq: int, type: str, state: str, text: str) -> EventText:
        """text: the event's JSON."""
        before = f'{{"type":"event","topic":"job:{job_id}","event":'
        return cls(seq, type, state, f"{before}{text}}}", len(before))

    @property
    def text(self) -> str:
        """The event's JSON alone."""
        return self.message[self.starts_at : -1]

    @property
    def is_of_ended(self) -> bool:
        """Whether the job has ended by this event: what may follow until it is run again is no step of it."""
        return self.state in FINISHED
