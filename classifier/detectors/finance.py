"""Somebody's money: salaries, balances, statements, invoices, debts; not prices and not the economy.

A word of finance counts when an amount or a number stands beside it, or when it heads a page ("HESAP ÖZETİ").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from .page import PageText, Span

_AMOUNT = re.compile(
    r"(?<!\w)(?:[$€£₺]|(?:tl|try|usd|eur|gbp) ?) ?\d[\d.,]{0,18}"
    r"|(?<![\w.,])\d[\d.,]{0,18} ?(?:[$€£₺]|(?:tl|try|usd|eur|gbp|lira|dollars?|euros?|pounds?)(?!\w))"
)
_NUMBER = re.compile(r"[ \t]{0,3}[:#=.]{0,2}[ \t]{0,3}[a-z]{0,4}[-/ ]?\d[\d/. -]{3,24}")
_WITHIN = 80  # characters between the word and the amount: the rest of the line and of the next
_HEADING_CHARS = 60


def finance(page: PageText) -> Iterator[Span]:
    """Find salaries, balances and dues with their amounts, account and invoice numbers, headings of statements."""
    amounts = [match.span() for match in _AMOUNT.finditer(page.folded)]
    starts = [start for start, _ in amounts]
    for term in page.terms("finance", "amount"):
        at = bisect_left(starts, term.end)
        if at < len(amounts) and amounts[at][0] - term.end <= _WITHIN:
            yield term.start, amounts[at][1]
        elif at and 0 <= term.start - amounts[at - 1][1] <= _WITHIN // 4:  # "50.000 TL maaş"
            yield amounts[at - 1][0], term.end
    for term in page.terms("finance", "number"):
        match = _NUMBER.match(page.folded, term.end)
        if match:
            yield term.start, match.end()
    for term in page.terms("finance", "heading"):
        if _is_heading(page.text, term.start, term.end):
            yield term.start, term.end


def _is_heading(text: str, start: int, end: int) -> bool:
    """Say whether the words stand in a short line of their own that does not read as a sentence."""
    first = text.rfind("\n", max(0, start - _HEADING_CHARS), start) + 1 or (0 if start < _HEADING_CHARS else -1)
    last = text.find("\n", end, end + _HEADING_CHARS)
    last = last if last >= 0 else (len(text) if len(text) - end < _HEADING_CHARS else -1)
    if first < 0 or last < 0:
        return False
    line = text[first:last].strip()
    return len(line) <= _HEADING_CHARS and not line.endswith(".") and line[:1].isupper()
