"""What can be wrong with batches and documents to classify, as the API says it."""

from jobs.api.problem_types import declare

declare(
    [
        ("batch_not_found", 404, "No such batch, or it is not yours.", "Look at /jobs."),
        ("nothing_to_retry", 409, "No document of the batch has failed, or their files are gone.", "Send them again."),
        ("file_expired", 422, "The file has expired and was deleted.", "Send it again."),
    ]
)
