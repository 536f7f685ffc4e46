"""What can be wrong with a document or a text, as the API says it."""

from jobs.api.problem_types import declare

declare(
    [
        ("empty_file", 400, "The file is empty.", "Send one with content."),
        ("encrypted_file", 400, "The file is protected by a password.", "Remove it and send the file again."),
        ("image_too_large", 400, "The image has too many pixels.", "Send a smaller one."),
        ("empty_text", 400, "The text is empty.", "Send the CV's text in `text`."),
        ("too_much_text", 400, "The text is too long.", "Send the CV alone."),
        ("invalid_session_id", 400, "This is no label for a session.", "Read `detail`."),
        ("session_required", 400, "Documents are kept in a session.", "Send `session_id`."),
        ("owner_required", 400, "Documents are kept for somebody.", "Submit with a token."),
        ("still_stopping", 409, "What runs was told to stop and has not yet.", "Send it again in a moment."),
        ("still_processing", 504, "It is not done yet; the job goes on.", "Ask for the status of `job_id`."),
    ]
)
