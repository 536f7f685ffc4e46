"""What a reply says about how an order stands, and the field that says the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orders.replies.folding import literal
from orders.snapshot import Snapshot

#: A field that says it, such as "orders.0.packages.1.status", with its value.
Evidence = tuple[str, str]

_SHIPPED = ("FULFILLED", "DELIVERED", "UNABLE_TO_DELIVER")
_PREPARING = ("UNFULFILLED", "READY_FOR_SHIPMENT", "PARTIALLY_READY_FOR_SHIPMENT", "PARTIALLY_FULFILLED")


#: Finds the field that says it. Given: the order, its index, and the folded sentence in which it is said.
Find = Callable[[Snapshot, int, str], Evidence | None]
_A_PACKAGE = re.compile(r"\b(?:paket|koli|package|parcel|box)\w*", re.ASCII)


def _names(sentence: str, number: str) -> bool:
    pattern = literal(number)
    return pattern is not None and pattern.search(sentence) is not None


def _words(order: Snapshot, index: int, sentence: str) -> Iterator[tuple[str, str]]:
    """Yield the fields that say how the order, or the package that the sentence names, is delivered.

    What one package of several says is said of the order only where the sentence speaks of a package.
    """
    packages = [
        (f"orders.{index}.packages.{number}.status", package["status"])
        for number, package in enumerate(order["packages"])
    ]
    named = [
        field
        for field, package in zip(packages, order["packages"], strict=True)
        if package["number"] != order["number"] and _names(sentence, package["number"])
    ]
    if named:
        yield from named
        return
    yield f"orders.{index}.package_status", order["package_status"]
    if len({status for _, status in packages}) == 1 or _A_PACKAGE.search(sentence):
        yield from packages


def _any_of(*values: str, fields: Sequence[str] = ("packages",)) -> Find:
    def find(order: Snapshot, index: int, sentence: str) -> Evidence | None:
        candidates: list[tuple[str, str]] = []
        if "packages" in fields:
            candidates += _words(order, index, sentence)
        if "status" in fields:
            candidates.append((f"orders.{index}.status", order["status"]))
        if "payment" in fields:
            candidates.append((f"orders.{index}.payment_status", order["payment_status"]))
        if "lines" in fields:
            candidates += [
                (f"orders.{index}.lines.{n}.status", line["status"]) for n, line in enumerate(order["lines"])
            ]
        return next(((path, value) for path, value in candidates if value in values), None)

    return find


def _placed(order: Snapshot, index: int, sentence: str) -> Evidence | None:
    del sentence
    return (f"orders.{index}.ordered_at", order["ordered_at"]) if order["ordered_at"] else None


#: What can be said of an order, and which field would say so too.
CONCEPTS: dict[str, Find] = {
    "shipped": _any_of(*_SHIPPED),
    "partly_shipped": _any_of("PARTIALLY_FULFILLED", "PARTIALLY_DELIVERED"),
    "delivered": _any_of("DELIVERED"),
    "partly_delivered": _any_of("PARTIALLY_DELIVERED"),
    "undeliverable": _any_of("UNABLE_TO_DELIVER"),
    "preparing": _any_of(*_PREPARING),
    "ready": _any_of("READY_FOR_SHIPMENT", "PARTIALLY_READY_FOR_SHIPMENT"),
    "pickup": _any_of("READY_FOR_PICK_UP", "PARTIALLY_READY_FOR_PICK_UP"),
    "cancelled": _any_of("CANCELLED", fields=("packages", "status", "lines")),
    "partly_cancelled": _any_of("PARTIALLY_CANCELLED", fields=("packages", "status")),
    "cancel_requested": _any_of("CANCEL_REQUESTED", fields=("packages", "status", "lines")),
    "refunded": _any_of("REFUNDED", fields=("packages", "status", "payment", "lines")),
    "partly_refunded": _any_of("PARTIALLY_REFUNDED", fields=("packages", "status")),
    "refund_requested": _any_of("REFUND_REQUESTED", fields=("packages", "status", "lines")),
    "refund_rejected": _any_of("REFUND_REJECTED", fields=("packages", "status", "lines")),
    "paid": _any_of("PAID", "OVER_PAID", fields=("payment",)),
    "partly_paid": _any_of("PARTIALLY_PAID", fields=("payment",)),
    "payment_waiting": _any_of("WAITING", fields=("payment",)),
    "payment_failed": _any_of("FAILED", fields=("payment",)),
    "placed": _placed,
}

_PAST = r"(?:di|ti|mis(?:tir)?)"
_PAST_A = r"(?:di|mis(?:tir)?)"
_PARTLY_TR = r"(?:kismen|bir kismi(?:niz)?|bir bolumu)\s+"
_PARTLY_EN = r"(?:partially|partly|in part)\s+"
_HAS = r"(?:has|have|had|was|were|is|are)(?:\s+(?:already|now|since))?(?:\s+been)?\s+"

#: concept and whether it is said of the order or denied, by the words for it (folded); the first that fits counts.
_STATEMENTS: tuple[tuple[str, bool, str], ...] = (
    # Turkish: a denial is another form of the verb.
    ("shipped", False, r"(?:kargoya verilme|gonderilme|sevk edilme|yola cikma)(?:di|mis(?:tir)?)"),
    ("undeliverable", True, r"teslim edileme(?:di|mis(?:tir)?)"),
    ("delivered", False, r"(?:teslim edilme|teslim alinma|ulasma)(?:di|mis(?:tir)?)"),
    ("cancelled", False, r"iptal (?:edilme|olma)(?:di|mis(?:tir)?)"),
    ("refunded", False, r"(?:iade edilme|iadesi yapilma)(?:di|mis(?:tir)?)"),
    ("payment_failed", True, r"odeme\w*\s+(?:basarisiz\w*|alinama(?:di|mis(?:tir)?)|reddedil(?:di|mis(?:tir)?))"),
    ("payment_waiting", True, r"odeme\w*\s+(?:henuz\s+)?(?:alinma(?:di|mis(?:tir)?)|beklen(?:iyor|mekte(?:dir)?))"),
    ("partly_shipped", True, rf"{_PARTLY_TR}(?:kargoya verildi|kargoya verilmis(?:tir)?|gonderil{_PAST_A})"),
    ("partly_delivered", True, rf"{_PARTLY_TR}teslim edil{_PAST_A}"),
    ("partly_cancelled", True, rf"{_PARTLY_TR}iptal edil{_PAST_A}"),
    ("partly_refunded", True, rf"{_PARTLY_TR}iade edil{_PAST_A}"),
    ("partly_paid", True, rf"(?:odeme\w*\s+)?{_PARTLY_TR}(?:odendi|odenmis(?:tir)?|alindi|alinmis(?:tir)?)"),
    (
        "shipped",
        True,
        rf"kargoya\s+(?:veril{_PAST_A}|teslim\s+edil{_PAST_A})|gonderil{_PAST_A}|sevk edil{_PAST_A}|"
        rf"yola cik{_PAST}|kargoda\b|yolda(?:dir)?\b",
    ),
    ("pickup", True, r"teslim alinmaya hazir\w*"),
    ("ready", True, r"(?:kargoya|gonderime|sevkiyata)(?: verilmeye)? hazir\w*"),
    ("delivered", True, rf"teslim (?:edil|alin){_PAST_A}|ulas(?:ti|mis(?:tir)?)\b"),
    ("preparing", True, r"hazirlan(?:iyor|makta(?:dir)?)|hazirlik asamasinda(?:dir)?"),
    (
        "cancel_requested",
        True,
        r"iptal talebi(?:niz)?\s+(?:alindi|alinmis(?:tir)?|kayitli(?:dir)?|var(?:dir)?|gorunuyor)",
    ),
    ("cancelled", True, rf"iptal (?:edil{_PAST_A}|ol(?:du|mus(?:tur)?))"),
    (
        "refund_rejected",
        True,
        r"iade talebi(?:niz)?\s+(?:reddedildi|reddedilmis(?:tir)?|kabul edilme(?:di|mis(?:tir)?))",
    ),
    (
        "refund_requested",
        True,
        r"iade talebi(?:niz)?\s+(?:alindi|alinmis(?:tir)?|kayitli(?:dir)?|var(?:dir)?|gorunuyor)",
    ),
    (
        "refunded",
        True,
        rf"(?:(?:para|ucret|tutar|odeme)\w*\s+)?(?:iade edil{_PAST_A}|iadesi yapil{_PAST_A}|geri oden{_PAST_A})",
    ),
    (
        "paid",
        True,
        r"odeme(?:si|niz|sini|nizi)?\s+(?:alindi|alinmis(?:tir)?|yapildi|yapilmis(?:tir)?|tamamlandi)|odendi\b|odenmis(?:tir)?\b",
    ),
    (
        "placed",
        True,
        r"siparis(?:iniz|inizi|i)?\s+(?:alindi|alinmis(?:tir)?|olusturuldu|olusturulmus(?:tur)?)|siparis tarihi",
    ),
    # English: a denial stands before it, see `_is_denied`.
    ("partly_shipped", True, rf"{_PARTLY_EN}(?:shipped|dispatched|sent)"),
    ("partly_delivered", True, rf"{_PARTLY_EN}delivered"),
    ("partly_cancelled", True, rf"{_PARTLY_EN}cancell?ed"),
    ("partly_refunded", True, rf"{_PARTLY_EN}refunded"),
    ("partly_paid", True, rf"{_PARTLY_EN}paid"),
    ("undeliverable", True, r"(?:could not|couldn't|cannot) be delivered|undeliverable|delivery (?:has )?failed"),
    ("refund_rejected", True, r"refund(?: request)?\s+(?:has been|was|is)\s+(?:rejected|refused|declined)"),
    (
        "refund_requested",
        True,
        r"refund(?: request)?\s+(?:has been|was|is)\s+(?:requested|registered|recorded|received|noted)",
    ),
    (
        "cancel_requested",
        True,
        r"cancell?ation(?: request)?\s+(?:has been|was|is)\s+(?:requested|registered|recorded|received)",
    ),
    ("payment_failed", True, r"payment\s+(?:has\s+)?failed|payment (?:was|has been) (?:declined|rejected)"),
    (
        "payment_waiting",
        True,
        r"payment\s+(?:is|has)\s+(?:still\s+|not (?:yet )?been\s+)?(?:pending|awaited|outstanding|received)|"
        r"awaiting payment",
    ),
    ("paid", True, r"payment\s+(?:was|has been)\s+(?:received|made|completed)|\bpaid\b"),
    ("pickup", True, r"ready (?:for|to be) pick(?:ed)?[- ]?up"),
    ("ready", True, r"ready (?:for (?:shipment|shipping|dispatch)|to (?:ship|be shipped))"),
    ("preparing", True, r"being (?:prepared|packed|processed)|in preparation"),
    ("delivered", True, r"(?:delivered|arrived)\b"),
    (
        "shipped",
        True,
        rf"(?:shipped|dispatched|on (?:its|the) way|en route|in transit|out for delivery|with the carrier)\b|"
        rf"{_HAS}(?:sent|posted)\b",
    ),
    ("cancelled", True, r"cancell?ed\b"),
    ("refunded", True, r"refunded\b|refund\s+(?:has been|was)\s+(?:made|issued|paid|completed)"),
    ("placed", True, r"order\s+(?:was|has been)\s+(?:placed|received|created)|order date|placed on"),
)
_COMPILED = tuple((concept, said, re.compile(rf"\b(?:{pattern})", re.ASCII)) for concept, said, pattern in _STATEMENTS)

#: Words of these families that are in no statement above are still statements, of a kind nobody here can check.
_FAMILIES = re.compile(
    r"\b(?:kargoya\s+\w+|kargola\w+|gonderil\w+|sevk\w*|dagitim\w*|teslim(?!at adres)\w*|yola c\w+|"
    r"ulas(?:ti|mis|ir|iyor)\w*|hazirla\w+|iptal\w*|yolda\w*|sube(?:de|ye|den)\w*|kurye\w*|depo\w*\s+(?:cik|ayril)\w*|kapiniz\w*|eliniz\w*|"
    r"stok\w*|tuken\w*|imza\w*|cek(?:il|me|ti)\w*|(?:in|out of) stock|sold out|signed for|warehouse|courier|"
    r"your door\w*|charged|"
    r"odend\w*|odenm\w*|tahsil\w*|ship(?:s|ping|ment|ments|ped)?|dispatch\w*|deliver\w*|transit|arriv\w+|cancel\w*|"
    r"unpaid|prepaid|overpaid|lost|damaged|kayip|kayboldu|hasarli|gecik\w+|delay\w*)\b",
    re.ASCII,
)
#: Nouns among them that say nothing about how an order stands.
_NEUTRAL = re.compile(
    r"(?:shipping|shipment|delivery) (?:company|address|details|number|status)|teslimat (?:adresi|bilgisi)|"
    r"teslimat\b(?!\s+(?:yapil|gercekles|tamamlan))",
    re.ASCII,
)
_DENIAL_BEFORE = re.compile(r"(?:\bnot|n't|\bnever|\bnor|\bwithout|\bno longer)(?:\s+\w+){0,3}\s*$", re.ASCII)
#: What is going to happen, or may, no field bears out.
_UNCERTAIN_BEFORE = re.compile(
    r"(?:\bwill|\bshall|'ll|\bwould|\bgoing to|\bmay|\bmight|\bshould|\bcan|\bto be|\bif|\beger)(?:\s+\w+){0,3}\s*$",
    re.ASCII,
)
_DENIAL_AFTER = re.compile(r"^\w*\s+(?:\w+\s+)?degil", re.ASCII)
_SENTENCE_CHARS = 60
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_LONGEST_SENTENCE = 200


@dataclass(frozen=True)
class Statement:
    """start, end: in the folded text. evidence: None when no order says so."""

    start: int
    end: int
    evidence: Evidence | None


def find_statements(folded: str, orders: Sequence[Snapshot]) -> Iterator[Statement]:
    """Yield what a folded text says of how orders stand. Later ones may overlap earlier ones, which are surer."""
    for concept, said, pattern in _COMPILED:
        for match in pattern.finditer(folded):
            before = _before(folded, match.start())
            is_said = said != _is_denied(before, folded, match.end())
            sentence = _sentence(folded, match.start(), match.end())
            evidence = None if _UNCERTAIN_BEFORE.search(before) else _judge(concept, is_said, orders, sentence)
            yield Statement(match.start(), match.end(), evidence)
    neutral = [match.span() for match in _NEUTRAL.finditer(folded)]
    for match in _FAMILIES.finditer(folded):
        if not any(start <= match.start() < end for start, end in neutral):
            yield Statement(match.start(), match.end(), None)


def _before(folded: str, start: int) -> str:
    """Return what stands before a statement in its part of the sentence."""
    return re.split(r"[.!?\n,;]", folded[max(0, start - _SENTENCE_CHARS) : start])[-1]


def _is_denied(before: str, folded: str, end: int) -> bool:
    after = re.split(r"[.!?\n]", folded[end : end + _SENTENCE_CHARS])[0]
    return bool(_DENIAL_BEFORE.search(before) or _DENIAL_AFTER.search(after))


def _sentence(folded: str, start: int, end: int) -> str:
    """Return the sentence around a statement, or what is near of a long one."""
    first = max(0, start - _LONGEST_SENTENCE)
    before = _SENTENCE_END.split(folded[first:start])[-1]
    return before + folded[start:end] + _SENTENCE_END.split(folded[end : end + _LONGEST_SENTENCE])[0]


def _judge(concept: str, is_said: bool, orders: Sequence[Snapshot], sentence: str) -> Evidence | None:
    says = CONCEPTS[concept]
    known = list(enumerate(orders))
    # Of the order that the sentence names, if it names one: another's status is no evidence.
    known = [(index, order) for index, order in known if _names(sentence, order["number"])] or known
    found = next((evidence for index, order in known if (evidence := says(order, index, sentence))), None)
    if is_said:
        return found
    # A denial is true when no order says otherwise; with no order nobody knows.
    if found is not None or not known:
        return None
    of_payment = concept in ("paid", "partly_paid", "payment_waiting", "payment_failed")
    of_order = concept.endswith(("cancelled", "refunded", "requested", "rejected"))
    field = "payment_status" if of_payment else "status" if of_order else "package_status"
    index, order = known[0]
    return f"orders.{index}.{field}", str(order[field])  # type: ignore[literal-required]
