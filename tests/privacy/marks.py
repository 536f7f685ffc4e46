"""Invented people whose names, addresses and numbers occur nowhere else, and how to find them in whatever form."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

#: Who is in the CVs, documents and mails. A leak may show a part: each part is a mark of its own.
NAME, SURNAME, EMAIL = "Zeynep", "Karabulutoğlu", "z.kara7731@ornek-posta.example"
PHONE, STREET = "+90 532 771 33 19", "Papatyalıdere Sokak No 4417"
MARKS = {"surname": SURNAME, "e-mail": EMAIL, "mailbox": "z.kara7731", "street": "Papatyalıdere"}
DIGITS = "5327713319"

CV = f"""{NAME} {SURNAME}
{EMAIL} | {PHONE}
{STREET}, Kadıköy, İstanbul

Özet
Sekiz yıllık deneyimli yazılım mühendisi. {NAME} {SURNAME} ile {EMAIL} üzerinden görüşülebilir.

İş Deneyimi
Kıdemli Yazılım Mühendisi, Ornek Yazilim A.S.
Ocak 2019 - Halen
{SURNAME} ekibi yönetti; telefonu {PHONE}. Python ve Django ile servisler geliştirdi.

Eğitim
Bilgisayar Mühendisliği, Ege Üniversitesi, 2008 - 2012

Beceriler
Python, Django, PostgreSQL, Docker
"""


def folded(text: str) -> str:
    """Return text without case, accents and the Turkish dotless ı, which lower() and NFKD leave apart."""
    decomposed = unicodedata.normalize("NFKD", text.replace("İ", "i").replace("ı", "i").replace("I", "i"))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def _forms(mark: str) -> Iterator[str]:
    """Yield what a mark looks like after one encoding or another, folded."""
    for one in (mark, unicodedata.normalize("NFD", mark), mark.lower(), mark.upper()):
        for form in (one, json.dumps(one)[1:-1], quote(one), quote_plus(one), html.escape(one), one.encode().hex()):
            yield folded(form)
        yield folded(re.sub(r"\W+", "_", one))


FORMS = {name: set(_forms(mark)) for name, mark in MARKS.items()}
#: Of base64 the middle of each of the three ways to lie across its groups; case matters there.
BASE64 = {
    name: {base64.b64encode(b" " * shift + mark.encode()).decode()[4:-4] for shift in range(3)}
    for name, mark in MARKS.items()
}


def find(text: str | bytes) -> set[str]:
    """Return which marks stand in a text, in any form."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    flat = folded(text)
    hits = {name for name, forms in FORMS.items() if any(form in flat for form in forms)}
    hits |= {name for name, forms in BASE64.items() if any(form in text for form in forms)}
    if DIGITS in re.sub(r"[\s().+/-]|%20|%2b", "", flat):
        hits.add("phone")
    return hits
