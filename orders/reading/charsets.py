"""Bytes to letters, for charsets as mail programs name them, and as they really mean them."""

from __future__ import annotations

import codecs
import re
from binascii import a2b_qp

from orders.reading.encodings import decode_base64

#: What is labelled so often holds letters that only the Windows charset has (€, curly quotes); ASCII is often UTF-8.
_MEANT = {"iso8859-9": "cp1254", "iso8859-1": "cp1252", "ascii": "utf-8", "utf-8-sig": "utf-8"}
#: Tried in this order where the label says nothing; the last one takes everything.
_GUESSES = ("utf-8", "cp1254", "latin-1")
#: Python's charsets, by the names that it gives them. Its other codecs are none, or take quadratic time.
_CHARSET = re.compile(
    r"ascii|utf-(?:7|8|8-sig|16|16-[bl]e|32|32-[bl]e)|iso8859-\d+|iso2022_\w+|cp\d+|koi8-\w|kz1048|ptcp154|tis-620"
    r"|gbk?|gb\d+|big5\w*|euc_\w+|shift_jis\w*|mac-\w+|hz|johab|hp-roman8"
)
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,39}")

#: An encoded word (RFC 2047). Some programs leave spaces in it.
_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bq])\?([^?]*)\?=", re.IGNORECASE)


def to_text(content: bytes, label: str | None) -> tuple[str, bool]:
    """Return the text, and whether we know the charset of its label. No label is a known one: it means ASCII.

    An unknown charset is taken for UTF-8, else Windows-1254, else Latin-1.
    """
    charset = _find_charset(label) if label and label.strip() else "utf-8"
    if charset is None:
        return _guess(content), False
    if charset == "utf-8":
        return _utf8_or_guess(content), True
    try:
        return content.decode(charset, "replace"), True
    except UnicodeError:  # UTF-16 that ends in the middle of a letter, …
        return _guess(content), True


def _find_charset(label: str) -> str | None:
    name = label.strip().strip("\"'").lower()
    if not _LABEL.fullmatch(name):
        return None
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return _MEANT.get(found, found) if _CHARSET.fullmatch(found) else None


def _utf8_or_guess(content: bytes) -> str:
    try:
        # A letter that was cut off at the end is no reason to doubt the others.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(content)
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
    is_damaged = any(char > "\x7f" and char != "\ufffd" for char in text)
    return text if is_damaged else _guess(content)


def _guess(content: bytes) -> str:
    for charset in _GUESSES[:-1]:
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            continue
    return content.decode(_GUESSES[-1])


def decode_words(value: str) -> tuple[str, bool]:
    """Return a header's text with its encoded words decoded (RFC 2047), and whether every charset was known.

    Neighbouring words of one charset are joined before they are decoded: some programs split a letter.
    """
    known, written = True, []
    run, run_label, end = b"", "", 0
    for word in _WORD.finditer(value):
        label, how, encoded = word[1].lower(), word[2].lower(), word[3]
        between = value[end : word.start()]
        if run and (between.strip() or label != run_label):
            text, is_known = to_text(run, run_label)
            written.append(text)
            known, run = known and is_known, b""
        if between.strip() or end == 0:
            written.append(between)
        as_bytes = encoded.encode("utf-8", "replace")
        run += decode_base64(as_bytes)[0] if how == "b" else a2b_qp(as_bytes.replace(b"\n", b" "), header=True)
        run_label, end = label, word.end()
    if run:
        text, is_known = to_text(run, run_label)
        written.append(text)
        known = known and is_known
    return "".join([*written, value[end:]]), known
