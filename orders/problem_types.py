"""What can be wrong with mails, drafts and webhooks of the shop, as the API says it."""

from jobs.api.problem_types import declare

declare(
    [
        ("malformed_webhook", 400, "This is no webhook of the shop.", "Check the sender."),
        ("invalid_signature", 400, "The signature does not fit the data.", "Check the client's secret."),
        ("order_not_found", 400, "The shop has no such order.", "Check the number."),
        ("mail_not_found", 404, "There is no such mail; it may have been deleted.", "Look at /api/mails."),
        ("no_draft", 404, "There is no draft.", "Ask for one: POST /api/ai/generate-reply."),
        ("draft_changed", 409, "The draft was changed or replaced meanwhile.", "Look at it, then decide again."),
        ("draft_state", 409, "The draft's state does not allow this any more.", "Look at it."),
        ("reply_under_way", 409, "A reply is on its way, or may have gone out.", "Wait until that is known."),
    ]
)
