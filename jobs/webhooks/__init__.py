"""Webhooks: what has become of a job is told to an address that its owner named, by Standard Webhooks.

    events.py     the end of a job becomes one delivery for each endpoint, in the job's own transaction
    delivery.py   one delivery, sent by a job of the engine's own and logged
    sender.py     one request, with a deadline and without redirects, to an address that addresses.py lets pass
    signing.py    the headers that prove where it comes from; sealing.py keeps the secret behind them
    endpoints.py  what an owner or staff do to an endpoint, and when it is disabled by itself
    retention.py  what is forgotten and when

`docs/webhooks.md` is for those who receive them.
"""
