"""Sample documents, made on the fly: good CVs in every format, and bad files of every kind.

Every person, company and address here is invented; mails are at example.com, phone numbers in ranges kept for fiction
or with zeros. `PERSONAL_EN` and `PERSONAL_TR` hold what must never be seen in a result.
"""

from __future__ import annotations

import functools
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import docx
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

PERSONAL_EN = {
    "name": "Zephyrine Quillfeather",
    "email": "z.quillfeather@example.com",
    "phone": "+44 7700 900123",
    "address": "12 Imaginary Lane, Nowhereham NW99 9ZZ",
    "birth_date": "14 March 1988",
    "reference_name": "Barnaby Thistlewick",
    "reference_email": "barnaby@example.com",
    "reference_phone": "+44 7700 900456",
}
PERSONAL_TR = {
    "name": "Yıldızcan Pamukdalga",
    "email": "yildizcan.pamukdalga@example.com",
    "phone": "+90 555 000 12 34",
    "address": "Hayali Mah. Örnek Sok. No: 7 D: 3, Kadıköy / İstanbul",
    "birth_date": "23.04.1990",
    "reference_name": "Gökçeşah Durusöz",
    "reference_email": "gokcesah@example.com",
    "reference_phone": "+90 555 000 56 78",
}
PERSONAL = {"en": PERSONAL_EN, "tr": PERSONAL_TR}

# What a CV says of its owner's work; "dates" as written, "start" and "end" as a profile gives them.
PROFESSIONAL: dict[str, dict[str, Any]] = {
    "en": {
        "profession": "Senior Data Engineer",
        "summary": "Data engineer with eleven years of experience in building data pipelines for retail and energy.",
        "experiences": [
            {
                "title": "Senior Data Engineer",
                "company": "Lumenwave Ltd",
                "dates": "March 2019 - Present",
                "start": "2019-03",
                "end": None,
                "tasks": [
                    "Designed a streaming platform that handles two million events a day.",
                    "Led a team of four engineers and introduced code review.",
                ],
            },
            {
                "title": "Data Engineer",
                "company": "Kestrel Analytics",
                "dates": "June 2015 - February 2019",
                "start": "2015-06",
                "end": "2019-02",
                "tasks": [
                    "Moved the nightly reports from spreadsheets to a warehouse in PostgreSQL.",
                    "Cut the run time of the billing export from six hours to ten minutes.",
                ],
            },
            {
                "title": "Junior Developer",
                "company": "Mossgrove Software",
                "dates": "September 2012 - May 2015",
                "start": "2012-09",
                "end": "2015-05",
                "tasks": ["Maintained the web shop of a garden centre in Python and Django."],
            },
        ],
        "education": [
            {
                "school": "University of Nowhereham",
                "degree": "BSc",
                "field": "Computer Science",
                "dates": "2008 - 2012",
                "start": "2008",
                "end": "2012",
            }
        ],
        "skills": ["Python", "PostgreSQL", "Apache Kafka", "Docker", "Airflow", "Terraform"],
        "languages": ["English (native)", "German (B2)"],
        "licence": "Driving licence: B",
    },
    "tr": {
        "profession": "Kıdemli Yazılım Mühendisi",
        "summary": "On yıllık deneyime sahip, lojistik ve finans alanında çalışmış yazılım mühendisi.",
        "experiences": [
            {
                "title": "Kıdemli Yazılım Mühendisi",
                "company": "Bulutsu Yazılım A.Ş.",
                "dates": "Mart 2020 - Halen",
                "start": "2020-03",
                "end": None,
                "tasks": [
                    "Sipariş takip sistemini mikroservis mimarisine taşıdım.",
                    "Beş kişilik ekibin teknik liderliğini yürütüyorum.",
                ],
            },
            {
                "title": "Yazılım Geliştirici",
                "company": "Mavi Pınar Lojistik",
                "dates": "Eylül 2016 - Şubat 2020",
                "start": "2016-09",
                "end": "2020-02",
                "tasks": [
                    "Depo yönetimi için Django ile bir web uygulaması geliştirdim.",
                    "Günlük raporların süresini üç saatten on dakikaya indirdim.",
                ],
            },
            {
                "title": "Stajyer Mühendis",
                "company": "Gümüşay Teknoloji",
                "dates": "Haziran 2015 - Ağustos 2016",
                "start": "2015-06",
                "end": "2016-08",
                "tasks": ["Test otomasyonu betikleri yazdım."],
            },
        ],
        "education": [
            {
                "school": "Hayalşehir Teknik Üniversitesi",
                "degree": "Lisans",
                "field": "Bilgisayar Mühendisliği",
                "dates": "2011 - 2015",
                "start": "2011",
                "end": "2015",
            }
        ],
        "skills": ["Python", "Django", "PostgreSQL", "Docker", "Kubernetes", "RabbitMQ"],
        "languages": ["Türkçe (ana dil)", "İngilizce (C1)"],
        "licence": "Sürücü belgesi: B sınıfı",
    },
}
_WORDS = {
    "en": {
        "email": "E-mail", "phone": "Phone", "address": "Address", "birth_date": "Date of birth",
        "summary": "SUMMARY", "experience": "WORK EXPERIENCE", "education": "EDUCATION", "skills": "SKILLS",
        "languages": "LANGUAGES", "other": "OTHER", "references": "REFERENCES", "contact": "CONTACT",
    },
    "tr": {
        "email": "E-posta", "phone": "Telefon", "address": "Adres", "birth_date": "Doğum tarihi",
        "summary": "ÖZET", "experience": "İŞ DENEYİMİ", "education": "EĞİTİM", "skills": "YETENEKLER",
        "languages": "DİLLER", "other": "DİĞER", "references": "REFERANSLAR", "contact": "İLETİŞİM",
    },
}  # fmt: skip

