"""Who may do what at each address of the API and of the pages. A new address belongs here, or a test fails.

A row says what each role gets, in the order of `people.ROLES`:

    anonymous   other user   owner   viewer   operator   administrator

    2xx     it is answered (or 3xx: led on to another page)
    login   sent to the page where one signs in
    401     asked to say who it is
    403     refused: it is known that there is such a thing
    404     there is no such thing for this role: word for word the answer for an id that does not exist

"Other user" asks for the owner's things. Lists are answered to everybody, each with what is theirs.
"""

from __future__ import annotations

# --- rows that recur ------------------------------------------------------------------------------------------
PUBLIC = "2xx 2xx 2xx 2xx 2xx 2xx"
SIGNED_IN = "401 2xx 2xx 2xx 2xx 2xx"
#: What belongs to somebody: staff look at it as well.
READ = "401 404 2xx 2xx 2xx 2xx"
#: Of these staff have no view in the API, or only at the desk.
OWN = "401 404 2xx 404 404 404"
#: Staff may read it; only its owner writes to it.
WRITE = "401 404 2xx 403 403 403"
#: Its owner, or an operator, on record.
OPERATE = "401 404 2xx 403 2xx 2xx"
#: Its owner, or an administrator, on record: it cannot be undone.
FORGET = "401 404 2xx 403 403 2xx"
#: What is everybody's, so nobody's own.
OPERATORS = "401 403 403 403 2xx 2xx"
STAFF = "401 403 403 2xx 2xx 2xx"
ADMINISTRATORS = "401 403 403 403 403 2xx"

API: dict[tuple[str, str], str] = {
    ("healthz", "GET"): PUBLIC,
    ("metrics", "GET"): STAFF,  # and METRICS_TOKEN, which is nobody's
    # what the API can do is no secret
    ("api:schema", "GET"): PUBLIC,
    ("api:docs", "GET"): PUBLIC,
    # jobs of every kind
    ("api:jobs", "GET"): SIGNED_IN,
    ("api:jobs", "POST"): SIGNED_IN,
    ("api:job", "GET"): READ,
    ("api:job", "DELETE"): FORGET,
    ("api:job-events", "GET"): READ,
    ("api:job-attempts", "GET"): READ,
    ("api:job-input", "GET"): READ,
    ("api:job-result", "GET"): READ,
    ("api:job-file", "GET"): READ,
    ("api:job-cancel", "POST"): OPERATE,
    ("api:job-retry", "POST"): OPERATE,
    # The resource is everybody's: not even the job's owner takes it.
    ("api:job-take-resource", "POST"): "401 404 403 403 2xx 2xx",
    # many at once: own ones, or with the permission anybody's; a viewer has to say that own ones are meant
    ("api:jobs-bulk", "POST"): SIGNED_IN,
    ("api:jobs-results", "GET"): SIGNED_IN,
    ("api:jobs-cancel", "POST"): "401 2xx 2xx 403 2xx 2xx",
    ("api:jobs-retry", "POST"): "401 2xx 2xx 403 2xx 2xx",
    ("api:jobs-delete", "POST"): "401 2xx 2xx 403 403 2xx",
    # files: of a job they are seen with it; those that no job has taken yet are their owner's alone
    ("api:files", "GET"): SIGNED_IN,
    ("api:files", "POST"): SIGNED_IN,
    ("api:file", "GET"): READ,
    ("api:file", "DELETE"): OWN,
    ("api:file-content", "GET"): READ,
    # schedules: for who sees the queues
    ("api:schedules", "GET"): STAFF,
    ("api:schedule", "GET"): STAFF,
    ("api:schedule-run", "POST"): OPERATORS,
    ("api:schedule-pause", "POST"): OPERATORS,
    ("api:schedule-resume", "POST"): OPERATORS,
    # how everything stands, in numbers
    ("api:overview", "GET"): SIGNED_IN,
    ("api:queues", "GET"): SIGNED_IN,
    ("api:resources", "GET"): SIGNED_IN,
    ("api:kinds", "GET"): SIGNED_IN,
    ("api:problems", "GET"): SIGNED_IN,
    ("api:problem", "GET"): SIGNED_IN,
    ("api:queue-pause", "POST"): OPERATORS,
    ("api:queue-drain", "POST"): OPERATORS,
    ("api:queue-resume", "POST"): OPERATORS,
    # webhooks
    ("api:webhooks", "GET"): SIGNED_IN,
    ("api:webhooks", "POST"): SIGNED_IN,
    ("api:webhook", "GET"): OWN,
    ("api:webhook", "PATCH"): OWN,
    ("api:webhook", "DELETE"): OWN,
    ("api:webhook-rotate-secret", "POST"): OWN,
    ("api:webhook-test", "POST"): OWN,
    ("api:webhook-deliveries", "GET"): OWN,
    ("api:webhook-delivery", "GET"): OWN,
    ("api:webhook-replay", "POST"): OWN,
    # seed 001, CVs
    ("parse-file-async", "POST"): SIGNED_IN,
    ("parse-text-async", "POST"): SIGNED_IN,
    ("parse-file", "POST"): SIGNED_IN,
    ("parse-text", "POST"): SIGNED_IN,
    ("parser-job", "GET"): READ,
    ("parser-result", "GET"): READ,
    ("parser-monitoring", "GET"): SIGNED_IN,
    # seed 003, the classifier
    ("classify-upload", "POST"): SIGNED_IN,
    ("classify", "POST"): READ,  # the classification that is there; to run it again takes an operator
    ("classify-document", "GET"): READ,
    ("classify-document", "DELETE"): FORGET,
    ("classify-batch-upload", "POST"): SIGNED_IN,
    ("classify-status", "GET"): READ,
    ("classify-batches", "GET"): SIGNED_IN,
    ("classify-export", "GET"): READ,
    ("classify-cancel", "POST"): OPERATE,
    ("classify-retry", "POST"): OPERATE,
    # seed 000, documents into sessions. Its status is 200 for every id: of another's it says "unknown", as of none.
    ("ingestion:batch", "POST"): SIGNED_IN,
    ("ingestion:status", "GET"): SIGNED_IN,
    ("ingestion:sessions", "GET"): SIGNED_IN,
    ("ingestion:session", "GET"): OWN,
    ("ingestion:session", "DELETE"): OWN,
    ("ingestion:documents", "GET"): OWN,
    ("ingestion:document", "DELETE"): OWN,
    ("ingestion:chunks", "GET"): OWN,
    ("ingestion:search", "GET"): OWN,
    # seed 002, images
    ("imaging:conversations", "GET"): SIGNED_IN,
    ("imaging:conversations", "POST"): SIGNED_IN,
    ("imaging:conversation", "GET"): READ,
    ("imaging:conversation", "PATCH"): WRITE,
    ("imaging:conversation", "DELETE"): WRITE,
    ("imaging:messages", "GET"): READ,
    ("imaging:messages", "POST"): WRITE,
    ("imaging:message", "GET"): READ,
    ("imaging:message", "PATCH"): WRITE,
    ("imaging:message", "DELETE"): WRITE,
    ("imaging:preview", "GET"): READ,
    # seed 004, the customers' mails: the shop's, so nobody's own
    ("orders:mails", "GET"): STAFF,
    ("orders:mail", "GET"): STAFF,
    ("orders:mail", "DELETE"): ADMINISTRATORS,
    ("orders:source", "GET"): STAFF,
    ("orders:draft", "GET"): STAFF,
    ("orders:draft", "PATCH"): OPERATORS,
    ("orders:approve", "POST"): OPERATORS,
    ("orders:resolve", "POST"): OPERATORS,
    ("orders:dismiss", "POST"): OPERATORS,
    ("orders:reopen", "POST"): OPERATORS,
    ("orders:fetch", "POST"): OPERATORS,
    ("orders:refresh-order", "POST"): OPERATORS,
    ("orders:choose-order", "POST"): OPERATORS,
    ("orders:confirm-order", "POST"): OPERATORS,
    ("orders:generate-reply", "POST"): OPERATORS,
    ("orders:process", "GET"): STAFF,
    ("orders:process", "POST"): OPERATORS,
    # Whoever signs with the shop's secret is the shop; without a shop it is not there.
    ("orders:ikas-webhook", "POST"): "404 404 404 404 404 404",
}

