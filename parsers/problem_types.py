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
        ("session_not_found", 404, "No such session, or it is not yours.", "Look at /api/sessions."),
        ("document_not_found", 404, "No such document, or it is not yours.", "Look for it in its list."),
        ("job_pending", 409, "The job is not due yet.", "Ask again when its status is `success`."),
        ("job_queued", 409, "The job waits.", "Ask again when its status is `success`."),
        ("job_processing", 409, "The job is being worked on.", "Ask again when its status is `success`."),
        ("corrupt_file", 422, "The file is damaged.", "Open it, save it anew and send that."),
        ("decompression_bomb", 422, "The file unpacks to far more than it is.", "Send one without such content."),
        ("no_text", 422, "There is no text in the document, also not by OCR.", "Send one with text."),
        ("ocr_unavailable", 422, "The document is a picture, and there is no OCR here.", "Send one with text."),
        ("too_expensive", 422, "To read the document takes too much time or memory.", "Send a simpler one."),
        ("too_many_pages", 422, "The document has too many pages.", "Split it."),
        ("still_stopping", 409, "What runs was told to stop and has not yet.", "Send it again in a moment."),
        ("still_processing", 504, "It is not done yet; the job goes on.", "Ask for the status of `job_id`."),
    ]
)
