"""The order numbers that a mail names, in Turkish and English."""

from __future__ import annotations

import re

#: Characters of a mail that are looked at: who means an order names it early.
LONGEST_TEXT = 50_000
#: Folded for matching: one letter for one, so that places stay the same.
_FOLD = str.maketrans("İIıÇçĞğÖöŞşÜü＃", "iiiccggoossuu#")

_NUMBER = r"(?P<number>[a-z]{1,4}-?\d{3,12}|\d{3,12})"
#: What may not follow: more digits, a price, a share of something, a date.
_END = r"(?![\d])(?![.,/:-]\d)(?!\s*(?:tl|try|lira|usd|eur|euro|dolar|kg|gr|adet|%|₺|€|\$)\b)(?!\s*[₺€%$])"
_MARK = r"(?:no|nr|num|numarasi|numaram|numaramiz|numara|numarali|number|id|kodu|kodum)"
_SIGN = r"[\s:.#=\-–()\"'’]{0,6}"
_ORDER_TR = r"siparis(?:im|iniz|imiz|in|i|ler|lerim)?(?:in|im|imin|inin)?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # sipariş no: 1028 · sipariş numaram 1028 · siparişim #1028 · SİPARİŞ 1028
        rf"\b{_ORDER_TR}\s{{0,3}}(?:{_MARK}\b)?(?:\s{{0,3}}(?:is|olan))?{_SIGN}{_NUMBER}\b{_END}",
        # 1028 numaralı siparişim · 1028 nolu sipariş · #1028 no'lu siparişim
        rf"(?<![\w.,/-])#?{_NUMBER}\s{{0,3}}(?:numarali|nolu|no'?lu|no’lu|no\s?lu|sayili|kodlu)\s{{1,3}}(?:\w{{1,20}}\s{{1,3}}){{0,2}}siparis",
        # order number 1028 · order #1028 · my order 1028 · order no. 1028 · order number is 1028
        rf"\borders?\s{{0,3}}(?:{_MARK}\b\.?)?(?:\s{{0,3}}(?:is|was))?{_SIGN}{_NUMBER}\b{_END}",
        # #1028 by itself
        rf"(?<![\w#&/=.])#\s?{_NUMBER}\b{_END}",
    )
)
#: A number that stands for something else is not the order's, whatever stands before it.
_YEAR = re.compile(r"(?:19|20)\d\d$")
_AFTER_YEAR = re.compile(r"\s{0,3}(?:yili|yilinda|senesi|de\b|da\b|te\b|ta\b)")


def find_order_numbers(subject: str, text: str, most: int = 5) -> list[str]:
    """Return the numbers of orders in a mail, those of the subject first, each once, without "#".

    A number counts when it is called an order's, or stands behind "#": prices, dates, phones and codes do not.
    """
    found: dict[str, None] = {}
    for part in (subject, text[:LONGEST_TEXT]):
        folded = part.translate(_FOLD).lower()
        if len(folded) != len(part):  # a letter that becomes two: places no longer agree, and need not
            part = folded
        places = sorted(
            (match.start("number"), match.end("number")) for pattern in _PATTERNS for match in pattern.finditer(folded)
        )
        for start, end in places:
            if _YEAR.match(folded[start:end]) and _AFTER_YEAR.match(folded[end : end + 12]):
                continue
            found.setdefault(part[start:end].upper(), None)
    return list(found)[:most]
