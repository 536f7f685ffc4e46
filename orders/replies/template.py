"""Replies without a model: sentences of ours around the fields of an order, and nothing that no field says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from decimal import Decimal

from orders.providers import (
    NO_REFERENCE,
    NOT_FOUND,
    OTHER_CUSTOMER,
    PENDING,
    TEMPLATE,
    UNAVAILABLE,
    ReplyRequest,
    WrittenReply,
)
from orders.replies.claims import to_amount
from orders.snapshot import Package, Snapshot

_MONTHS = {
    "tr": [
        "Ocak",
        "Şubat",
        "Mart",
        "Nisan",
        "Mayıs",
        "Haziran",
        "Temmuz",
        "Ağustos",
        "Eylül",
        "Ekim",
        "Kasım",
        "Aralık",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
#: A name that is greeted with: short, of letters.
_LONGEST_NAME = 30

_GREETING = {"tr": "Merhaba {name},", "en": "Hello {name},"}
_PLAIN_GREETING = {"tr": "Merhaba,", "en": "Hello,"}
_CLOSING = {"tr": "Saygılarımızla", "en": "Kind regards"}
_MISSING = {
    PENDING: {
        "tr": "Mesajınızı aldık. Siparişinizi sistemimizde arıyoruz; sipariş bilgileri şu anda elimizde eksik.",
        "en": "Thank you for your message. We are looking up your order; its order data is missing at the moment.",
    },
    UNAVAILABLE: {
        "tr": "Mesajınızı aldık. Sipariş sistemimize şu anda ulaşamıyoruz; sipariş bilgileri elimizde eksik.",
        "en": "Thank you for your message. We cannot reach our order system right now; the order data is missing.",
    },
    NOT_FOUND: {
        "tr": "Yazdığınız numarayla bir sipariş bulamadık. Numarayı sipariş onayı e-postanızdan kontrol edip "
        "bize yazar mısınız?",
        "en": "We could not find an order under the number that you gave us. Could you check the number in your order "
        "confirmation and write to us again?",
    },
    NO_REFERENCE: {
        "tr": "Size yardımcı olabilmemiz için sipariş numaranızı bize yazar mısınız?",
        "en": "Could you tell us your order number, so that we can help you?",
    },
    OTHER_CUSTOMER: {
        "tr": "Sipariş bilgilerini yalnızca siparişin verildiği e-posta adresine yazıyoruz. Bize o adresten "
        "yazar mısınız?",
        "en": "We write about an order only to the e-mail address that it was placed with. Could you write "
        "to us from that "
        "address?",
    },
}  # fmt: skip
#: What a package's, or the order's, delivery status is in words; `{it}` is what it is said of.
_DELIVERY = {
    "tr": {
        "UNFULFILLED": "{it} hazırlanıyor, henüz kargoya verilmedi.",
        "READY_FOR_SHIPMENT": "{it} kargoya verilmeye hazır.",
        "PARTIALLY_READY_FOR_SHIPMENT": "{it} hazırlanıyor.",
        "READY_FOR_PICK_UP": "{it} mağazadan teslim alınmaya hazır.",
        "FULFILLED": "{it} kargoya verildi.",
        "PARTIALLY_FULFILLED": "{it} kısmen kargoya verildi.",
        "DELIVERED": "{it} teslim edildi.",
        "PARTIALLY_DELIVERED": "{it} kısmen teslim edildi.",
        "UNABLE_TO_DELIVER": "{it} teslim edilemedi.",
        "CANCEL_REQUESTED": "{it} için iptal talebi alındı.",
        "CANCELLED": "{it} iptal edildi.",
        "PARTIALLY_CANCELLED": "{it} kısmen iptal edildi.",
        "REFUND_REQUESTED": "{it} için iade talebi alındı.",
        "REFUNDED": "{it} iade edildi.",
        "PARTIALLY_REFUNDED": "{it} kısmen iade edildi.",
    },
    "en": {
        "UNFULFILLED": "{it} is being prepared and has not been shipped yet.",
        "READY_FOR_SHIPMENT": "{it} is ready for shipment.",
        "PARTIALLY_READY_FOR_SHIPMENT": "{it} is being prepared.",
        "READY_FOR_PICK_UP": "{it} is ready for pick-up.",
        "FULFILLED": "{it} has been shipped.",
        "PARTIALLY_FULFILLED": "{it} has been partially shipped.",
        "DELIVERED": "{it} has been delivered.",
        "PARTIALLY_DELIVERED": "{it} has been partially delivered.",
        "UNABLE_TO_DELIVER": "{it} could not be delivered.",
        "CANCEL_REQUESTED": "{it}: a cancellation has been requested.",
        "CANCELLED": "{it} has been cancelled.",
        "PARTIALLY_CANCELLED": "{it} has been partially cancelled.",
        "REFUND_REQUESTED": "{it}: a refund has been requested.",
        "REFUNDED": "{it} has been refunded.",
        "PARTIALLY_REFUNDED": "{it} has been partially refunded.",
    },
}
#: What the order's own status adds, where it says more than that there is one.
_ORDER = {
    "tr": {
        "CANCELLED": "Siparişiniz iptal edildi.",
        "PARTIALLY_CANCELLED": "Siparişiniz kısmen iptal edildi.",
        "REFUNDED": "Siparişiniz iade edildi.",
        "PARTIALLY_REFUNDED": "Siparişiniz kısmen iade edildi.",
        "REFUND_REQUESTED": "Siparişiniz için iade talebi alındı.",
        "REFUND_REJECTED": "Siparişiniz için iade talebi reddedildi.",
    },
    "en": {
        "CANCELLED": "Your order has been cancelled.",
        "PARTIALLY_CANCELLED": "Your order has been partially cancelled.",
        "REFUNDED": "Your order has been refunded.",
        "PARTIALLY_REFUNDED": "Your order has been partially refunded.",
        "REFUND_REQUESTED": "A refund has been requested for your order.",
        "REFUND_REJECTED": "The refund request has been rejected for your order.",
    },
}
_PAYMENT = {
    "tr": {"WAITING": "Ödemeniz bekleniyor.", "FAILED": "Ödemeniz alınamadı."},
    "en": {"WAITING": "The payment is still pending.", "FAILED": "The payment has failed."},
}
_WORDS = {
    "tr": {
        "order": "{number} numaralı siparişiniz",
        "of_date": "{date} tarihli {number} numaralı siparişiniz",
        "total": "Toplam: {total}",
        "package": "{number} numaralı paketiniz",
        "with": "Kargo: {carrier}",
        "tracking": "Takip numarası: {number}",
        "link": "Takip bağlantısı: {url}",
        "unknown": "{it} sistemimizde kayıtlı.",
        "contents": "İçindekiler: {lines}",
    },
    "en": {
        "order": "Your order {number}",
        "of_date": "Your order {number} of {date}",
        "total": "Total: {total}",
        "package": "Package {number}",
        "with": "Carrier: {carrier}",
        "tracking": "Tracking number: {number}",
        "link": "Tracking link: {url}",
        "unknown": "{it} is in our system.",
        "contents": "Contents: {lines}",
    },
}
_CURRENCY = {"TRY": "TL"}
#: Statuses of the order that leave nothing to say of its delivery.
_OVER = frozenset({"CANCELLED", "REFUNDED"})


class TemplateWriter:
    """A ReplyWriter that needs no model. tz: whose days the dates are written in. shop_name: signs the reply."""

    name = TEMPLATE

    def __init__(self, tz: tzinfo, shop_name: str = "") -> None:
        self.tz = tz
        self.shop_name = shop_name

    def write(self, request: ReplyRequest) -> WrittenReply:
        """Write the reply. Never raises for what is in the request."""
        language = request.language if request.language in _WORDS else "en"
        paragraphs = [self._greeting(request, language)]
        if request.missing or not request.orders:
            paragraphs.append(_MISSING.get(request.missing, _MISSING[NO_REFERENCE])[language])
        else:
            for order in request.orders:
                paragraphs += self._about(order, language)
        paragraphs.append("\n".join(filter(None, [_CLOSING[language], self.shop_name or request.shop_name])))
        return WrittenReply(body="\n\n".join(paragraphs), model=TEMPLATE, ai=False)

    def _greeting(self, request: ReplyRequest, language: str) -> str:
        of_order = next((order["customer"]["first_name"] for order in request.orders if not request.missing), None)
        name = next((one for one in (of_order, request.sender_name) if _is_name(one)), None)
        return _GREETING[language].format(name=name) if name else _PLAIN_GREETING[language]

    def _about(self, order: Snapshot, language: str) -> Iterator[str]:
        words = _WORDS[language]
        placed = self._date(order["ordered_at"], language)
        it = (
            words["of_date"].format(number=order["number"], date=placed)
            if placed
            else words["order"].format(number=order["number"])
        )
        first = [_sentence(it, order["package_status"], language)] if order["status"] not in _OVER else []
        if said := _ORDER[language].get(order["status"]):
            first = [f"{it}:", said] if not first else [*first, said]
        if order["status"] not in _OVER and (said := _PAYMENT[language].get(order["payment_status"])):
            first.append(said)
        yield " ".join(first)
        for package in order["packages"]:
            if lines := self._package(order, package, language):
                yield "\n".join(lines)
        yield words["total"].format(total=_amount(order["total"], order["currency"], language))

    def _package(self, order: Snapshot, package: Package, language: str) -> list[str]:
        words = _WORDS[language]
        lines = []
        if len(order["packages"]) > 1:
            lines.append(_sentence(words["package"].format(number=package["number"]), package["status"], language))
            names = [order["lines"][index]["name"] for index in package["lines"] if index < len(order["lines"])]
            if names:
                lines.append(words["contents"].format(lines=", ".join(names)))
        if package["carrier"]:
            lines.append(words["with"].format(carrier=package["carrier"]))
        if package["tracking_number"]:
            lines.append(words["tracking"].format(number=package["tracking_number"]))
        if package["tracking_url"]:
            lines.append(words["link"].format(url=package["tracking_url"]))
        return lines

    def _date(self, moment: str | None, language: str) -> str:
        if not moment:
            return ""
        day = datetime.fromisoformat(moment).astimezone(self.tz)
        return f"{day.day} {_MONTHS[language][day.month - 1]} {day.year}"


def _sentence(it: str, status: str, language: str) -> str:
    return _DELIVERY[language].get(status, _WORDS[language]["unknown"]).format(it=it)


def _amount(total: str, currency: str, language: str) -> str:
    amount = to_amount(total) or Decimal(0)
    written = f"{amount:,.2f}"
    if language == "tr":
        written = written.translate(str.maketrans(",.", ".,"))
    return f"{written} {_CURRENCY.get(currency, currency) if language == 'tr' else currency}"


def _is_name(name: str | None) -> bool:
    return (
        bool(name) and len(name or "") <= _LONGEST_NAME and all(char.isalpha() or char in " .'-" for char in name or "")
    )
