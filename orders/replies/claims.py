"""What a reply claims, and which field of an order says the same.

A reply is written by a template, a model or a person; a model reads the mail of a stranger. Before anything is sent,
each number, date, amount, status, code, link and promise in it must be found in the order, or a person must vouch for
it. When in doubt a claim is reported: a false alarm costs a click, a miss a wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from orders.replies.dates import find_dates
from orders.replies.folding import Folded, fold, literal
from orders.replies.promises import find_promises
from orders.replies.statuses import find_statements
from orders.snapshot import Snapshot

TYPES = LINK, EMAIL, TRACKING, NAME, MONEY, DATE, NUMBER, STATUS, PROMISE, CARRIER, SCRIPT = (
    "link", "email", "tracking", "name", "money", "date", "number", "status", "promise", "carrier", "script",
)  # fmt: skip

_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]+|\b[a-z0-9-]{2,60}\.(?:com|net|org|io|co|tr|shop|store|xyz|info|biz|ru|link|me)\b(?:/\S*)?"
)
#: Other schemes and domains; looked for behind the order's own names, where a dot may stand as well.
_OTHER_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}:)?//[^\s<>\"')\]]+|\b(?:javascript|data|mailto|tel|sms):[^\s<>\"')\]]+|"
    r"\b[a-z0-9-]{2,60}(?:\.[a-z0-9-]{2,60}){0,4}\.[a-z]{2,24}\b(?:[/?#]\S*)?",
    re.ASCII,
)
_EMAIL = re.compile(r"[^\s@<>\"(),:;]{1,64}@[^\s@<>\"(),:;]{1,255}")
_AMOUNT = r"\d{1,3}(?:[., ]\d{3}){1,5}(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_CURRENCIES = {
    "tl": "TRY", "try": "TRY", "lira": "TRY", "₺": "TRY", "usd": "USD", "$": "USD", "dolar": "USD", "dollar": "USD",
    "dollars": "USD", "eur": "EUR", "euro": "EUR", "euros": "EUR", "€": "EUR", "gbp": "GBP", "£": "GBP",
    "pounds": "GBP",
}  # fmt: skip
_SIGN = "|".join(re.escape(sign) for sign in sorted(_CURRENCIES, key=len, reverse=True))
_MONEY = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_SIGN})\s?(?P<amount>{_AMOUNT})|(?P<amount2>{_AMOUNT})\s?(?P<after>{_SIGN})(?![a-z0-9]))"
)
#: Carriers that a reply may name wrongly; those of the order are found before.
_CARRIER = re.compile(
    r"\b(?:aras|yurtici|mng|ptt|surat|hepsijet|trendyol express|kolay gelsin|sendeo|ups|dhl|fedex|tnt|"
    r"usps|royal mail|gls|"
    r"dpd|hermes|horoz|scotty|kargoist)(?:'?\w{0,4})(?:\s+kargo\w*)?\b",
    re.ASCII,
)
_UNIT = (
    r"(?:(?:is|calisma|business|working)\s+)?(?:gun|gunu|gunde|gunluk|saat|saatte|hafta|haftada|ay|ayda|dakika|yil|"
    r"days?|hours?|weeks?|months?|minutes?|years?|percent|yuzde)\b"
)
_PACKAGES = r"(?:ayri\s+|separate\s+)?(?:paket\w*|koli\w*|kargo\w*|packages?|parcels?|boxes|shipments?)"
_PIECES = r"(?:x\b|adet\w*|tane\w*|urun\w*|kalem\w*|pcs|pieces?|items?|products?|units?)"
_WORDS = {
    "iki": 2, "uc": 3, "dort": 4, "bes": 5, "alti": 6, "yedi": 7, "sekiz": 8, "dokuz": 9, "yirmi": 20,
    "otuz": 30, "kirk": 40,
    "elli": 50, "altmis": 60, "yetmis": 70, "seksen": 80, "doksan": 90, "yuz": 100, "bin": 1000, "two": 2,
    "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "fifteen": 15, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "hundred": 100, "thousand": 1000, "milyon": 10**6, "milyar": 10**9, "million": 10**6, "billion": 10**9,
    "dozen": 12, "zero": 0, "sifir": 0,
}  # fmt: skip
_NUMBER_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
#: These mean a number only before a unit: "bir" is also an article, "on" a preposition.
_SHY_WORD = rf"(?:bir|on|one|an?|tek|half an?|yarim)\s+(?:{_UNIT}|(?:tl|lira|dolar|euros?|dollars?|pounds?|kurus)\b)"
_COUNT = re.compile(
    rf"\b(?P<count>\d{{1,4}}|{_NUMBER_WORD}|bir|one|tek)\s*(?P<unit>{_PACKAGES}|{_PIECES})(?!\w)", re.ASCII
)
_SPAN = re.compile(
    rf"\b(?:\d[\d.,\-]{{0,20}}|(?:{_NUMBER_WORD})(?:\s+(?:{_NUMBER_WORD}))*)\s*{_UNIT}|\b{_SHY_WORD}", re.ASCII
)
#: Codes (letters and digits), digits with what parts them, and numbers in words.
_CODE = re.compile(r"(?<![^\W_])(?=[a-z\-]*\d)[a-z0-9]+(?:[-_/][a-z0-9]+)*(?![^\W_])", re.ASCII)
_DIGITS = re.compile(r"[+#%₺$€£]?\d+(?:[\s.,:/()\-]{1,2}\d+)*%?")
#: "Best regards", "bu yüzden" (therefore) and "altında" (under) count nothing.
_WORD = re.compile(
    rf"\b(?!best\b|yuzden\b|altinda\b)(?:{_NUMBER_WORD})(?:['’]?\w{{0,4}})?\b(?:\s+(?:{_NUMBER_WORD}|one|bir)\b)*",
    re.ASCII,
)
_DIGIT_WORDS = re.compile(
    r"\b(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|sifir|bir|iki|uc|dort|bes|alti|yedi|sekiz|dokuz)[\s,\-]+){2,}\w+",
    re.ASCII,
)
_FOREIGN = re.compile(r"[^\W\d_a-z]+(?:\s+[^\W\d_a-z]+)*")
#: Overrides, embeddings and isolates (UAX #9). The weak marks turn nothing, and some keyboards leave them behind.
_TURN = re.compile("[\u202a-\u202e\u2066-\u2069]+")
_SPACED = re.compile(r"(?<!\w)(?:[a-z][\s._*\-]){3,}[a-z](?!\w)", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """A part of a reply that says something about an order.

    start, end: where in the reply; text: what stands there. field: what says the same, such as
    "orders.0.packages.0.tracking_number", with its value; both None when nothing does.
    """

    start: int
    end: int
    text: str
    type: str
    field: str | None = None
    value: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


#: A span of the folded text, its type, and the field with its value.
_Found = tuple[int, int, str, tuple[str, str] | None]


def check_claims(text: str, orders: Sequence[Snapshot], *, today: date, tz: tzinfo) -> list[Claim]:
    """Return the claims of a reply in their order, none of them overlapping.

    orders: what the reply may speak of. today: reserved for dates that are said relative to it, which match nothing.
    tz: whose days the dates of the order are.
    """
    del today
    folded = fold(text)
    taken = bytearray(len(folded.text))
    claims: list[Claim] = []
    for start, end, type, evidence in _find(folded, orders, tz):
        while start < end and folded.text[start].isspace():
            start += 1
        while end > start and folded.text[end - 1] in " \t\n.,;:":
            end -= 1
        if start >= end or any(taken[start:end]):
            continue
        taken[start:end] = b"\x01" * (end - start)
        first, last = folded.span(start, end)
        field, value = evidence or (None, None)
        claims.append(Claim(first, last, text[first:last], type, field, value))
    claims += _turns(text, claims)
    return sorted(claims, key=lambda claim: claim.start)


def _turns(text: str, claims: Sequence[Claim]) -> Iterator[Claim]:
    """Yield the marks that turn the direction of what follows, outside of `claims`.

    What they turn is read from its end: nobody sees what was checked.
    """
    covered = bytearray(len(text))
    for claim in claims:
        covered[claim.start : claim.end] = b"\x01" * (claim.end - claim.start)
    for match in _TURN.finditer(text):
        if not any(covered[match.start() : match.end()]):
            yield Claim(match.start(), match.end(), match[0], SCRIPT)


def _find(folded: Folded, orders: Sequence[Snapshot], tz: tzinfo) -> Iterator[_Found]:
    """Yield candidates, the surest first: where two overlap, the earlier one counts."""
    text = folded.text
    known = [pair for index, order in enumerate(orders) for pair in _known_values(index, order)]
    for match in _LINK.finditer(text):
        yield match.start(), match.end(), LINK, _of_link(match[0].rstrip(".,;:!?"), orders)
    for match in _EMAIL.finditer(text):
        yield match.start(), match.end(), EMAIL, _of_email(match[0].rstrip("."), orders)
    for type, value, field, separators in known:
        pattern = literal(value, separators)
        if pattern is not None:
            yield from ((match.start(), match.end(), type, (field, value)) for match in pattern.finditer(text))
    for match in _OTHER_LINK.finditer(text):
        yield match.start(), match.end(), LINK, None
    for match in _CARRIER.finditer(text):
        yield match.start(), match.end(), CARRIER, None
    for start, end in find_promises_not_stated(text, orders):
        yield start, end, PROMISE, None
    for statement in find_statements(text, orders):
        yield statement.start, statement.end, STATUS, statement.evidence
    for match in _MONEY.finditer(text):
        yield match.start(), match.end(), MONEY, _of_money(match, orders)
    for found in find_dates(text):
        yield found.start, found.end, DATE, _of_date(found, orders, tz)
    for match in _SPAN.finditer(text):
        yield match.start(), match.end(), NUMBER, None
    for match in _COUNT.finditer(text):
        yield match.start(), match.end(), NUMBER, _of_count(match, orders)
    for match in _DIGIT_WORDS.finditer(text):
        yield match.start(), match.end(), NUMBER, None
    for match in _CODE.finditer(text):
        if not match[0].isdigit():
            yield match.start(), match.end(), TRACKING, _of_number(match[0], orders)
    for match in _DIGITS.finditer(text):
        yield match.start(), match.end(), NUMBER, _of_number(match[0], orders)
    for match in _WORD.finditer(text):
        yield match.start(), match.end(), NUMBER, None
    for match in _FOREIGN.finditer(text):
        yield match.start(), match.end(), SCRIPT, None
    for match in _SPACED.finditer(text):
        yield match.start(), match.end(), SCRIPT, None
    for place, char in enumerate(text):
        if char.isnumeric():
            yield place, place + 1, NUMBER, None


def find_promises_not_stated(text: str, orders: Sequence[Snapshot]) -> Iterator[tuple[int, int]]:
    """Yield promises, without the words of a statement that an order bears out: "was refunded" is none then."""
    stated = [(one.start, one.end) for one in find_statements(text, orders) if one.evidence is not None]
    for start, end in find_promises(text):
        if not any(start < last and first < end for first, last in stated):
            yield start, end


def _known_values(index: int, order: Snapshot) -> Iterator[tuple[str, str, str, str]]:
    """Yield what can be found word for word: its type, value, field, and what may part its letters."""
    for number, package in enumerate(order["packages"]):
        path = f"orders.{index}.packages.{number}"
        if package["tracking_number"]:
            yield TRACKING, package["tracking_number"], f"{path}.tracking_number", r"\s.\-"
        if package["carrier"]:
            yield CARRIER, package["carrier"], f"{path}.carrier", ""
        if package["number"] != order["number"]:
            yield NUMBER, package["number"], f"{path}.number", ""
    for number, line in enumerate(order["lines"]):
        yield NAME, line["name"], f"orders.{index}.lines.{number}.name", ""
    # A name that says more than a name is the shop's own word as well.
    if order["cancel_reason"]:
        yield NAME, order["cancel_reason"], f"orders.{index}.cancel_reason", ""


def _of_link(found: str, orders: Sequence[Snapshot]) -> tuple[str, str] | None:
    for index, order in enumerate(orders):
        for number, package in enumerate(order["packages"]):
            url = package["tracking_url"]
            if url and fold(url).text == found:
                return f"orders.{index}.packages.{number}.tracking_url", url
    return None


def _of_email(found: str, orders: Sequence[Snapshot]) -> tuple[str, str] | None:
    for index, order in enumerate(orders):
        email = order["customer"]["email"]
        if email and fold(email).text == found:
            return f"orders.{index}.customer.email", email
    return None


def _of_money(match: re.Match[str], orders: Sequence[Snapshot]) -> tuple[str, str] | None:
    amount = to_amount(match["amount"] or match["amount2"])
    currency = _CURRENCIES[match["before"] or match["after"]]
    for index, order in enumerate(orders):
        if order["currency"] != currency or amount is None:
            continue
        if amount == to_amount(order["total"]):
            return f"orders.{index}.total", order["total"]
        for number, line in enumerate(order["lines"]):
            if line["price"] and amount == to_amount(line["price"]):
                return f"orders.{index}.lines.{number}.price", line["price"]
    return None


def to_amount(text: str) -> Decimal | None:
    """Return an amount written in either way: 1.249,90 or 1,249.90."""
    text = text.replace(" ", "")
    last = max(text.rfind("."), text.rfind(","))
    if last >= 0 and len(text) - last - 1 in (1, 2):
        whole, cents = text[:last], text[last + 1 :]
    else:
        whole, cents = text, "0"
    try:
        return Decimal(f"{re.sub(r'[.,]', '', whole)}.{cents}")
    except InvalidOperation:
        return None


def _of_date(found: Any, orders: Sequence[Snapshot], tz: tzinfo) -> tuple[str, str] | None:
    for index, order in enumerate(orders):
        for name in ("ordered_at", "updated_at", "cancelled_at"):
            moment = order[name]
            if moment and found.is_of(datetime.fromisoformat(moment).astimezone(tz).date()):
                return f"orders.{index}.{name}", moment
    return None


def _of_count(match: re.Match[str], orders: Sequence[Snapshot]) -> tuple[str, str] | None:
    word = match["count"]
    count = int(word) if word.isdigit() else _WORDS.get(word, 1)
    for index, order in enumerate(orders):
        if re.match(_PACKAGES, match["unit"]):
            if count == len(order["packages"]):
                return f"orders.{index}.packages", str(count)
            continue
        for number, line in enumerate(order["lines"]):
            if count == line["quantity"]:
                return f"orders.{index}.lines.{number}.quantity", str(count)
        if count in (len(order["lines"]), sum(line["quantity"] for line in order["lines"])):
            return f"orders.{index}.lines", str(count)
    return None


def _of_number(found: str, orders: Sequence[Snapshot]) -> tuple[str, str] | None:
    bare = found.strip(" #.,:;()-")
    for index, order in enumerate(orders):
        if bare and bare == fold(order["number"]).text:
            return f"orders.{index}.number", order["number"]
    return None
