"""A client of Sıra: submit a job, watch it, get its result as a type of yours.

    with Sira() as sira:  # SIRA_URL, SIRA_TOKEN
        job = sira.submit("parsers.parse_cv", files={"file": "cv.pdf"})
        job = sira.wait(job, on_progress=lambda event: print(event.progress, event.stage))
        profile = sira.result(job, type=Profile)

`AsyncSira` is the same with `await`. What can go wrong is in `sira_client.SiraError` and below.
"""

from ._async_client import AsyncSira
from ._client import Sira
from ._errors import (
    ApiError,
    Conflict,
    DownloadBroken,
    Forbidden,
    InvalidInput,
    JobCancelled,
    JobFailed,
    NotAuthenticated,
    NotFound,
    ServerError,
    SiraError,
    Throttled,
    Unprocessable,
    Unreachable,
    WaitTimeout,
    WebhookRefused,
    WrongShape,
)
from ._models import Error, Event, File, InputField, Job, Kind, Queue, Receipt, Span
from ._submissions import Submission
from ._uploads import FileLike
from ._webhooks import WebhookEvent, verify_webhook

__version__ = "0.1.0"

__all__ = [
    "ApiError",
    "AsyncSira",
    "Conflict",
    "DownloadBroken",
    "Error",
    "Event",
    "File",
    "FileLike",
    "Forbidden",
    "InputField",
    "InvalidInput",
    "Job",
    "JobCancelled",
    "JobFailed",
    "Kind",
    "NotAuthenticated",
    "NotFound",
    "Queue",
    "Receipt",
    "ServerError",
    "Sira",
    "SiraError",
    "Span",
    "Submission",
    "Throttled",
    "Unprocessable",
    "Unreachable",
    "WaitTimeout",
    "WebhookEvent",
    "WebhookRefused",
    "WrongShape",
    "verify_webhook",
]
