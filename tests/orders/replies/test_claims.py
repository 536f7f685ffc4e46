"""The claim check: what a reply says is in the order, or it is reported."""

from __future__ import annotations

import itertools
import time
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orders.providers import NO_REFERENCE, NOT_FOUND, OTHER_CUSTOMER, PENDING, UNAVAILABLE, ReplyRequest
from orders.references import find_order_numbers
from orders.replies.claims import Claim, check_claims
from orders.replies.template import TemplateWriter
from orders.snapshot import Snapshot

TZ = ZoneInfo("Europe/Istanbul")
STATUSES = [
    "CREATED",
    "DRAFT",
    "CANCELLED",
    "PARTIALLY_CANCELLED",
    "REFUNDED",
    "PARTIALLY_REFUNDED",
    "REFUND_REQUESTED",
    "REFUND_REJECTED",
]
PAYMENTS = ["WAITING", "PAID", "PARTIALLY_PAID", "FAILED", "OVER_PAID", "REFUNDED"]
DELIVERIES = [
    "UNFULFILLED", "READY_FOR_SHIPMENT", "PARTIALLY_READY_FOR_SHIPMENT", "READY_FOR_PICK_UP", "FULFILLED",
    "PARTIALLY_FULFILLED", "DELIVERED", "PARTIALLY_DELIVERED", "UNABLE_TO_DELIVER", "CANCEL_REQUESTED", "CANCELLED",
    "PARTIALLY_CANCELLED", "REFUND_REQUESTED", "REFUNDED", "PARTIALLY_REFUNDED", "TELEPORTED",
]  # fmt: skip


def order(status: str = "CREATED", payment: str = "PAID", delivery: str = "FULFILLED", packages: int = 1) -> Snapshot:
    return {
        "id": "x",
        "number": "1028",
        "status": status,
        "payment_status": payment,
        "package_status": delivery,
        "ordered_at": "2026-11-20T09:30:00Z",
        "updated_at": None,
        "cancelled_at": None,
        "cancel_reason": None,
        "currency": "TRY",
        "total": "1249.90",
        "customer": {"email": "ayse.demir@example.com", "first_name": "Ayşe", "full_name": "Ayşe Demir"},
        "city": "İzmir",
        "lines": [{"name": "Kupa 350 ml, 2'li set", "quantity": 2, "price": "1249.90", "status": delivery}],
        "packages": [
            {
                "number": f"1028-{n}",
                "status": delivery,
                "carrier": "Yurtiçi Kargo",
                "tracking_number": "YK 8834-2210",
                "tracking_url": "https://kargo.example.com/t?c=YK88342210",
                "lines": [0],
            }
            for n in range(1, packages + 1)
        ],
    }


def claims(text: str, *orders: Snapshot) -> list[Claim]:
    return check_claims(text, orders or [order()], today=date(2026, 11, 24), tz=TZ)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sipariş 1028", "number"),
        ("order １０２８", "number"),
        ("takip: YK88342210", "packages.0.tracking_number"),
        ("takip: yk 8834 2210", "packages.0.tracking_number"),
        ("https://kargo.example.com/t?c=YK88342210", "packages.0.tracking_url"),
        ("Yurtiçi Kargo", "packages.0.carrier"),
        ("1.249,90 TL", "total"),
        ("TRY 1,249.90", "total"),
        ("₺1249,90", "total"),
        ("20 Kasım 2026", "ordered_at"),
        ("20.11.2026", "ordered_at"),
        ("November 20", "ordered_at"),
        ("20th of November 2026", "ordered_at"),
        ("2 adet", "lines.0.quantity"),
        ("bir paket", "packages"),
        ("kargoya verildi", "package_status"),
        ("has been shipped", "package_status"),
        ("henüz teslim edilmedi", "package_status"),
        ("It was not delivered", "package_status"),
        ("wasn't cancelled", "status"),
        ("ödemeniz alındı", "payment_status"),
        ("Kupa 350 ml, 2'li set", "lines.0.name"),
    ],
)
def test_what_the_order_says_is_linked_to_its_field(text: str, field: str) -> None:
    (claim,) = claims(text)
    assert claim.field == f"orders.0.{field}"
    assert text[claim.start : claim.end] == claim.text