# --- pages ----------------------------------------------------------------------------------------------------
PAGE = "login 2xx 2xx 2xx 2xx 2xx"
OWN_PAGE = "login 404 2xx 2xx 2xx 2xx"
STAFF_PAGE = "login 403 403 2xx 2xx 2xx"

PAGES: dict[tuple[str, str], str] = {
    ("pages:sign-in", "GET"): "2xx 3xx 3xx 3xx 3xx 3xx",
    ("pages:sign-in", "POST"): "2xx 3xx 3xx 3xx 3xx 3xx",
    ("pages:sign-out", "POST"): "login login login login login login",
    ("pages:language", "POST"): "3xx 3xx 3xx 3xx 3xx 3xx",
    ("pages:home", "GET"): PAGE,
    ("pages:cv", "GET"): PAGE,
    ("pages:classify", "GET"): PAGE,
    ("pages:batch", "GET"): OWN_PAGE,
    ("pages:sessions", "GET"): PAGE,
    # A frame with the name that was asked for; what is in the session is the API's to say.
    ("pages:session", "GET"): PAGE,
    ("pages:images", "GET"): PAGE,
    ("pages:conversation", "GET"): "login 404 2xx 404 404 404",
    ("pages:inbox", "GET"): STAFF_PAGE,
    ("pages:mail", "GET"): STAFF_PAGE,
    ("pages:jobs", "GET"): PAGE,
    ("pages:jobs-newest", "GET"): PAGE,
    ("pages:job", "GET"): OWN_PAGE,
    ("pages:tokens", "GET"): PAGE,
    ("pages:tokens", "POST"): PAGE,
    # Staff look after others' tokens at the desk.
    ("pages:token-revoke", "POST"): "login 404 3xx 404 404 404",
}

# --- the WebSocket: topics, by the word before the colon ----------------------------------------------------------
#: 2xx: a snapshot, and what happens; 401: closed with 4401; 404: not_found, as for none.
SOCKETS: dict[str, str] = {
    "jobs": SIGNED_IN,  # each hears of their own
    "job": READ,
    "batch": READ,
}
