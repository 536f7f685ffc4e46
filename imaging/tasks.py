"""The kind of this app."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from imaging import messages, operations
from imaging.chosen import chosen_image_provider
from imaging.models import Preview
from imaging.providers import OPENAI, Prompt
from imaging.serializers import GenerateImageInput
from imaging.words import WORDS
from jobs.kinds import Backoff, job_kind
from jobs.running import RunningJob
from parsers.chosen import OPENAI_LIMIT


@job_kind(
    "imaging.generate_image",
    input=GenerateImageInput,
    queue="gpu",
    resource="gpu",
    rate_limit=OPENAI_LIMIT if settings.IMAGE_PROVIDER == OPENAI else "",
    timeout=settings.IMAGE_TIMEOUT,
    backoff=Backoff(max_attempts=3, base=timedelta(seconds=5)),  # somebody looks at an empty frame
    stages=operations.STAGES,
    words=WORDS,
    mirror=messages.mirror,
)
def generate_image(
    job: RunningJob, *, prompt: str, width: int, height: int, steps: int, seed: int | None
) -> dict[str, Any]:
    """Paint a prompt as one image.

    width, height: pixels, multiples of 16, 64 to 2048. steps: 1 to 100. seed: 0 to 2**32 - 1, or None.
    Returns {"image": JobFile id of a PNG, "width", "height", "seed", "seconds", "provider", "model", "ai"}.
    Raises InvalidInput (refused prompt) or Unavailable (the provider is down or out of memory).
    """
    provider = chosen_image_provider()

    def show(percent: float, stage: str, preview: bytes | None = None, **step: int) -> None:
        def keep() -> None:
            if preview is not None:
                row = {"attempt": job.attempt, "step": step["step"], "image": preview}
                Preview.objects.update_or_create(job_id=job.job.pk, defaults=row)

        job.progress(percent, stage, save=keep, **step)

    picture = operations.generate(
        provider,
        Prompt(prompt, width, height, steps, messages.seed_of(job.job)),
        refused=settings.IMAGE_REFUSED_WORDS,
        show=show,
    )
    file_id = job.save_file("image.png", picture.png, "image/png")
    return operations.result_of(picture, file_id, provider.name)