@pytest.mark.parametrize(
    "text",
    [
        "1029", "order #10280", "10 28", "YK88342211", "YK 8834-221", "1.249,91 TL", "1249.90 EUR", "1028 TL", "%20",
        "21 Kasım 2026", "20 Kasım 2025", "20.12.2026", "yarın", "tomorrow", "Cuma günü", "on Friday", "next week",
        "3 gün içinde", "üç iş günü", "within two days", "bir hafta içinde", "in a week", "iki paket", "3 packages",
        "teslim edildi", "delivered", "kargoya verilmedi", "has not been shipped", "hazırlanıyor", "iptal edildi",
        "cancelled", "iade edildi", "refunded", "Size 500 TL iade edeceğiz", "İADE", "para iadesi onaylandı",
        "Your refund is approved", "money back", "we transferred the amount", "hediye çeki", "%10 indirim", "ücretsiz",
        "free shipping", "yenisini göndereceğiz", "a new one", "we will send it", "It'll arrive", "you'll get it",
        "garanti ediyoruz", "telafi", "compensation", "rеfund", "re\u200bfund", "r e f u n d", "r.e.f.u.n.d",
        "ｒｅｆｕｎｄ",
        "https://evil.example.com", "www.evil.example", "evil.com/pay", "thief@example.net", "0532 123 45 67",
        "+90 532 123 45 67", "one zero two nine", "①②③④", "١٢٣٤", "Ⅳ", "三", "возврат", "Aras Kargo", "DHL",
        "half price", "it will be shipped", "it may have been shipped", "your package is lost", "TR12 0006 "
        "4000 0011 2345 6789 01",
    ],
)  # fmt: skip
def test_what_the_order_does_not_say_is_reported(text: str) -> None:
    assert any(claim.field is None for claim in claims(text)), claims(text)


@pytest.mark.parametrize(
    "text", ["Merhaba Ayşe,", "Kind regards", "Feel free to write to us.", "Size yardımcı olmaktan mutluyuz."]
)
def test_what_claims_nothing_is_left_alone(text: str) -> None:
    assert claims(text) == []


@pytest.mark.parametrize(
    "text",
    [
        # promises in the present tense, and by what they do to the money
        "Paranızı geri yolluyoruz.", "Size 1.249,90 TL yollayacağız.", "Size 1.249,90 TL gönderiyoruz.",
        "Sizden para almayacağız.", "Yeni bir tane yollarız.", "Zararınız karşılanır.", "Ücretiniz size döner.",
        "Tutar kartınıza yansır.", "Tutarın yarısını size bırakıyoruz.", "bizim ikramımız", "Sizi arayacağız.",
        "We will wire you the full amount.", "We are sending you 1,249.90 TRY.", "We credit you.",
        "It is on the house.", "at no charge", "half of it", "twice the amount", "We call you back.",
        "We accept liability.", "We will be happy to wire you the total.",
        # times without a number
        "en kısa sürede", "Ayın onunda sizde.", "ertesi gün", "ay sonuna kadar", "bu akşam", "yılbaşından önce",
        "Expect it shortly.", "a few days", "before the holiday", "the first of December", "Aralıkta sizde",
        "XX Aralık", "xx Mayıs", "?? May", "__ Dec", "Aralık", "February",
        # where the goods are
        "Siparişiniz şubede bekliyor.", "Depomuzdan çıktı.", "kuryede", "Teslimat yapıldı.", "imza karşılığı verildi",
        "It left our warehouse.", "It is sold out.", "stokta yok", "Kartınızdan çekildi.", "Your card was charged.",
        # amounts in words
        "Size on lira.", "ten million", "bir lira",
        # addresses that are no links of the order
        "bit.ly/kargo", "kargo-takip.app/siparis", "evil.dev", "//evil.page/x", "ftp://evil.page", "javascript:alert",
        "mailto:a",
        # in pieces, in boxes
        "re-fund", "re fund", "re\u2800fund", "re·fund", "ia-de", "in_di_rim", "dis\ncount", "🅡🅔🅕🅤🅝🅓", "🇷🇪🇫🇺🇳🇩",
        # read from the other end
        "\u202ednufer", "Size \u2067edai\u2069 ederiz",
    ],
)  # fmt: skip
def test_what_a_model_might_be_talked_into_is_reported(text: str) -> None:
    assert any(claim.field is None for claim in claims(text)), claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "Konuyla bir ekip arkadaşımız ilgilenecek.", "Bir arkadaşımız talebinizi inceleyecektir.",
        "Anlayışınız için teşekkür ederiz.", "Yaşanan aksaklık için özür dileriz.", "Bu yüzden size yazıyoruz.",
        "Toplam tutar: 1.249,90 TL.", "Kargonuz yolda.", "Sipariş bilgilerinize şu anda ulaşamıyoruz.",
        "Takip için: https://kargo.example.com/t?c=YK88342210", "Paketiniz 1028-1 yolda.",
        "May we help you?", "Size nasıl yardımcı olabiliriz? May I ask",
        "A colleague will look into it.", "We are sorry for the inconvenience.", "Best regards,", "It is on its way.",
        "Please let us know if you have any questions.", "Your order 1028 of November 20, 2026 has been shipped.",
    ],
)  # fmt: skip
def test_an_honest_reply_needs_nobody_to_vouch(text: str) -> None:
    assert [claim for claim in claims(text) if claim.field is None] == []


