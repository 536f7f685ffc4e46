"""A mixed bag of real documents for batches: PDF, DOCX, TXT and PNG, in Turkish and English, some of them broken.

No two are alike, so that a result given to the wrong document is noticed. Everybody and everything in them is invented.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import docx

from tests import samples

#: What the documents are about. {n} makes each one unique.
TEXTS = {
    "notice": "The reading room of the town library opens at nine. Notice number {n}. All are welcome on Saturdays.",
    "duyuru": "Belediye kütüphanesi hafta sonu saat dokuzda açılır. Duyuru numarası {n}. Giriş herkese ücretsizdir.",
    "invoice": "Invoice {n}. Please pay 1,250.00 EUR to IBAN DE89 3704 0044 0532 0130 00 within thirty days.",
    "sozlesme": "GİZLİ. Hizmet sözleşmesi no {n}. Taraflar bu sözleşmenin içeriğini üçüncü kişilere açıklayamaz.",
    "report": "Patient file {n}. Diagnosis: type 2 diabetes. Blood pressure 150/95. Medication: metformin twice a day.",
    "personel": "Personel formu {n}. E-posta: deniz{n}@example.com, tel: +90 555 000 12 34, doğum tarihi: 23.04.1990.",
}


@dataclass(frozen=True)
class Document:
    """One file of a batch. is_broken: it cannot be read, whatever one tries."""

    name: str
    content: bytes
    about: str
    is_broken: bool = False


def documents(count: int, *, broken: int = 0, png_every: int = 10, seed: int = 1) -> Iterator[Document]:
    """Make `count` documents, `broken` of them unreadable and spread among the others.

    png_every: one in so many is a picture, which takes OCR a good part of a second.
    """
    chance = random.Random(seed)
    unreadable = {number: turn for turn, number in enumerate(chance.sample(range(count), broken))}
    for number in range(count):
        if number in unreadable:
            yield _broken(number, unreadable[number])
        elif number % png_every == png_every - 1:
            yield _good(number, "png")
        else:
            yield _good(number, ("pdf", "docx", "txt")[number % 3])


def _good(number: int, format: str) -> Document:
    about = list(TEXTS)[number % len(TEXTS)]
    text = TEXTS[about].format(n=number)
    return Document(f"{number:04d}-{about}.{format}", _FORMATS[format](text), about)


def _broken(number: int, turn: int) -> Document:
    name, make = list(_BROKEN.items())[turn % len(_BROKEN)]
    return Document(f"{number:04d}-{name}", make(), "broken", is_broken=True)


def _docx(text: str) -> bytes:
    document = docx.Document()
    for sentence in text.split(". "):
        document.add_paragraph(sentence)
    return samples.docx_bytes(document)


def _png(text: str) -> bytes:
    buffer = io.BytesIO()
    samples.text_image(text.replace(". ", ".\n"), size=(1100, 420)).save(buffer, "PNG")
    return buffer.getvalue()


_FORMATS: dict[str, Callable[[str], bytes]] = {
    "pdf": lambda text: samples.text_pdf([text]),
    "docx": _docx,
    "txt": lambda text: text.encode(),
    "png": _png,
}
_BROKEN: dict[str, Callable[[], bytes]] = {
    "corrupt.pdf": samples.corrupt_pdf,
    "corrupt.docx": samples.corrupt_docx,
    "locked.pdf": samples.encrypted_pdf,
    "empty.txt": lambda: b"",
    "picture-called.pdf": lambda: samples.binary_garbage(2_000),
}
