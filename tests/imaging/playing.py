"""A provider that does what its prompt says, and paints a small picture otherwise.

Words of a prompt: `fail` (Unavailable), `limited`, `refused`, `bug`, `memory`, `broken` (bytes that are no picture),
`kill` (the process dies), `slow=2.5` (seconds, spread over the steps), `until=2` (misbehaves before that attempt).
"""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from imaging.painter import Painter
from imaging.providers import Painting, Prompt, Show
from jobs import lifecycle
from jobs.errors import InvalidInput, RateLimited, Unavailable
from jobs.models import Job
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until

#: Where calls of one prompt are counted, for `until`.
COUNTS = os.environ.get("PLAYING_COUNTS", "")


class Obedient:
    name = "obedient"

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        words = prompt.text.split()
        seconds = float(_value(prompt.text, "slow") or 0)

        def slowly(step: int, steps: int, preview: bytes | None = None) -> None:
            ends = time.monotonic() + seconds / steps
            while time.monotonic() < ends:
                time.sleep(0.005)
            show(step, steps, preview)

        misbehaves = _calls(prompt.text) < int(_value(prompt.text, "until") or 1_000_000)
        if misbehaves:
            if "kill" in words:
                os.kill(os.getpid(), signal.SIGKILL)
            if "limited" in words:
                raise RateLimited("Slow down.", retry_after=timedelta(seconds=0.2))
            if "fail" in words:
                raise Unavailable("The provider is down.")
            if "refused" in words:
                raise InvalidInput("The provider refuses this prompt.", code="prompt_refused")
            if "bug" in words:
                raise ZeroDivisionError
        painting = Painter().paint(prompt, slowly)
        return replace(painting, image=b"\x89PNG no picture") if "broken" in words and misbehaves else painting


def end_everything(stack: ServerStack) -> None:
    """Leave the GPU's queue empty for the next test on the same stack."""
    with stack.database():
        lifecycle.resume_queue("gpu")
        waiting = Job.objects.filter(queue="gpu").unfinished()
        for job_id in list(waiting.values_list("pk", flat=True)):
            lifecycle.cancel(job_id)
        wait_until(lambda: not waiting.exists(), timeout=20)


def _value(text: str, name: str) -> str | None:
    found = re.search(rf"\b{name}=([\d.]+)", text)
    return found[1] if found else None


def _calls(text: str) -> int:
    """Return how often this prompt has been painted, this time included."""
    if not COUNTS or "until=" not in text:
        return 0
    path = Path(COUNTS) / re.sub(r"\W+", "-", text)
    with path.open("a") as file:
        file.write("x")
    return path.stat().st_size
