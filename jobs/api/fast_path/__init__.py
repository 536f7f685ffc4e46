"""The requests that programs send most, answered on the event loop: no thread, no middleware, no DRF (PostgreSQL only).

A look at a job and a plain submission as JSON, with a token. The code that decides is that of the views (`replies`,
`submissions`, `recognise`); what differs is how the database is asked (`asker`) and how headers come about (`frame`).
What is not plain is declined before anything has been done: it goes the usual way, as if there were no other.
"""
