"""What must hold whatever bytes come: one function for each part that reads what strangers write.

Each takes bytes and raises when something does not hold. Hypothesis and benchmarks.fuzz feed them.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from jobs.errors import InvalidInput
from jobs.merge import deep_merge
from orders.reading import without_quotes
from orders.reading.mail import _read
from orders.references import find_order_numbers
from orders.replies.claims import check_claims
from orders.replies.folding import fold_text
from orders.snapshot import Snapshot
from parsers.extraction import HEAD_BYTES, Limits, MediaType, clean_text, docx, images, judge_type, pdf, plain
from parsers.extraction.faults import SENTENCES, Fault
from parsers.extraction.text import may_be_stored

TZ = ZoneInfo("Europe/Istanbul")
#: Small, so that a fuzzer finds what is slow and not what is merely large.
LIMITS = Limits(pages=5, text_chars=100_000, text_lines=10_000, image_pixels=1_000_000, unpacked_bytes=4 * 1024 * 1024)
READERS: dict[MediaType, Any] = {MediaType.PDF: pdf, MediaType.DOCX: docx, MediaType.TEXT: plain}
#: What no order of ours holds, in forms that a reply may have it.
PLANTED = (
    "73519",
    "YK7351934",
    "17.03.2019",
    "7.351,90 TL",
    "teslim edilmiştir",
    "will be refunded",
    "evil.example.com",
)


def extraction(data: bytes) -> None:
    """Any bytes are a text that may be stored, or a fault that has a sentence."""
    try:
        kind = judge_type(data[:HEAD_BYTES], "file", len(data), LIMITS)
    except InvalidInput as error:
        assert error.code in SENTENCES  # noqa: PT017
        return
    ocr = {"tesseract": "/nowhere"} if kind.is_image else None
    try:
        with mock.patch.object(images, "read_picture", return_value="words"):
            answer = READERS.get(kind, images).read(data, LIMITS, ocr)
    except Fault as fault:
        assert fault.code in SENTENCES  # noqa: PT017
        return
    for _, text, _ in answer["pages"]:
        clean = clean_text(text)
        assert may_be_stored(clean)
        assert clean_text(clean) == clean
        clean.encode()


def mail(data: bytes) -> None:
    """Any bytes are a mail whose texts can be stored, read by our own code without an error."""
    read = _read(data, is_whole=True)
    said = [
        read.message_id, read.in_reply_to, *read.references, read.sender, read.sender_name, read.reply_to, *read.to,
        read.subject, read.text, *(file["name"] + file["media_type"] for file in read.attachments), *read.problems,
    ]  # fmt: skip
    for text in said:
        assert "\x00" not in text.encode().decode()
    assert read.date is None or read.date.tzinfo is not None
    assert bool(without_quotes(read.text)) == bool(read.text.strip())
    _check_numbers(read.subject, read.text)


def merge(data: bytes) -> None:
    """Two objects merge: nothing of the first is lost but what the second replaces, and neither is changed."""
    source = iter(data)
    base, patch = _object(source), _object(source)
    before = copy.deepcopy((base, patch))
    merged = deep_merge(base, patch)
    assert (base, patch) == before
    assert set(merged) == set(base) | set(patch)
    _check_merged(base, patch, merged)
    assert deep_merge(merged, patch) == merged
    assert deep_merge(base, {}) == base
    assert deep_merge({}, patch) == patch
    json.dumps(merged)


def order_numbers(data: bytes) -> None:
    """The numbers that are found stand in the mail, are few, and come again when it is read again."""
    text = data.decode("utf-8", "surrogateescape")
    subject, _, rest = text.partition("\n")
    _check_numbers(subject, rest)


def claims(data: bytes) -> None:
    """What no order holds is reported, whatever stands around it."""
    text = data.decode("utf-8", "ignore")
    half = len(text) // 2
    false = PLANTED[len(data) % len(PLANTED)]
    # A dot and a line end, so that what is around it cannot become part of the word.
    reply = f"{text[:half]}.\n{false}\n{text[half:]}"
    start = half + 2
    found = check_claims(reply, [ORDER], today=date(2026, 11, 24), tz=TZ)
    for claim in found:
        assert reply[claim.start : claim.end] == claim.text
        assert (claim.field is None) == (claim.value is None)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    near = [claim for claim in found if claim.start < start + len(false) and start < claim.end]
    assert any(claim.field is None for claim in near), (false, near)


ORDER: Snapshot = {
    "id": "x",
    "number": "1028",
    "status": "CREATED",
    "payment_status": "PAID",
    "package_status": "FULFILLED",
    "ordered_at": "2026-11-20T09:30:00Z",
    "updated_at": None,
    "cancelled_at": None,
    "cancel_reason": None,
    "currency": "TRY",
    "total": "1249.90",
    "customer": {"email": "ayse.demir@example.com", "first_name": "Ayşe", "full_name": "Ayşe Demir"},
    "city": "İzmir",
    "lines": [{"name": "Kupa 350 ml", "quantity": 2, "price": "1249.90", "status": "FULFILLED"}],
    "packages": [],
}
TARGETS: dict[str, Callable[[bytes], None]] = {
    "extraction": extraction,
    "mail": mail,
    "merge": merge,
    "order_numbers": order_numbers,
    "claims": claims,
}


def _check_numbers(subject: str, text: str) -> None:
    numbers = find_order_numbers(subject, text)
    assert len(numbers) <= 5
    assert len(set(numbers)) == len(numbers)
    assert find_order_numbers(subject, text) == numbers
    seen = fold_text(f"{subject}\n{text}")
    for number in numbers:
        assert fold_text(number) in seen, number
        assert any(char.isdigit() for char in number)


def _check_merged(base: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]) -> None:
    for key, value in merged.items():
        if key not in patch:
            assert value == base[key]
        elif key in base and isinstance(base[key], dict) and isinstance(patch[key], dict):
            _check_merged(base[key], patch[key], value)
        else:
            assert value == patch[key]


def _object(source: Iterator[int], depth: int = 0) -> dict[str, Any]:
    """Return an object of JSON that the bytes describe; they may end at any place."""
    made: dict[str, Any] = {}
    while (byte := next(source, 0)) % 8:
        made["abcdefgh"[byte >> 5]] = _value(byte % 8, source, depth)
    return made


def _value(kind: int, source: Iterator[int], depth: int) -> Any:
    match kind:
        case 1 | 2 | 3 if depth < 50:
            return _object(source, depth + 1)
        case 4:
            return [next(source, 0), _object(source, depth + 1)] if depth < 50 else []
        case 5:
            return None
        case 6:
            return chr(next(source, 0))
    return next(source, 0)
