"""Real files through the whole work."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import docx
import pytest

from classifier.operations import STAGES
from classifier.policy import CATEGORIES
from jobs.errors import InvalidInput
from tests import samples
from tests.extraction.files import pdf_with_a_scan, pdf_with_pictures
from tests.requirements import require_tool

from .reading import judge
from .texts import CONFIDENTIAL, HARMLESS, HIGHLY_SENSITIVE, PUBLIC, TEXTS

CASES = [(category, language) for category in CATEGORIES for language in ("en", "tr")]
KEYS = {
    "final_category", "confidence", "reasons", "reasons_tr", "evidence", "detectors", "readable", "language",
    "provider", "pages", "ocr_used", "embedded_images", "warnings", "seconds",
}  # fmt: skip


def docx_of(text: str) -> bytes:
    document = docx.Document()
    for line in text.splitlines():
        document.add_paragraph(line)
    return samples.docx_bytes(document)


@pytest.mark.parametrize(("category", "language"), CASES)
@pytest.mark.parametrize("kind", ["txt", "pdf", "docx"])
def test_each_category_is_reached_in_both_languages(category: str, language: str, kind: str) -> None:
    text = TEXTS[category][language]
    data = {"txt": text.encode, "pdf": lambda: samples.text_pdf([text]), "docx": lambda: docx_of(text)}[kind]()
    result = judge(data, f"document.{kind}")
    assert (result["final_category"], result["language"], result["readable"]) == (category, language, True)
    assert set(result) == KEYS
    assert 0 < result["confidence"] <= 1
    assert len(result["reasons"]) == len(result["reasons_tr"]) > 0
    json.dumps(result)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_only_speaks_of_sensitive_things_is_public(text: str) -> None:
    result = judge(text)
    assert (result["final_category"], result["reasons"][0]) == ("Public", "Nothing sensitive was found in its text.")


def test_a_picture_of_a_text_is_judged_by_its_text() -> None:
    require_tool("tesseract")
    picture = io.BytesIO()
    samples.text_image(HIGHLY_SENSITIVE["tr"]).save(picture, "PNG")
    result = judge(picture.getvalue(), "scan.png")
    assert (result["final_category"], result["ocr_used"]) == ("Highly Sensitive", True)
    assert any("nothing here can tell an unsafe picture" in warning for warning in result["warnings"])


def test_evidence_stands_where_it_says_and_shows_nothing_of_the_value() -> None:
    pages = [PUBLIC["en"], HIGHLY_SENSITIVE["en"].replace("\n", " ")]
    result = judge(samples.text_pdf(pages), "two.pdf")
    by_detector = {entry["detector"]: entry for entry in result["evidence"]}
    assert by_detector["ssn"]["page"] == 2
    assert by_detector["office_email"]["page"] == 1
    start, end = by_detector["ssn"]["span"]
    assert end - start == len("308-63-0237")
    shown = json.dumps(result, ensure_ascii=False)
    for secret in ("308-63-0237", "4111", "1111 1111", "Quillfeather", "diabetes and", "Zephyrine"):
        assert secret not in shown, secret


def test_evidence_is_capped_and_counts_are_complete() -> None:
    result = judge("\n".join(f"person{number}@example.com wrote to us about the kettle" for number in range(12)))
    [email] = [entry for entry in result["detectors"] if entry["name"] == "email"]
    assert (email["count"], email["shown"]) == (12, 5)
    assert sum(entry["detector"] == "email" for entry in result["evidence"]) == 5


def test_words_inside_of_a_longer_finding_are_counted_once() -> None:
    [finance] = [one for one in judge(HARMLESS["a job that is offered"])["detectors"] if one["name"] == "finance"]
    assert finance["count"] == 1


def test_the_stages_come_in_order_and_the_category_is_told_before_it_is_saved() -> None:
    stages: list[Any] = []
    judge(CONFIDENTIAL["tr"], stages=stages)
    assert [(percent, stage) for percent, stage, _ in stages] == list(zip((10, 30, 60, 90), STAGES, strict=False))
    assert stages[-1][2] == {"category": "Confidential"}


KINDS = {
    "maaş bordrosu": (
        "MAAŞ BORDROSU\nÇalışan: Ayşe Örnek\nBrüt ücret: 62.500,00 TL\nNet ücret: 45.000,00 TL\nİkramiye: 5.000 TL\n",
        "Confidential", "finance",
    ),
    "an invoice": (
        "INVOICE\nInvoice no: 2024-000123\nTwo kettles of green steel\nAmount due: EUR 98.00\n",
        "Confidential", "finance",
    ),
    "gizlilik sözleşmesi": (
        "GİZLİLİK SÖZLEŞMESİ\nİşbu sözleşme ile taraflar, birbirlerinden öğrendiklerini kimseye açıklamamayı ve\n"
        "aykırılık hâlinde cezai şart ödemeyi kabul eder. Sözleşmenin feshi yazılı olarak yapılır.",
        "Confidential", "contract",
    ),
    "a stamped plan": (
        "TOP SECRET\nThe new factory is to be built near the sea. Nobody outside of the board knows of this plan yet.",
        "Highly Sensitive", "secret_marking",
    ),
    "settings of a program": (
        "DEBUG=false\nAWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nDATABASE_URL=postgres://app:Pq9x7Lm2@db.example.com\n",
        "Highly Sensitive", "credential",
    ),
    "a private key": (
        "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 8,
        "Highly Sensitive", "credential",
    ),
    "a list of customers": (
        "\n".join(f"Customer {number}, person{number}@example.com, green kettle" for number in range(25)),
        "Highly Sensitive", "email",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "category", "detector"), KINDS.values(), ids=KINDS.keys())
def test_a_document_is_judged_for_what_it_is(text: str, category: str, detector: str) -> None:
    result = judge(text)
    assert result["final_category"] == category
    assert detector in [entry["name"] for entry in result["detectors"] if entry["category"] == category]


# --- Never Public ---------------------------------------------------------------------------------------------
def shifted(text: str) -> str:
    """A font without a table of its letters: every letter is another one."""
    return "".join(chr((ord(c) - 97 + 3) % 26 + 97) if "a" <= c <= "z" else c for c in text.lower())


def noise(letters: str) -> str:
    chance = random.Random(3)
    return " ".join("".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(120))


UNREADABLE = {
    "an empty page": (samples.text_pdf(["", ""]), "empty.pdf"),
    "blanks": (b"   \n\t \n" * 50, "blanks.txt"),
    "one word": (b"ok", "word.txt"),
    "letters of another font": (shifted(PUBLIC["en"]).encode(), "font.txt"),
    "what OCR made of a stain": ("|l1 ~~ rn'i :.; lIi f} ¢ ]| Il1I '' .. ;; aeh4 ] 1l| w |] ".encode() * 5, "ocr.txt"),
    "random letters": (noise("abcdefghijklmnopqrstuvwxyz").encode(), "noise.txt"),
    "broken characters": ("Th� �q��k ���wn f�x j�mps �v�r ".encode() * 5, "broken.txt"),
    "one letter": (b"a" * 5000, "a.txt"),
    "one word again and again": (b"table " * 500, "table.txt"),
    "letters nobody here reads": ("Это открытый текст о новом чайнике для всех. ".encode() * 5, "ru.txt"),
    "coded bytes": (b"QmFzZTY0IGlzIGEgZ3JvdXAgb2YgYmluYXJ5LXRvLXRleHQ= " * 10, "base64.txt"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "name"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_not_public_and_no_error(data: bytes, name: str) -> None:
    result = judge(data, name)
    assert (result["final_category"], result["readable"]) == ("Confidential", False)
    assert any("could not be read" in reason for reason in result["reasons"])


def test_a_picture_is_not_public_where_nothing_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsers.extraction.extract._ocr_engines", lambda: None)
    result = judge(samples.cv_image(), "photo.png")
    assert (result["final_category"], result["readable"]) == ("Confidential", False)
    assert any("tesseract" in warning for warning in result["warnings"])


def test_one_page_that_cannot_be_read_keeps_the_others_from_being_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsers.extraction.extract._ocr_engines", lambda: None)
    result = judge(pdf_with_a_scan(PUBLIC["en"]), "mixed.pdf")
    assert (result["final_category"], result["readable"]) == ("Confidential", True)
    assert [entry["count"] for entry in result["detectors"] if entry["name"] == "unseen_pages"] == [1]


def test_one_page_of_gibberish_keeps_the_others_from_being_public() -> None:
    result = judge(samples.text_pdf([PUBLIC["en"], PUBLIC["en"], shifted(PUBLIC["en"])]), "three.pdf")
    assert (result["final_category"], result["readable"]) == ("Confidential", True)


def test_one_page_of_language_among_gibberish_is_read() -> None:
    result = judge(samples.text_pdf([PUBLIC["en"], *[shifted(PUBLIC["tr"] * 2)] * 6]), "seven.pdf")
    assert (result["final_category"], result["readable"]) == ("Confidential", True)
    assert [entry["count"] for entry in result["detectors"] if entry["name"] == "unseen_pages"] == [6]


def test_an_empty_page_among_others_is_nothing_unseen() -> None:
    assert judge(samples.text_pdf([PUBLIC["en"], "", PUBLIC["en"]]), "blank.pdf")["final_category"] == "Public"


def test_a_text_longer_than_what_is_looked_at_is_not_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.operations.MOST_CHARS", 1_000)
    result = judge(PUBLIC["en"] * 5 + "AKIAIOSFODNN7EXAMPLE")
    assert result["final_category"] == "Confidential"
    assert "Only the first 1,000 characters were looked at." in result["warnings"]


def test_a_language_that_the_detectors_do_not_know_is_not_public() -> None:
    text = """Unser neuer Kessel kocht einen Liter Wasser in zwei Minuten und hält ihn eine Stunde lang warm. Er
    ist in den Farben Grün, Blau und Weiß zu haben und aus dem Stahl alter Autos gemacht. Ab Mai ist er
    in allen Läden zu haben, und der Preis ist nicht hoch. Wir wünschen viele gute Tassen Tee mit dem
    neuen Kessel."""
    result = judge(text)
    assert (result["final_category"], result["language"], result["readable"]) == ("Confidential", None, True)


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"", "empty.txt", "empty_file"),
        (samples.corrupt_pdf(), "bad.pdf", "corrupt_file"),
        (samples.encrypted_pdf(), "locked.pdf", "encrypted_file"),
        (samples.corrupt_docx(), "bad.docx", "corrupt_file"),
        (b"\x00\x01\x02" * 500, "program.bin", "unsupported_type"),
    ],
)
def test_a_broken_file_is_the_callers_mistake(data: bytes, name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        judge(data, name)
    assert raised.value.code == code


def test_pictures_in_a_document_are_counted_and_said_to_be_unseen() -> None:
    result = judge(pdf_with_pictures(PUBLIC["en"], 3), "pictures.pdf")
    assert (result["embedded_images"], result["final_category"]) == (3, "Public")
    assert result["confidence"] < judge(PUBLIC["en"])["confidence"]
    assert any("nothing here can tell an unsafe picture" in warning for warning in result["warnings"])


@pytest.mark.parametrize("text", ["Buy milk today", "Toplantı yarın saat üçte"])
def test_a_short_harmless_note_is_public_and_less_sure(text: str) -> None:
    result = judge(text)
    assert (result["final_category"], result["readable"], result["confidence"]) == ("Public", True, 0.6)


def test_a_short_clean_secret_is_readable_and_digits_alone_are_not_public() -> None:
    result = judge("Şifre: 123456")
    assert (result["final_category"], result["readable"]) == ("Highly Sensitive", True)
    assert judge("12345 67890 12345 67890")["final_category"] == "Confidential"


def test_a_short_text_in_another_language_is_not_public() -> None:
    assert judge("Der Vorstand hat gestern beschlossen, das Werk in Bremen zu schließen.")["final_category"] != "Public"
