"""DOCX files: every place that holds text, and what is no text."""

from __future__ import annotations

import docx
import pytest

from parsers.extraction import MediaType
from tests import samples
from tests.extraction.files import fault, read


def body(xml: str, **parts: str) -> str:
    return read(samples.docx_with_body(xml, **parts), "x.docx").text


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_a_cv_gives_its_header_body_table_and_footer(lang: str) -> None:
    extracted = read(samples.cv_docx(lang), "cv.docx")
    work, personal = samples.PROFESSIONAL[lang], samples.PERSONAL[lang]
    assert extracted.text.splitlines()[0] == personal["name"], "the name stands in the page header alone"
    assert "\t".join(work["skills"][:3]) in extracted.text
    assert extracted.text.splitlines()[-1] == samples.reference_line(lang)
    for job in work["experiences"]:
        assert f"{job['title']}, {job['company']}\n{job['dates']}\n• {job['tasks'][0]}" in extracted.text
    assert (extracted.media_type, extracted.page_count) == (MediaType.DOCX, 1)


def test_a_header_that_every_section_repeats_is_read_once() -> None:
    document = docx.Document()
    for _ in range(3):
        section = document.add_section()
        section.header.is_linked_to_previous = False
        section.header.paragraphs[0].text = "The same header"
        document.add_paragraph("Some text")
    assert read(samples.docx_bytes(document), "x.docx").text.count("The same header") == 1


def test_the_order_of_paragraphs_and_tables_is_kept() -> None:
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(paragraph('b'))}{cell(paragraph('c'))}</w:tr></w:tbl>"
    assert body(paragraph("a") + table + paragraph("d")).split() == ["a", "b", "c", "d"]


def test_a_table_used_as_a_layout_is_read_cell_by_cell() -> None:
    cells = [f"<w:tc>{paragraph(f'{side} one')}{paragraph(f'{side} two')}</w:tc>" for side in ("left", "right")]
    lines = body(f"<w:tbl><w:tr>{''.join(cells)}</w:tr></w:tbl>").split("\n")
    assert [line for line in lines if line] == ["left one", "left two", "right one", "right two"]


def test_tracked_deletions_field_codes_and_hidden_text_are_left_out() -> None:
    text = body(
        paragraph("seen")
        + "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        + "<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        + "<w:r><w:instrText>PAGE</w:instrText></w:r>"
        + "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        + '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> shown</w:t></w:r></w:p>'
    )
    assert text == "seen\ninserted shown"


def test_notes_and_comments_come_after_the_body() -> None:
    text = body(paragraph("body"), footnotes=paragraph("note"), comments=paragraph("remark"))
    assert text.split() == ["body", "note", "remark"]


def test_a_text_box_is_read_once_though_the_file_holds_it_twice() -> None:
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    text = body(
        f"<w:p><w:r><w:t>around</w:t><mc:AlternateContent {mc}><mc:Choice>{box}</mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert text.split() == ["around", "boxed"]


def test_tabs_and_breaks_inside_a_paragraph_are_kept() -> None:
    assert body("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>") == "a\tb\nc"


def test_an_entity_is_refused_not_expanded() -> None:
    data = samples.docx_with_document(
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document '
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">&x;</w:document>'
    )
    assert fault(data, "x.docx") == "corrupt_file"


def test_a_docx_with_a_password_is_named_so() -> None:
    assert fault(samples.encrypted_docx(), "cv.docx") == "encrypted_file"


def test_half_a_docx_is_called_damaged() -> None:
    assert fault(samples.corrupt_docx(), "cv.docx") == "corrupt_file"


def test_a_zip_that_is_no_document_is_no_supported_type() -> None:
    assert fault(samples.zip_of({"readme": b"hello"}), "files.docx") == "unsupported_type"
    assert fault(samples.zip_of({"readme": b"hello"}), "files.zip") == "unsupported_type"


def test_a_docx_of_empty_paragraphs_has_no_text() -> None:
    assert fault(samples.docx_with_body("<w:p/>"), "x.docx") == "no_text"