# A font with Turkish letters; reportlab's own Vera is the last resort and lacks some.
_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial.ttf",
)


# --- Good documents -------------------------------------------------------------------------------------------
def contact_lines(lang: str) -> list[str]:
    words, personal = _WORDS[lang], PERSONAL[lang]
    return [f"{words[key]}: {personal[key]}" for key in ("email", "phone", "address", "birth_date")]


def reference_line(lang: str) -> str:
    personal = PERSONAL[lang]
    return ", ".join(personal[key] for key in ("reference_name", "reference_email", "reference_phone"))


def cv_lines(lang: str = "en") -> list[str]:
    """Return a CV as the lines of a page with one column; an empty string is an empty line."""
    words, work = _WORDS[lang], PROFESSIONAL[lang]
    lines = [PERSONAL[lang]["name"], work["profession"], "", *contact_lines(lang)]
    lines += ["", words["summary"], work["summary"], "", words["experience"]]
    for job in work["experiences"]:
        lines += [f"{job['title']}, {job['company']}", job["dates"], *(f"- {task}" for task in job["tasks"]), ""]
    lines += [words["education"]]
    for study in work["education"]:
        lines += [study["school"], f"{study['degree']}, {study['field']}", study["dates"]]
    lines += ["", words["skills"], ", ".join(work["skills"]), "", words["languages"], ", ".join(work["languages"])]
    lines += ["", words["other"], work["licence"], "", words["references"], reference_line(lang)]
    return lines


def cv_text(lang: str = "en", encoding: str = "utf-8") -> bytes:
    return "\n".join(cv_lines(lang)).encode(encoding)


