"""Errors and answers that operations of several apps share."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi.faults import Fault
from jobs.states import State


class JobFaultShape(serializers.Serializer):
    """What a problem says about the job it is about."""

    job_id = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=State.values, required=False, help_text="the job's state now")

    example: dict[str, Any] = {"job_id": "0193a2f0-5c1e-7d3a-9b57-1f2e3d4c5b6a", "state": "processing"}


JOB_NOT_FOUND = Fault(404, "job_not_found", "There is no such job, or it is not yours.")
FORBIDDEN = Fault(403, "forbidden", "You may look at this, but only its owner or an operator may change it.")
FILE_NOT_FOUND = Fault(404, "file_not_found", "The job has no such file, or it has expired.")

#: What is no JSON.
BYTES: dict[str, Any] = {"description": "the bytes of the file"}

QUEUE_DRAINING = Fault(
    503, "queue_draining", "The queue takes no new jobs; nothing was stored. Send the request again later."
)

#: For whatever becomes a job.
OF_SUBMISSIONS = (
    Fault(400, "invalid_idempotency_key", "Idempotency-Key must be 1 to 255 visible ASCII characters."),
    Fault(400, "file_not_found", "A file of this request has expired. Send it once more."),
    Fault(400, "invalid_cancel_after", "Cancel-After must be a time such as 90s, 5m, 1h30m or 2d."),
    Fault(409, "file_taken", "A file of this request has a job already; each job has files of its own."),
    Fault(422, "idempotency_key_reused", "The Idempotency-Key was used for another request."),
    QUEUE_DRAINING,
)
#: For files that a kind looks at.
OF_FILES = (
    Fault(400, "empty_file", "The file is empty."),
    Fault(400, "encrypted_file", "The file is protected with a password."),
    Fault(400, "image_too_large", "The image has more pixels than are read."),
    Fault(415, "unsupported_type", "The file is of a type that is not taken."),
    Fault(415, "type_mismatch", "The file is not what its name says."),
)
#: For batches of files.
OF_BATCHES = (
    Fault(400, "empty_batch", "There is no file in the batch."),
    Fault(400, "not_a_file", "`files` came as text: each part needs a filename."),
    Fault(400, "unexpected_files", "Some files came in another field."),
    Fault(413, "too_many_files", "There are more files than a batch takes."),
    Fault(413, "batch_too_large", "The files are larger, together, than a batch takes."),
)
#: What a submission's answer has; the last two only when there is something to say.
SUBMITTED = ("Location", "Link", "RetryAfter", "IdempotentReplayed", "PreferenceApplied")
