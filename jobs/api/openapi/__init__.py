"""The API's description (OpenAPI 3.1), made from the code.

    class OneJob(View):
        tag = "jobs"

        @operation(JobShape, faults=[JOB_NOT_FOUND], parameters=[PREFER])
        def get(self, request, job_id):
            \"\"\"How the job stands.

            What a client should know besides.
            \"\"\"

The docstring is what people read: its first line is the summary. `operation` says what comes in and goes out; the
shapes are serializers with an `example`. What every operation may answer (401, 503 …) is added by itself.
Tests hold every answer that they get against this description (tests/harness/description.py).
"""

from jobs.api.openapi.faults import Fault
from jobs.api.openapi.headers import IDEMPOTENCY_KEY, IF_NONE_MATCH, PREFER
from jobs.api.openapi.operation import Answer, Operation, operation

__all__ = [
    "IDEMPOTENCY_KEY",
    "IF_NONE_MATCH",
    "PREFER",
    "Answer",
    "Fault",
    "Operation",
    "operation",
]