def cv_pdf(lang: str = "en", pages: int = 2) -> bytes:
    """Return a CV of one column over so many pages."""
    lines = cv_lines(lang)
    share = -(-len(lines) // pages)
    return text_pdf(["\n".join(lines[start : start + share]) for start in range(0, share * pages, share)])


def cv_pdf_two_columns(lang: str = "en") -> bytes:
    """Return a CV with a header over the page, a narrow side column on the left and the career on the right."""
    words, work = _WORDS[lang], PROFESSIONAL[lang]
    with _Page() as page:
        page.write(56, 790, PERSONAL[lang]["name"], size=20)
        page.write(56, 768, work["profession"], size=12)
        left = [words["contact"], PERSONAL[lang]["email"], PERSONAL[lang]["phone"], ""]
        left += [words["skills"], *work["skills"], "", words["languages"], *work["languages"], "", work["licence"]]
        page.column(56, 730, left, width=150)
        page.column(250, 730, career_lines(lang), width=300)
    return page.data


def career_lines(lang: str = "en") -> list[str]:
    """Return the lines of the right column of `cv_pdf_two_columns`, before wrapping."""
    words, work = _WORDS[lang], PROFESSIONAL[lang]
    lines = [words["summary"], work["summary"], "", words["experience"]]
    for job in work["experiences"]:
        lines += [f"{job['title']}, {job['company']}", job["dates"], *(f"- {task}" for task in job["tasks"]), ""]
    for study in work["education"]:
        lines += [words["education"], study["school"], f"{study['degree']}, {study['field']}", study["dates"]]
    return lines


def cv_pdf_right_dates(lang: str = "en") -> bytes:
    """Return a CV of one column whose dates stand at the right edge, on the lines of their jobs."""
    words, work = _WORDS[lang], PROFESSIONAL[lang]
    with _Page() as page:
        page.write(56, 790, PERSONAL[lang]["name"], size=20)
        height = 750.0
        page.write(56, height, words["experience"], size=12)
        for job in work["experiences"]:
            height -= 22
            page.write(56, height, f"{job['title']}, {job['company']}")
            page.write_right(540, height, job["dates"])
            for task in job["tasks"]:
                height -= 15
                page.write(56, height, task[:60])
        height -= 30
        page.write(56, height, words["education"], size=12)
        for study in work["education"]:
            height -= 22
            page.write(56, height, study["school"])
            page.write_right(540, height, study["dates"])
    return page.data


def text_pdf(pages: Iterable[str]) -> bytes:
    """Return a PDF with one page for each text; an empty text is an empty page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for text in pages:
        canvas.setFont(_pdf_font(), 10)
        height = 790.0
        for line in text.split("\n"):
            for part in _wrap(line, 95):
                canvas.drawString(56, height, part)
                height -= 15
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def cv_docx(lang: str = "en") -> bytes:
    """Return a CV with the name in the page header, skills in a table, references in the page footer."""
    words, work = _WORDS[lang], PROFESSIONAL[lang]
    document = docx.Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = PERSONAL[lang]["name"]
    section.footer.paragraphs[0].text = reference_line(lang)
    document.add_paragraph(work["profession"])
    for line in contact_lines(lang):
        document.add_paragraph(line)
    document.add_heading(words["summary"], level=1)
    document.add_paragraph(work["summary"])
    document.add_heading(words["experience"], level=1)
    for job in work["experiences"]:
        document.add_paragraph(f"{job['title']}, {job['company']}")
        document.add_paragraph(job["dates"])
        for task in job["tasks"]:
            document.add_paragraph(task, style="List Bullet")
    document.add_heading(words["education"], level=1)
    for study in work["education"]:
        document.add_paragraph(study["school"])
        document.add_paragraph(f"{study['degree']}, {study['field']}")
        document.add_paragraph(study["dates"])
    document.add_heading(words["skills"], level=1)
    table = document.add_table(rows=2, cols=3)
    for index, skill in enumerate(work["skills"][:6]):
        table.cell(index // 3, index % 3).text = skill
    document.add_paragraph(work["licence"])
    return docx_bytes(document)


def docx_bytes(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def cv_image(lang: str = "en", format: str = "PNG") -> bytes:
    """Return a CV as a picture of a page at about 150 dpi."""
    return _saved(text_image("\n".join(cv_lines(lang))), format)


def text_image(text: str, size: tuple[int, int] = (1240, 1754)) -> Image.Image:
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(_font_file(), 22)
    height = 60
    for line in text.split("\n"):
        for part in _wrap(line, 80):
            draw.text((80, height), part, font=font, fill=0)
            height += 32
    return image


def scanned_pdf(lang: str = "en", pages: int = 1) -> bytes:
    """Return a PDF whose pages are pictures, without any text."""
    lines = cv_lines(lang)
    share = -(-len(lines) // pages)
    images = [text_image("\n".join(lines[start : start + share])) for start in range(0, share * pages, share)]
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:], resolution=150)
    return buffer.getvalue()


# --- Bad documents --------------------------------------------------------------------------------------------
def encrypted_pdf(password: str = "open sesame") -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(password))
    canvas.drawString(72, 720, "Nobody without the password reads this.")
    canvas.save()
    return buffer.getvalue()


def encrypted_docx() -> bytes:
    """Return the beginning of what Word writes for a DOCX with a password: an OLE container."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(4096)


def corrupt_pdf() -> bytes:
    """Return a PDF of which only the beginning is left, its content scrambled."""
    noise = random.Random(7).randbytes(2000)
    return b"%PDF-1.7\n" + noise


def corrupt_docx() -> bytes:
    return cv_docx()[:3000]


def pdf_with_pages(pages: int) -> bytes:
    """Return a small PDF with so many pages, all of them the same one."""
    kids = b"3 0 R " * pages
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    )


def pdf_with_page_size(points: int) -> bytes:
    """Return a PDF whose one page is a square of this size with a filled rectangle on it."""
    content = b"0 0 %d %d re f" % (points // 2, points // 2)
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R>>" % (points, points),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
    )


@functools.cache
def pdf_bomb(megabytes: int = 120, *, nested: bool = False) -> bytes:
    """Return a PDF with one content stream that unpacks to so much. nested: packed twice, so that it hides its size."""
    packed = _packed_blanks(megabytes)
    filters = b"/FlateDecode"
    if nested:
        packed, filters = zlib.compress(packed, 9), b"[/FlateDecode/FlateDecode]"
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>",
        b"<</Length %d/Filter %s>>stream\n%s\nendstream" % (len(packed), filters, packed),
    )


