"""Reading takes time in proportion to a document, whatever is in it, and all of it in the child."""

from __future__ import annotations

import io
import json
import random
import re
import resource
import subprocess
import sys
import time
import unicodedata
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from jobs.errors import Unavailable
from parsers.extraction import Limits, clean_text, sandbox
from parsers.extraction.docx import _by_number
from parsers.extraction.faults import Fault
from parsers.extraction.pdf import _check_streams
from parsers.extraction.reading_order import _DATE_LINE, Word, in_reading_order
from parsers.extraction.text import _BLANKS, _LIGATURES, _NEW_LINES, _UNWANTED, decode_text
from tests import samples
from tests.extraction.files import fault, read

MANY = 200_000
#: What one sign, many times over, or two in turn, must not make slow.
RUNS = {
    "blanks": " ",
    "tabs": "\t",
    "blanks and tabs": " \t",
    "no-break spaces": "\u00a0",
    "wide blanks": "\u3000",
    "new lines": "\n",
    "empty lines": " \n",
    "Windows lines": "\r\n",
    "line separators": "\u2028",
    "marks": "\u0301",
    "marks out of order": "\u0301\u0323",
    "marks of two": "\u0344\u0323",
    "letters and marks": "a\u0323\u0301",
    "dotted letters": "i\u0307",
    "soft hyphens": "\u00ad",
    "soft hyphens and lines": "a\u00ad\n",
    "bidi marks": "\u202e",
    "bidi marks and blanks": "\u202e ",
    "ligatures": "ﬁ",
    "boxes": "─",
    "Hangul": "\u1100\u1161\u11a8",
    "controls": "\x01",
    "emoji": "👩\u200d",
}


def run(sign: str, length: int) -> str:
    """Return a sentence, a run of so many characters, and one more letter, so that the run is not at the end."""
    return "The library opens at nine." + (sign * length)[:length] + "x"


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the best of three tries."""
    tries = []
    for _ in range(3):
        start = time.process_time()
        work()
        tries.append(time.process_time() - start)
    return min(tries)


def child_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the processes that `work` starts and of this one."""

    def used() -> float:
        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        return child.ru_utime + child.ru_stime + time.process_time()

    start = used()
    work()
    return used() - start


# --- Cleaning -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", RUNS)
def test_cleaning_twice_as_long_a_text_takes_about_twice_as_long(kind: str) -> None:
    texts = run(RUNS[kind], MANY), run(RUNS[kind], 2 * MANY)
    once, twice = (seconds(lambda text=text: clean_text(text)) for text in texts)
    assert once < 0.5
    assert twice < 3 * once + 0.05  # what grows with the square takes four times as long


def old_rule(text: str) -> str:
    """Clean a text as it was done when long runs of blanks and marks took a square of their length."""
    text = _NEW_LINES.sub("\n", text)
    text = _UNWANTED.sub("", text).translate(_BLANKS).translate(_LIGATURES)
    text = unicodedata.normalize("NFC", text).replace("i\u0307", "i")
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


TRICKY = st.text(
    st.sampled_from(" \t\n\r\x0b\x0c\x85\u2028\u00a0\u3000\u00ad\u200b\u202eaeiIg\u0301\u0307\u0323\u0344ﬁﬃ•─")
)


@given(st.one_of(TRICKY, st.text(st.characters(codec=None))))
def test_a_text_is_cleaned_as_it_always_was(text: str) -> None:
    assert clean_text(text) == old_rule(text)


def test_thirty_marks_on_a_letter_are_kept_and_no_more() -> None:
    most = "x" + "\u0323\u0301" * 15
    assert clean_text(most) == old_rule(most)
    assert len(clean_text(most)) == 31
    more = clean_text(("a" + "\u0323\u0301\u0344" * 40 + "b") * 3)
    assert more.count("b") == 3
    assert clean_text(more) == more


def test_a_rule_of_many_signs_is_no_run_of_marks() -> None:
    assert clean_text("─" * 80 + "e\u0301" + "•" * 80) == "─" * 80 + "é" + "•" * 80


