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
        ("claims_unmatched", 409, "The draft says what is in no field of the order.", "Change it, or vouch for it."),
        ("order_changed", 409, "The order changed after the draft was made.", "Write a new draft, or save it again."),
        ("thread_changed", 409, "The customer wrote again.", "Read that mail first."),
        ("order_stale", 409, "What is known of the order is over an hour old.", "Refresh it, then send."),
        ("no_recipient", 409, "The mail names nobody to answer.", "Answer in another way."),
        ("empty", 409, "The draft is empty.", "Write something."),
        ("reply_under_way", 409, "A reply is on its way, or may have gone out.", "Wait until that is known."),
        ("mail_deleted", 503, "The mail was deleted meanwhile.", "Nothing."),
        ("no_worker", 503, "No worker serves the queue.", "Tell the operator; the job waits for one."),
    ]
)
