"""API tokens: what a program shows instead of a session.

    models.py       one row for each token; the secret itself is not in it
    keys.py         what a token looks like, and what of it is kept
    issuing.py      how tokens are made and revoked, on record
    recognising.py  whose token this is, in one query
    allowance.py    how many requests a minute, held over all web processes

`docs/api-tokens.md` is for those who use them.
"""
