"""Numbers that name one person or one account; each has a checksum or a fixed form, so precision is high."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban, luhn
from stdnum.tr import tckimlik

from .findings import CARD, IBAN, NATIONAL_ID, SSN, Finding

_TCKN = re.compile(
    r"(?<![\w.-])(?:[1-9]\d{2} ?\d{3} ?\d{3} ?\d{2}|[1-9]\d{2}-\d{3}-\d{3}-\d{2}"
    r"|[1-9](?P<mark> {1,3}|[-._|])\d(?:(?P=mark)\d){9})(?![\w-]|\.\d)"
)
#: In any groups, where the text says what it is.
_LABELLED_TCKN = re.compile(
    r"(?<![^\W\d_])(?:t\.? ?c\.?|tckn|kimlik)[^\d\n]{0,24}[:\n ](?P<value>[1-9](?:[ .\-/|]{0,2}\d){10})(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{1,4}){3,9}(?!\w)")
_CARD = re.compile(r"(?<![\w+-])\d(?:[ -]?\d){11,18}(?![\w-])")  # behind a + it is a phone
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}(?P<mark>[- ])(?!00)\d{2}(?P=mark)(?!0000)\d{4}(?![\w-])")
_IBAN_LENGTHS = range(15, 35)  # ISO 13616
_CARD_STARTS = "23456"  # Mastercard, Amex and Diners, Visa, Maestro, Discover


def national_ids(text: str) -> Iterator[Finding]:
    """Find T.C. kimlik numbers whose two check digits are right."""
    for match in _TCKN.finditer(text):
        if tckimlik.is_valid(re.sub(r"\D", "", match.group())):
            yield Finding(NATIONAL_ID, match.start(), match.end(), match.group())
    for match in _LABELLED_TCKN.finditer(text):
        if tckimlik.is_valid(re.sub(r"\D", "", match["value"])):
            yield Finding(NATIONAL_ID, *match.span("value"), match["value"])


def ibans(text: str) -> Iterator[Finding]:
    """Find IBANs with a right checksum; those with the word IBAN before them or a TR start count anyway."""
    for match in _IBAN.finditer(text):
        value, end = match.group(), match.end()
        # The loose groups may have swallowed a word after the number: shorten until it holds.
        while True:
            compact = re.sub(r"[ -]", "", value).upper()
            if len(compact) in _IBAN_LENGTHS and (iban.is_valid(compact) or _surely_iban(text, match.start(), compact)):
                yield Finding(IBAN, match.start(), end, value)
                break
            cut = max(value.rfind(" "), value.rfind("-"))
            if cut <= 0:
                break
            value = value[:cut]
            end = match.start() + cut


def _surely_iban(text: str, start: int, compact: str) -> bool:
    if sum(char.isdigit() for char in compact) < 10:
        return False
    return "iban" in text[max(0, start - 12) : start].lower() or (compact.startswith("TR") and len(compact) == 26)


def cards(text: str) -> Iterator[Finding]:
    """Find payment card numbers: 12 to 19 digits that pass Luhn and begin as an issuer's do."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if digits[0] in _CARD_STARTS and luhn.is_valid(digits) and len(set(digits)) > 1:
            yield Finding(CARD, match.start(), match.end(), match.group())


def ssns(text: str) -> Iterator[Finding]:
    """Find US social security numbers: 123-45-6789, or with spaces where the text says what it is."""
    for match in _SSN.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()].lower()
        if match["mark"] == " " and "ssn" not in before and "social security" not in before:
            continue
        yield Finding(SSN, match.start(), match.end(), match.group())