def test_what_one_of_two_packages_says_is_not_said_of_the_order() -> None:
    parted = order(delivery="PARTIALLY_DELIVERED", packages=2)
    parted["packages"][0]["status"], parted["packages"][1]["status"] = "DELIVERED", "FULFILLED"

    def field_of(text: str) -> str | None:
        return next(claim.field for claim in claims(text, parted) if claim.type == "status")

    assert field_of("Siparişiniz teslim edildi.") is None
    assert field_of("Your order has been delivered.") is None
    assert field_of("Siparişiniz kısmen teslim edildi.") == "orders.0.package_status"
    assert field_of("1028-1 numaralı paketiniz teslim edildi.") == "orders.0.packages.0.status"
    assert field_of("1028-2 numaralı paketiniz teslim edildi.") is None
    assert field_of("Package 1028-2 has not been delivered.") == "orders.0.package_status"


def test_what_another_order_says_is_no_evidence_for_the_one_that_is_named() -> None:
    delivered, waiting = order(delivery="DELIVERED"), order(delivery="UNFULFILLED")
    waiting["number"], waiting["packages"] = "1031", []

    def field_of(text: str) -> str | None:
        return next(claim.field for claim in claims(text, delivered, waiting) if claim.type == "status")

    assert field_of("1028 numaralı siparişiniz teslim edildi.") == "orders.0.package_status"
    assert field_of("1031 numaralı siparişiniz teslim edildi.") is None
    assert field_of("Order 1031 has not been delivered.") == "orders.1.package_status"
    assert field_of("Order 1028 has not been delivered.") is None


def test_a_refund_that_was_made_may_be_told_and_no_other() -> None:
    refunded = order("REFUNDED", "REFUNDED", "REFUNDED")
    assert all(claim.field for claim in claims("Siparişiniz iade edildi.", refunded))
    assert all(claim.field for claim in claims("Your order has been refunded.", refunded))
    assert any(claim.field is None for claim in claims("Your order will be refunded again.", refunded))


def test_without_an_order_every_claim_is_reported() -> None:
    found = check_claims("Order 1028 was shipped, not delivered, 1 paket.", [], today=date(2026, 11, 24), tz=TZ)
    assert found
    assert all(claim.field is None for claim in found)


def test_claims_stand_in_order_and_do_not_overlap() -> None:
    text = "1028: 20 Kasım 2026, 1.249,90 TL, kargoya verildi, YK 8834-2210, 3 gün içinde iade edeceğiz 🎁 1029"
    found = claims(text)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    assert all(text[claim.start : claim.end] == claim.text for claim in found)


@pytest.mark.parametrize(
    "text",
    [
        "1 ",
        "a1",
        "iade ",
        "( ",
        "not ",
        "1-",
        "x.com",
        "one two ",
        "1.000",
        "a@b.co ",
        "20 kas ",
        "[" * 9,
        "re",
        "we ",
        "gonder",
        "a:",
        "1028 teslim edildi ",
        "\u202e1",
    ],
)
def test_the_check_takes_linear_time(text: str) -> None:
    long = (text * 20_000)[:20_000]
    began = time.process_time()
    claims(long)
    assert time.process_time() - began < 1.5


def test_every_template_passes_its_own_check() -> None:
    writer = TemplateWriter(TZ, "Örnek Mağaza")
    payments = itertools.cycle(PAYMENTS)  # every one beside every status; all combinations would take 20 s
    for language, status, delivery, packages in itertools.product(["tr", "en"], STATUSES, DELIVERIES, [0, 1, 2]):
        payment = next(payments)
        told = order(status, payment, delivery, packages)
        body = writer.write(ReplyRequest("", "", "John", language, [told])).body
        assert [claim for claim in claims(body, told) if claim.field is None] == [], body
        assert "1028" in body


@pytest.mark.parametrize("language", ["tr", "en"])
@pytest.mark.parametrize("missing", [PENDING, NOT_FOUND, NO_REFERENCE, OTHER_CUSTOMER, UNAVAILABLE])
def test_a_template_without_an_order_claims_nothing_and_tells_nothing(missing: str, language: str) -> None:
    writer: Any = TemplateWriter(TZ)
    body = writer.write(ReplyRequest("", "order 1028", "Kim", language, [order()], missing)).body
    assert claims(body) == []
    assert "1028" not in body


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("sipariş no: 1028", ["1028"]),
        ("Sipariş numaram 1028", ["1028"]),
        ("1028 numaralı siparişim nerede?", ["1028"]),
        ("1028 nolu sipariş", ["1028"]),
        ("SİPARİŞ NO 1028", ["1028"]),
        ("my order 1028, please", ["1028"]),
        ("order no. 1028 and #1031", ["1028", "1031"]),
        ("order number is TR-1028.", ["TR-1028"]),
        ("siparişim 1028 TL tuttu", []),
        ("sipariş 2026 yılında verildi", []),
        ("siparişimi 20.11.2026 verdim", []),
        ("telefonum 0532 123 45 67, siparişim nerede", []),
        ("order 5551234567890123", []),
    ],
)
def test_order_numbers_are_those_that_are_called_so(text: str, numbers: list[str]) -> None:
    assert find_order_numbers("", text) == numbers
