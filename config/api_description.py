"""What the API's description says before its first operation, and about each of its parts."""

INTRODUCTION = """\
Durable background jobs for slow AI and document work: send work, get a job at once, watch it, fetch its result.

**Signing in.** `Authorization: Bearer <token>`, or `Authorization: Token <token>`, which is the same. People see their
own jobs, staff see everybody's. What belongs to others answers 404, the same as what does not exist.

**Jobs.** What takes long answers `202` with `Location`, `Retry-After` and links. `Prefer: wait=n` waits up to n (60)
seconds for the end. `Idempotency-Key` makes a request safe to repeat. A job is `pending` (not due yet), `queued`,
`processing`, and then `succeeded`, `failed` or `cancelled`.

**Errors** are `application/problem+json` (RFC 9457). `code` is for programs and does not change; `detail` is for
people. A method that an address does not have answers `405`, an address that does not exist `404`, in the same form.

**Addresses.** Those below `/api/v1/jobs/`, `queues/`, `kinds/`, `webhooks/` end with a slash. Those that are shown
without one are taken with one as well.

**Live.** `GET /api/v1/jobs/{job_id}/events/` with `Accept: text/event-stream` streams the events of one job. The
WebSocket `/ws/live/` follows many jobs and queues at once: `{"subscribe": "job:<id>", "after": 41}`.
"""

TAGS = [
    {"name": "jobs", "description": "Jobs of every kind: submit, watch, cancel, retry, forget."},
    {"name": "operations", "description": "How everything stands: queues, shared resources, kinds."},
    {"name": "webhooks", "description": "Be told when a job changes, instead of asking (Standard Webhooks)."},
    {"name": "cv", "description": "CVs to professional profiles, without personal data."},
    {"name": "documents", "description": "Batches of documents to the text chunks of a session, and search in them."},
    {"name": "classification", "description": "Documents to a category of sensitivity, with evidence."},
    {"name": "images", "description": "Conversations in which prompts become images, on a shared GPU."},
    {"name": "orders", "description": "Customers' mails, their orders, and drafts of replies."},
    {"name": "description", "description": "This description, and how the server is."},
]
