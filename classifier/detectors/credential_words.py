"""The words that announce a secret, what stands there instead of one, and how a secret looks by itself."""

from __future__ import annotations

import re

_PASSWORDS = (
    r"[a-z]{0,10}(?:password|passwd|passphrase|passcode|pwd)|pass ?(?:word|phrase|code)?"
    r"|parola(?:si|miz|niz|lari|m|n)?|sifre(?:si|miz|niz|leri|m|n)?|(?:gecis|giris) (?:kodu|sozcugu)"
    r"|pin(?: ?(?:kodu|code))?"
)
_KEYS = (
    r"secret(?:[_ -]?(?:key|access[_ -]?key))?|api[_ -]?(?:key|anahtari)|(?:access|auth|bearer|refresh)[_ -]?token"
    r"|token|client[_ -]?secret|(?:private|account|storage|encryption)[_ -]?key|gizli anahtar"
    r"|(?:security|guvenlik|kurtarma|recovery|backup) (?:kodu|codes?)"
)
#: A word for a password, as against one for a key or token.
PASSWORD = re.compile(_PASSWORDS)
_MARK = r"(?:-{1,2}>|={1,2}>|→|:=|[:=]|>| is:? | was | olarak )"
ASSIGNED = re.compile(
    rf"(?<![^\W_])(?P<word>{_PASSWORDS}|{_KEYS})(?:s|es)?(?!\w)[\"'`]?\]?"
    rf"(?:[ \t]{{0,2}}\([^()\n]{{1,30}}\))?[ \t]{{0,3}}(?P<mark>{_MARK}(?:[\"']?string[\"']?>)?"
    rf"|[\"']? value=)(?:[ \t]{{0,4}}|[ \t]{{0,3}}\n[ \t]{{0,4}})"
)
ADJACENT_PASSWORD = re.compile(
    rf"(?<![^\W_])(?:(?P<pin>pin(?: ?(?:kodu|code))?)|{_PASSWORDS})(?!\w)[\"'`]?(?:[ \t]{{0,3}}[:=/|-])?(?=[ \t\n])"
)
_PLACEHOLDER = re.compile(
    r"[*x.•_-]{3,}|<.*|\$[a-z_{(].*|%.*|\{.*|\[.*|(?:your|my|the|sizin|a|an)[_-].*|null|none|true|false"
    r"|required|zorunlu|optional"
    r"|changeme\W*|example.*|ornek.*|string|redacted|masked|gizli|hidden|todo|n/a|placeholder.*"
    r"|os\.environ.*|process\.env.*"
    r"|settings\..*|env\..*|getenv.*|[a-z_][\w.]*[\[(].*|[/~.].*|pass|passwd|password|parola|sifre|secret|xxx|xyz"
    r"|[a-z]+(?:[_.][a-z]+)+|https?:.*",
    re.DOTALL,
)
#: Letters and digits that are words all the same: standards, products, algorithms.
_TERM = re.compile(
    r"(?:sha|md|aes|des|rsa|dsa|ed|ecdsa|oauth|base|pbkdf|argon|bcrypt|scrypt|ntlm|utf|iso|iec|rfc|cve"
    r"|cwe|wpa|tls|ssl|http|ipv"
    r"|sql|office|windows|win|ios|iphone|ipad|android|python|java|html|css|web|log|x|mp|pdf|s|ec|k|mfa|pci|nist|fips|sp"
    r"|tsk|ts|en|din|covid|gpt|q|v|h|wi-?fi)[-_.]?v?\d[\w.-]{0,8}|[12]fa|1password|2factor|[\w-]{0,12}365"
    r"|\d{1,4}(?:'\w+|[a-z]{1,4})"
    r"|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\w{0,3}"
)
_SECRET_LENGTH = 6


def is_placeholder(folded: str) -> bool:
    """Say whether a folded value only stands for one: "********", "<your key>", "${PASSWORD}", "required"."""
    return _PLACEHOLDER.fullmatch(folded) is not None


def is_term(folded: str) -> bool:
    """Say whether a folded word is one that has digits anyway: "sha256", "Office365", "12.05.2024"."""
    return _TERM.fullmatch(folded) is not None


def is_strong(value: str) -> bool:
    """Say whether a value looks like a password by itself: letters and digits, of three kinds or with three digits."""
    digits = sum(char.isdigit() for char in value)
    letters = sum(char.isalpha() for char in value)
    lower, upper = any(map(str.islower, value)), any(map(str.isupper, value))
    marks = any(not char.isalnum() and char not in "'’" for char in value)
    if len(value) < _SECRET_LENGTH or not letters or "://" in value:
        return False
    if not digits:  # "Pa$$word!": marks within the word and both cases
        return lower and upper and sum(char in "!@#$%^&*?+~" for char in value) >= 2
    return (
        (lower and upper) or (lower and marks and bool(re.search(r"[!@#$%^&*?+~]", value))) or (lower and digits >= 3)
    )
