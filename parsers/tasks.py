"""The kinds of this app. One to read before you write your own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from jobs.kinds import Backoff, job_kind
from jobs.running import RunningJob
from parsers import operations, providers
from parsers.chosen import chosen_cv_provider
from parsers.serializers import ParseCvInput, extraction_limits


@job_kind(
    "parsers.parse_cv",
    input=ParseCvInput,
    queue="documents",
    timeout=timedelta(minutes=3),
    backoff=Backoff(max_attempts=3),
    rate_limit="openai" if settings.CV_PROVIDER == providers.OPENAI else "",
    stages=operations.CV_STAGES,
    prepare=operations.load_cv_parser,
)
def parse_cv(job: RunningJob, *, file: str, parse_mode: str) -> dict[str, Any]:
    """Read a CV into a structured profile without personal data.

    file: the CV as PDF, DOCX, TXT or an image, in Turkish or English. parse_mode: "basic" leaves out what was done in
    each job; "advanced" has everything.
    Returns {"parsed_data": {"profile", "cv_language"}, "cv_language", "provider", "pages", "warnings", …}.
    Raises InvalidInput (a file that cannot be read) or Unavailable (the provider is down).
    """
    with job.local_path(file) as path:
        return operations.parse_cv(
            path,
            file_name=job.file(file).name,
            mode=parse_mode,
            provider=chosen_cv_provider(),
            limits=extraction_limits(),
            show=job.progress,
        )
