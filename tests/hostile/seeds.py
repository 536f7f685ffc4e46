"""Good inputs to begin with: what is changed a little reaches further than noise."""

from __future__ import annotations

from collections.abc import Callable

from tests import samples
from tests.hostile.mails import mails
from tests.hostile.packages import body, package
from tests.hostile.pdfs import one_page
from tests.hostile.pictures import png, saved

#: A seed is no longer than what a fuzzer tries.
LONGEST = 8_192


def documents() -> list[bytes]:
    return [
        one_page(), samples.text_pdf(["a page"]), package(), body("<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"),
        png(), saved("JPEG"), saved("TIFF"), saved("WEBP"), samples.cv_text("tr"), samples.cv_text("tr", "cp1254"),
        "Kütüphane dokuzda açılır.".encode("utf-16"),
    ]  # fmt: skip


def letters() -> list[bytes]:
    return [raw for _, raw in mails() if len(raw) <= LONGEST]


def objects() -> list[bytes]:
    return [bytes([1, 9, 7, 3, 0, 0, 1, 41, 6, 65, 0, 0]), bytes(range(1, 64)) * 2]


def requests() -> list[bytes]:
    return [
        "Sipariş\nMerhaba, 5001 numaralı siparişim nerede? Sipariş no: TR-5002, #5003. 2026 yılında 12 TL".encode(),
        b"order #1028\nMy order number is 1029, paid 1.249,90 TL on 20.11.2026. Order no. AB-123456 (was: 77)",
        "SİPARİŞ ＃１０２８\nsiparişimin kodu (#1030), 1031 no'lu siparişim, sipariş ﬁ 1032".encode(),
    ]


def replies() -> list[bytes]:
    return [
        "Merhaba Ayşe, 1028 numaralı siparişiniz 20 Kasım 2026 tarihinde kargoya verildi. 2 adet Kupa 350 ml".encode(),
        b"Your order 1028 of November 20, 2026 has been shipped. Total: 1,249.90 TRY. See https://example.com/t?c=1",
        "iade ediyoruz, re\u200bfund, XX Aralık, in a week, two packages, ayse.demir@example.com, 🅡🅔".encode(),
    ]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "extraction": documents,
    "mail": letters,
    "merge": objects,
    "order_numbers": requests,
    "claims": replies,
}
