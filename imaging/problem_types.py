"""What can be wrong with a message, as the API says it."""

from jobs.api.problem_types import declare

declare(
    [
        ("prompt_refused", 400, "This prompt is not painted.", "Write another one."),
        ("reserved_key", 400, "This key of extra_metadata mirrors the job.", "Use a key of your own."),
        ("preview_not_found", 404, "There is no preview: painting has not begun, or has ended.", "Ask again, or wait."),
    ]
)
