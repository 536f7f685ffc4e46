"""Transfer encodings: how 8-bit bytes travel as letters."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp

_SPACE = b" \t\r\n\v\f"
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*")
#: Bytes that no encoding makes shorter than they are by more than this: base64 with a line end after each letter.
_ROOM = 3


def decode_base64(content: bytes) -> tuple[bytes, bool]:
    """Return what was encoded, up to where it breaks off, and whether all of it was well-formed."""
    found = _BASE64.match(content)
    letters = (found[0] if found else b"").translate(None, _SPACE)
    rest = content[found.end() if found else 0 :].translate(None, _SPACE)
    is_whole = len(letters) % 4 != 1 and not rest.strip(b"=")
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    try:
        return a2b_base64(letters + b"=" * (-len(letters) % 4)), is_whole
    except Error:
        return b"", False


def decode(content: bytes, encoding: str, most: int) -> tuple[bytes, bool, bool]:
    """Return about the first `most` bytes of a body, whether it was well-formed, and whether it was cut.

    encoding: "base64", "quoted-printable"; any other leaves the bytes as they are.
    """
    taken = content[: most * _ROOM] if encoding in ("base64", "quoted-printable") else content
    is_cut = len(taken) < len(content)
    is_whole = True
    if encoding == "base64":
        first = taken.lstrip(_SPACE).partition(b"\n")[0].strip().rstrip(b"=")
        if _BASE64.fullmatch(first) and b" " not in first:
            taken, is_whole = decode_base64(taken)
        else:
            is_whole = False  # the label is wrong: what was written stands there as it is
    elif encoding == "quoted-printable":
        taken = a2b_qp(taken)
    return taken[:most], is_whole, is_cut or len(taken) > most


def decoded_size(content: bytes, encoding: str) -> int:
    """Return how many bytes a body has once it is decoded, without keeping them."""
    if encoding == "base64":
        return len(content.translate(None, _SPACE + b"=")) * 3 // 4
    return len(a2b_qp(content)) if encoding == "quoted-printable" else len(content)
