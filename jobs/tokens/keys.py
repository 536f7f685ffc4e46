"""What a token looks like: `sira_<prefix>_<secret>`, so that scanners for leaked secrets can find one.

The secret has 256 random bits. Nobody can try them out, so one SHA-256 is enough to keep: a slow hash is for what
people choose and others guess, and would cost every request what it costs a guesser. Who reads the database finds
nothing to sign in with.
"""

from __future__ import annotations

import hashlib
import secrets

PREFIX_BYTES = 5
SECRET_BYTES = 32
LONGEST_PREFIX = 16


def new_key() -> str:
    """Return a new token, as its owner is shown it once."""
    return f"sira_{secrets.token_hex(PREFIX_BYTES)}_{secrets.token_hex(SECRET_BYTES)}"


def prefix_of(key: str) -> str:
    """Return the part that may be shown; of a token of another form, kept from before, the start of its digest."""
    parts = key.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == "sira" else digest(key)[:12]


def digest(key: str) -> str:
    """Return what is kept of a token: 64 hexadecimal characters. The look-up is by it, so no comparison leaks time."""
    return hashlib.sha256(key.encode()).hexdigest()
