"""Whom a mail says that it is from.

Structure first, letters second: an encoded word may spell "<", "," or "@", and must not become another sender.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\]{1,255}")
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<angle><[^<>]*>)|(?P<comment>\((?:[^()\\]|\\.)*\))|(?P<end>[,;])|(?P<char>.)""",
    re.DOTALL,
)
#: Characters of a header with addresses that are read.
_LONGEST = 4 * 1024


def find_addresses(value: str) -> list[tuple[str, str]]:
    """Return (name, address) of each mailbox in a header, the address in lower case; "" where it is none.

    value: as it was sent. Names still hold their encoded words.
    """
    found: list[tuple[str, str]] = []
    words, comments, angles = "", "", []
    for token in [*_TOKEN.finditer(value[:_LONGEST]), None]:
        kind = token.lastgroup if token else "end"
        text = token[0] if token else ""
        if kind == "quoted":
            words += re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        elif kind == "comment":
            comments += text[1:-1]
        elif kind == "angle":
            angles.append(text[1:-1].strip())
        elif kind == "char":
            words += text
        elif words.strip() or angles:
            found.append(_mailbox(words.strip(), comments.strip(), angles))
        if kind == "end":
            words, comments, angles = "", "", []
    return found


def _mailbox(words: str, comments: str, angles: list[str]) -> tuple[str, str]:
    if len(angles) > 1:
        return " ".join([words, *angles]), ""  # programs disagree about which of them it is
    address = angles[0] if angles else words
    # What is not printable turns the direction, hides, or is a NUL, which PostgreSQL refuses.
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        return words or address, ""
    return words if angles else comments, address.lower()


def find_one_address(values: list[str]) -> tuple[str, str, bool]:
    """Return name, address and whether there is no doubt about it.

    values: of all headers of that name. Several of them, or several addresses, are a doubt: mail programs and filters
    then see different senders, which is how somebody is impersonated. The address is "" then.
    """
    mailboxes = [mailbox for value in values for mailbox in find_addresses(value)]
    # "Demir, Ayşe <…>": half a name is no sender.
    claimed = {address or name for name, address in mailboxes if address or "@" in name}
    address = next((address for _, address in mailboxes if address), "")
    names = [name for name, _ in mailboxes if name]
    is_clear = len(values) < 2 and len(claimed) < 2
    return ", ".join(names), address if is_clear else "", is_clear