# --- Whole documents ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", RUNS)
def test_a_text_file_with_a_long_run_is_read_at_once(kind: str) -> None:
    assert read_or_refuse(run(RUNS[kind], MANY).encode(), "x.txt") < 2


@pytest.mark.parametrize("kind", [kind for kind in RUNS if kind != "controls"])
def test_a_docx_with_a_long_run_is_read_at_once(kind: str) -> None:
    text = run(RUNS[kind], MANY).replace("\r", "&#13;")
    data = samples.docx_with_body(f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>')
    assert read_or_refuse(data, "x.docx") < 2


def test_a_small_docx_of_half_a_million_blanks_is_read_at_once() -> None:
    text = run(" ", 500_000)
    data = samples.docx_with_body(f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>')
    assert len(data) < 40_000
    assert read_or_refuse(data, "x.docx") < 2
    assert read(data, "x.docx").text == text


@pytest.mark.parametrize("sign", [" ", "\u00a0", "a", "- "])
def test_a_pdf_with_a_long_run_is_read_at_once(sign: str) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(20, 700, run(sign, MANY))
    canvas.save()
    assert read_or_refuse(buffer.getvalue(), "x.pdf") < 4  # PDFium alone takes half of it


REFUSED = ("too_much_text", "unsupported_type")  # too many lines; controls alone


def read_or_refuse(data: bytes, name: str) -> float:
    """Return the CPU time of a document that is either read or refused for what it is, not for what it takes."""

    def work() -> None:
        try:
            read(data, name)
        except Exception as error:
            assert getattr(error, "code", "") in REFUSED  # noqa: PT017 (reading it is as good)

    return child_seconds(work)


def test_text_that_grows_over_the_limit_when_it_is_cleaned_is_refused() -> None:
    assert fault("ﬃ".encode() * 900, "x.txt", Limits(text_chars=1_000)) == "too_much_text"


# --- The readers' own rules -----------------------------------------------------------------------------------
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|oca|şub|sub|mart|nis|haz|tem|ağu|agu|eyl|eki|kas|ara)"
_UNTIL_NOW = (
    r"(?:present|now|today|current|ongoing|since|halen|hâlen|günümüz|gunumuz|bugün|devam|ediyor|şu|an|to|until)"
)
OLD_DATE_LINE = re.compile(rf"^(?:{_MONTHS}\w*\.?|{_UNTIL_NOW}|\d{{1,4}}|[\s\-–—/.,'’()•|])+$", re.IGNORECASE)
DATE_PARTS = [
    "mar",
    "mart",
    "may",
    "Şub",
    "şubat",
    "sub",
    "to",
    "today",
    "an",
    "now",
    "Ara",
    "eki",
    "x",
    "_",
    "a",
    "ı",
    "İ",
    ".",
    ",",
    "-",
    "–",
    "(",
    ")",
    "1",
    "20",
    "2019",
    "12345",
    "٣",
]


@given(st.lists(st.sampled_from([*DATE_PARTS, " "]), max_size=7).map("".join))
def test_what_passes_for_a_date_is_what_always_did(line: str) -> None:
    assert bool(_DATE_LINE.match(line)) == bool(OLD_DATE_LINE.match(line))


@pytest.mark.parametrize("part", ["1", "mar", "to", "an", "today", "2019-", "mart1", "ara.", "' "])
def test_what_is_nearly_a_date_is_seen_at_once(part: str) -> None:
    assert seconds(lambda: _DATE_LINE.match(part * 10_000 + "x")) < 0.1


def table(rows: int, columns: int) -> list[Word]:
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return [Word(f"{c}", c * 20, r * 12, c * 20 + 9, r * 12 + 10) for r, c in places]


@pytest.mark.parametrize(("rows", "columns"), [(400, 20), (3_000, 2), (50, 2_000), (20_000, 3)])
def test_a_table_of_thousands_of_cells_is_read_row_by_row(rows: int, columns: int) -> None:
    words = table(rows, columns)
    start = time.process_time()
    text = in_reading_order(words)
    assert time.process_time() - start < 4
    assert text.split("\n")[0].split() == [f"{column}" for column in range(columns)]


def test_a_row_of_words_without_end_is_joined_at_once() -> None:
    words = [Word("w", left * 6, 0, left * 6 + 5, 10) for left in range(MANY)]
    start = time.process_time()
    assert len(in_reading_order(words)) == 2 * MANY - 1
    assert time.process_time() - start < 2


def test_a_part_with_a_number_of_many_digits_is_sorted_at_once() -> None:
    assert _by_number("word/header12.xml") == (12, "word/header12.xml")
    assert seconds(lambda: _by_number("1" * 60_000 + "x")) < 0.1
    assert seconds(lambda: _by_number("1" * 60_000 + ".xml")) < 0.1


def overlapping_streams(count: int, between: int) -> bytes:
    """Return streams that each go on to the end of the file: every start is a literal block of the one before it."""

    def literal(data: bytes) -> bytes:
        return b"\x00" + len(data).to_bytes(2, "little") + (0xFFFF - len(data)).to_bytes(2, "little") + data

    start = b"stream\nx\x9c"
    return start + (literal(start) + literal(b"") * between) * count


def test_streams_that_overlap_are_not_read_once_for_each() -> None:
    data = overlapping_streams(2_000, 400)
    assert zlib.decompressobj().decompress(data[7:]) == b"stream\nx\x9c" * 2_000
    start = time.process_time()
    with pytest.raises(Fault) as raised:
        _check_streams(data, Limits())
    assert raised.value.code == "too_expensive"
    assert time.process_time() - start < 2


def test_a_bomb_in_the_last_bytes_of_a_file_is_counted_to_its_end() -> None:
    bomb = b"stream\n" + zlib.compress(b" " * (51 * 1024 * 1024), 9)
    assert len(bomb) < 64 * 1024  # one reading takes it whole
    with pytest.raises(Fault) as raised:
        _check_streams(bomb, Limits())
    assert raised.value.code == "decompression_bomb"


def test_many_small_streams_are_no_reason_to_refuse_a_file() -> None:
    chance = random.Random(1)
    streams = [zlib.compress(chance.randbytes(chance.randrange(300))) for _ in range(20_000)]
    data = b"".join(b"<<>>stream\n" + stream + b"\nendstream\n" for stream in streams)
    start = time.process_time()
    _check_streams(data, Limits())
    assert time.process_time() - start < 2


@pytest.mark.parametrize("letter", ["д", "ş", "ü", "\x80", "¤"])
def test_an_encoding_is_guessed_in_time(letter: str) -> None:
    data = (letter * MANY).encode("cp1251" if letter == "д" else "cp1254", errors="ignore") + b"\xff\xfe \x81"
    start = time.process_time()
    decode_text(data)
    assert time.process_time() - start < 2


# --- Where it happens -----------------------------------------------------------------------------------------
ROOT = str(Path(__file__).resolve().parents[2])


def test_cleaning_that_takes_too_long_ends_with_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = "from parsers.extraction import child\ndef stuck(text):\n    while True: pass\nchild.clean_text = stuck\n"
    monkeypatch.setattr(sandbox, "_START", sandbox._START.replace(";from", "\n" + stuck + "from", 1))
    start = time.monotonic()
    assert fault(samples.cv_text(), "cv.txt", Limits(cpu=timedelta(seconds=1))) == "too_expensive"
    assert time.monotonic() - start < 6


@pytest.mark.parametrize("hidden", ["\x00", "\ud800", "\u202e", "\u200b", "\r"])
def test_an_answer_that_was_not_cleaned_is_not_believed(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = [1, f"a{hidden}b", False]
    said = json.dumps({"pages": [page], "page_count": 1, "warnings": [], "embedded_images": 0})
    monkeypatch.setattr(sandbox, "_START", f"import os; os.write(1, {said.encode()!r})")
    with pytest.raises(Unavailable):
        read(samples.cv_text(), "cv.txt")


def test_the_child_imports_no_django() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from parsers.extraction import child, docx, images, ocr, pdf, plain\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('django', 'celery', 'rest_framework')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code, ROOT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
