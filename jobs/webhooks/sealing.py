"""Secrets at rest: encrypted with a key derived from SECRET_KEY, so that a copy of the database signs nothing."""

from __future__ import annotations

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SecretLost(Exception):
    """SECRET_KEY is another one than when this was sealed, and not among SECRET_KEY_FALLBACKS."""


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret. Raises SecretLost."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SecretLost from None


def reseal(sealed: str) -> str:
    """Return the same secret, sealed with SECRET_KEY of today. Raises SecretLost."""
    try:
        return _box().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise SecretLost from None


def is_sealed_with_an_earlier_key(sealed: str) -> bool:
    try:
        Fernet(_key(settings.SECRET_KEY)).decrypt(sealed.encode())
    except InvalidToken:
        return True
    return False


def _box() -> MultiFernet:
    """Seals with SECRET_KEY, and opens what was sealed with an earlier one that is still named."""
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@functools.cache
def _key(secret: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"sira: secrets of webhooks").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
