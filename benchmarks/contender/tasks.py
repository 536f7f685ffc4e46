"""The job that every contender runs: two states that others can see, and a pause between them."""

from __future__ import annotations

import time

from rest_framework import serializers

from jobs.kinds import job_kind
from jobs.running import RunningJob


class PauseInput(serializers.Serializer):
    ms = serializers.FloatField(default=0)


@job_kind("contender.take_pause", input=PauseInput)
def take_pause(job: RunningJob, *, ms: float = 0) -> dict[str, bool]:
    """Sleep for `ms` milliseconds. Returns {"ok": True}, as the bodies of the other contenders do."""
    if ms:
        time.sleep(ms / 1000)
    return {"ok": True}
