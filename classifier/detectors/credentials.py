"""Keys and passwords: forms that their makers gave them, assignments, and random strings beside a telling word.

Every pattern begins at the edge of a word and is bounded, so that time is linear in the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from .page import PageText, Span

_FORMS = re.compile(
    r"-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?<![\w-])(?:"
    r"(?:AKIA|ASIA|ABIA)[0-9A-Z]{16}(?!\w)"  # Amazon
    r"|gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_\w{22,251}|glpat-[\w-]{20,60}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{10,250}"  # Slack
    r"|eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{10,2000}"  # JWT
    r"|sk-(?:proj-|ant-|live-)?[\w-]{20,200}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,120}"  # OpenAI and the like, Stripe
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,400}|SG\.[\w-]{16,40}\.[\w-]{30,60}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,60}"
    r"|dop_v1_[a-f0-9]{64}|shpat_[a-fA-F0-9]{32}"
    r")"
    r"|hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,120}"
    # scheme://user:password@host
    r"|(?<![\w+.-])[a-zA-Z][a-zA-Z0-9+]{1,20}://[^\s:/@]{1,80}:(?P<told>[^\s/@]{3,120})@[\w.-]{1,120}"
)
_ASSIGNED = re.compile(
    r"(?<![^\W_])(?:pass(?:word|wd|phrase)?|pwd|parola(?:si|niz|m)?|sifre(?:si|niz|m)?"
    r"|secret(?:[_ -]?(?:key|access[_ -]?key))?|api[_ -]?(?:key|anahtari)|(?:access|auth|bearer|refresh)[_ -]?token"
    r"|token|client[_ -]?secret|private[_ -]?key|kullanici sifresi|gizli anahtar|pin(?: kodu)?)[\"']?"
    r"[ \t]{0,3}(?:[:=]|=>|:=| is | olarak )[ \t]{0,3}[\"']?(?P<value>[^\s\"',;]{4,200})"
)
_WORDS = re.compile(r"(?:secret|token|key|anahtar|parola|sifre|credential|password|passwd|apikey|kimlik dogrulama)")
_RANDOM = re.compile(r"(?<![\w+/=.-])[A-Za-z0-9+/_-]{20,200}={0,2}(?![\w+/=-])")
_WORD_WITHIN = 40  # characters from the telling word to the random string
_LEAST_BITS = 3.5  # per character; hexadecimal has at most 4, English about 3 at these lengths
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_PLACEHOLDER = re.compile(
    r"[*x.•_-]{3,}|<.*|\$.*|%.*|\{.*|\[.*|(?:your|my|the|sizin|a|an)[_-].*|null|none|true|false|required|zorunlu|optional"
    r"|changeme\W*|example.*|ornek.*|string|redacted|masked|gizli|hidden|todo|n/a|placeholder.*|os\.environ.*|process\.env.*"
    r"|settings\..*|env\..*|getenv.*|[a-z_][\w.]*[\[(].*|[/~.].*|pass|passwd|password|parola|sifre|secret|xxx|xyz",
)


def credentials(page: PageText) -> Iterator[Span]:
    """Find keys, tokens, private key blocks, connection strings with a password, and passwords that are told."""
    for match in _FORMS.finditer(page.text):
        if not _PLACEHOLDER.fullmatch((match["told"] or "").lower()):
            yield match.span()
    for match in _ASSIGNED.finditer(page.folded):
        start, end = match.span("value")
        value = page.text[start:end].rstrip(".):]}")
        if _is_secret(value, page.folded[start : start + len(value)]):
            yield start, start + len(value)
    for match in _RANDOM.finditer(page.text):
        start, end = match.span()
        if _WORDS.search(page.folded, max(0, start - _WORD_WITHIN), start) and _is_random(match.group()):
            yield start, end


def _is_secret(value: str, folded: str) -> bool:
    """Tell "Parola: Kedi1234!" from "Password: required" and "Şifre: en az 8 karakter"."""
    if len(value) < 4 or _PLACEHOLDER.fullmatch(folded):
        return False
    kinds = (
        any(char.islower() for char in value)
        + any(char.isupper() for char in value)
        + any(char.isdigit() for char in value)
        + any(not char.isalnum() for char in value)
    )
    digits = sum(char.isdigit() for char in value)
    return (kinds >= 2 and len(value) >= 6 and (digits > 0 or kinds >= 3)) or (
        digits == len(value) and len(value) <= 12
    )


def _is_random(value: str) -> bool:
    """Tell a key from a long name in a program, and from a fingerprint or a hash, which are no secrets."""
    if _HEXADECIMAL.fullmatch(value):
        return False
    mixed = any(char.islower() for char in value) and any(char.isupper() for char in value)
    if not mixed or not any(map(str.isdigit, value)):
        return False
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
    return bits >= _LEAST_BITS