def slow_pdf() -> bytes:
    """Return a small PDF that takes many seconds of CPU to read: drawings that call each other, ten times each."""
    levels = 9
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        _stream(b"", b"/X Do "),
    ]
    for level in range(levels):
        last = level == levels - 1
        content = b"0 0 1 1 re f " if last else b"/X Do " * 10
        inner = b"" if last else b"/Resources<</XObject<</X %d 0 R>>>>" % (6 + level)
        objects.append(_stream(b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]" + inner, content))
    return pdf_of(*objects)


@functools.cache
def zip_bomb_docx(megabytes: int = 60) -> bytes:
    """Return a DOCX whose body unpacks to so much, over 200 times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        with archive.open("word/document.xml", "w") as body:
            body.write(_BODY_START)
            for _ in range(megabytes):
                body.write(b" " * 1024 * 1024)
            body.write(_BODY_END)
    return buffer.getvalue()


def docx_with_entries(count: int) -> bytes:
    """Return a DOCX with so many members besides its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("word/document.xml", _BODY_START + b"hello" + _BODY_END)
        for number in range(count):
            archive.writestr(f"word/media/{number}", b"")
    return buffer.getvalue()


def docx_with_body(xml: str, **parts: str) -> bytes:
    """Return a DOCX with this XML in its body and `parts` (header1=…, footnotes=…) as XML beside it."""
    kinds = {"header": "header", "footer": "footer", "footnotes": "footnotes", "comments": "comments"}
    types = _CONTENT_TYPES.decode().replace(
        "</Types>",
        "".join(
            f'<Override PartName="/word/{name}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            f'wordprocessingml.{kinds[name.rstrip("0123456789")]}+xml"/>'
            for name in parts
        )
        + "</Types>",
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{_W}"><w:body>{xml}</w:body></w:document>')
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", f'<w:root xmlns:w="{_W}">{content}</w:root>')
    return buffer.getvalue()


def docx_with_document(xml: str) -> bytes:
    """Return a DOCX with this text as its whole main part."""
    return zip_of({"[Content_Types].xml": _CONTENT_TYPES, "word/document.xml": xml.encode()})


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@functools.cache
def huge_png(side: int = 30_000) -> bytes:
    """Return a white square of two colours: 0.1 MB for 30,000 by 30,000."""
    packer = zlib.compressobj(9)
    row = b"\x00" + b"\xff" * ((side + 7) // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def million_lines() -> bytes:
    return b"one line of many\n" * 1_000_000


def binary_garbage(size: int = 50_000) -> bytes:
    return random.Random(3).randbytes(size)


# --- Means ----------------------------------------------------------------------------------------------------
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_CONTENT_TYPES = (
    b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName='
    b'"/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main'
    b'+xml"/></Types>'
)
_BODY_START = f'<w:document xmlns:w="{_W}"><w:body><w:p><w:r><w:t>'.encode()
_BODY_END = b"</w:t></w:r></w:p></w:body></w:document>"


class _Page:
    """One A4 page to write on; `data` is the PDF once the block has ended."""

    data: bytes

    def __enter__(self) -> _Page:
        self.buffer = io.BytesIO()
        self.canvas = Canvas(self.buffer, pagesize=A4)
        return self

    def __exit__(self, *_: object) -> None:
        self.canvas.save()
        self.data = self.buffer.getvalue()

    def write(self, x: float, y: float, text: str, size: float = 10) -> None:
        self.canvas.setFont(_pdf_font(), size)
        self.canvas.drawString(x, y, text)

    def write_right(self, x: float, y: float, text: str) -> None:
        self.canvas.setFont(_pdf_font(), 10)
        self.canvas.drawRightString(x, y, text)

    def column(self, x: float, y: float, lines: Iterable[str], width: float) -> None:
        for line in lines:
            for part in _wrap(line, int(width / 5.6)):
                self.write(x, y, part)
                y -= 14


def _font_file() -> str:
    found = next((path for path in _FONTS if Path(path).exists()), None)
    if found is None:
        import reportlab

        found = str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    return found


@functools.cache
def _pdf_font() -> str:
    pdfmetrics.registerFont(TTFont("Sample", _font_file()))
    return "Sample"


def _wrap(line: str, width: int) -> list[str]:
    parts, current = [], ""
    for word in line.split(" "):
        if current and len(current) + 1 + len(word) > width:
            parts.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*parts, current]


def _saved(image: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def _packed_blanks(megabytes: int) -> bytes:
    packer = zlib.compressobj(6)
    return b"".join(packer.compress(b" " * 1024 * 1024) for _ in range(megabytes)) + packer.flush()


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def pdf_of(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Return a PDF of these objects, numbered from 1, the catalogue first. trailer: more entries of it."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, start))
    return out.getvalue()
