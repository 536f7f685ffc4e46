"""Bytes of a text file to clean text, whatever wrote them."""

from __future__ import annotations

import codecs
import re
import unicodedata

from .faults import Fault
from .limits import Limits

# Characters a text can do without and a database or a reader may stumble over: C0 and C1 controls but tab and line
# feed (PostgreSQL refuses NUL), lone surrogates (they cannot be written as UTF-8), invisible and direction-changing
# marks (they hide words from people and detectors), non-characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]"
)
_NEW_LINES = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = str.maketrans(
    dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000", " ")
)
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_MANY_EMPTY_LINES = re.compile(r"\n{3,}")
# No language puts more marks on a letter than this (UAX #15, Stream-Safe Text Format), and putting n of them in order
# takes n² steps. All marks are among what this pattern finds, and few other characters are.
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MOST_MARKS + 1},}}")

# The order matters: UTF-32's little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# More control bytes than this share and a few, and it is no text. Random bytes have 10 %.
_CONTROL_SHARE = 0.05
_FEW_CONTROLS = 8
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1b")) + b"\x7f"
# What a Turkish or western text in one byte a letter holds above ASCII, as cp1254 reads it.
_LETTERS = frozenset("çÇğĞıİöÖşŞüÜâÂîÎûÛêÊéÉèÈàÀáÁíÍóÓúÚñÑäÄßôÔëËïÏåÅæÆøØãÃõÕ")
_SIGNS = frozenset("“”‘’„‚–—•…€£§°·«»©®™´¨²³½ \u00a0\u00ad")


def clean_text(text: str) -> str:
    """Return `text` as it may be stored and searched: NFC, line feeds only, no control or invisible characters.

    Runs of empty lines become one, blanks at line ends go, and so do the marks on a letter beyond the thirtieth.
    Applying it twice changes nothing. Time is linear in the text, whatever the text is.
    """
    text = _NEW_LINES.sub("\n", text)
    text = _UNWANTED.sub("", text).translate(_BLANKS).translate(_LIGATURES)
    # Some writers put a letter and its dots in two characters; every lexicon has them in one.
    text = _few_marks(unicodedata.normalize("NFC", _few_marks(text)))
    text = text.replace("i\u0307", "i")  # what İ becomes where Turkish is not known
    text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return _MANY_EMPTY_LINES.sub("\n\n", text).strip("\n")


def may_be_stored(text: str) -> bool:
    """Say whether `text` holds none of the characters that `clean_text` takes out."""
    return _UNWANTED.search(text) is None


def looks_like_text(data: bytes) -> bool:
    """Say whether these first bytes of a file are text in some encoding. Stray NUL bytes do not make it binary."""
    if any(data.startswith(mark) for mark, _ in _MARKS) or _wide_without_mark(data):
        return True
    controls = len(data) - len(data.translate(None, _CONTROL_BYTES))
    return controls <= _CONTROL_SHARE * len(data) + _FEW_CONTROLS


def decode_text(data: bytes) -> str:
    """Decode a text file. In doubt Turkish wins over western: they differ in six letters, and ours is a Turkish house.

    Never fails: what no encoding explains becomes U+FFFD.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    if wide := _wide_without_mark(data):
        return data.decode(wide, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if _mostly_utf8(data):
        return data.decode("utf-8", errors="replace")
    turkish = data.decode("cp1254", errors="replace")
    if _plausible(turkish):
        return turkish
    return _guess(data) or turkish


def read_text(data: bytes, limits: Limits) -> str:
    """Return a text file's text as it was written.

    Raises Fault: too_much_text, unsupported_type (binary after a harmless beginning).
    """
    # A character takes at most four bytes.
    if len(data) > 4 * limits.text_chars:
        raise Fault("too_much_text")
    if not looks_like_text(data):
        raise Fault("unsupported_type")
    text = decode_text(data)
    check_length(text, limits)
    return text


def check_length(text: str, limits: Limits) -> None:
    """Raise Fault too_much_text when the text is longer than anything downstream wants to read."""
    if len(text) > limits.text_chars or text.count("\n") + text.count("\r") > 2 * limits.text_lines:
        raise Fault("too_much_text")
    if len(text) > limits.text_lines and len(text.splitlines()) > limits.text_lines:
        raise Fault("too_much_text")


def _few_marks(text: str) -> str:
    """Drop the marks of a letter beyond the thirtieth."""
    return text if text.isascii() else _MAYBE_MARKS.sub(_first_marks, text)


def _first_marks(found: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in found[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _wide_without_mark(data: bytes) -> str | None:
    """Name the UTF-16 flavour of a text without a mark: latin letters leave every second byte NUL."""
    sample = data[:4096]
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0) / len(sample[0::2]), sample[1::2].count(0) / len(sample[1::2])
    if odd > 0.6 and even < 0.1:
        return "utf-16-le"
    if even > 0.6 and odd < 0.1:
        return "utf-16-be"
    return None


def _mostly_utf8(data: bytes) -> bool:
    """Say whether a few broken bytes are all that keeps this from being UTF-8."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    good = sum(1 for character in text if ord(character) > 127) - broken
    return broken * 10 <= good


def _plausible(text: str) -> bool:
    """Say whether what cp1254 made of the bytes is Turkish or western text."""
    high = [character for character in text if ord(character) > 127]
    letters = sum(character.isalpha() for character in text)
    expected = sum(character in _LETTERS or character in _SIGNS for character in high)
    # Cyrillic or Greek bytes come out as accented letters too, but nearly every letter is one.
    return expected >= 0.9 * len(high) and sum(c in _LETTERS for c in high) <= 0.45 * max(letters, 1)


def _guess(data: bytes) -> str | None:
    import charset_normalizer  # 40 ms that hardly any file needs

    best = charset_normalizer.from_bytes(data[:65_536]).best()
    return None if best is None else data.decode(best.encoding, errors="replace")
