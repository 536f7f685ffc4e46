"""Whatever is sent, it becomes a mail that can be stored."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orders.reading import read_mail, without_quotes

NAMES = (
    b"From", b"To", b"Reply-To", b"Subject", b"Date", b"Message-ID", b"References", b"Content-Type",
    b"Content-Transfer-Encoding", b"Content-Disposition", b"Precedence",
)  # fmt: skip
PIECES = (
    b"=?utf-8?q?", b"=?utf-7?b?", b"?=", b"+2AA-", b"multipart/mixed; boundary=b", b"multipart/alternative; boundary=b",
    b"text/html; charset=", b"text/plain; charset=utf-16", b"filename*0*=x''%ff", b"filename*99999=", b"base64",
    b"quoted-printable", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n\r\n", b"<a@b>", b'"', b"(", b"\\", b"<p hidden>", b"&#0;",
    b"<blockquote type=cite>", b"Fri, 20 Nov 2026 09:00:00 +9999", b"\xc5", b"\xff", b"\x00", b"idna", b"undefined",
    b"9" * 30,
)  # fmt: skip
VALUES = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=6).map(b"".join)
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES).map(b": ".join), max_size=8).map(b"\r\n".join)
MAILS = st.tuples(HEADERS, VALUES).map(b"\r\n\r\n".join)


@settings(deadline=None)  # the first one loads what tells languages apart
@given(raw=st.one_of(st.binary(max_size=200), MAILS))
def test_any_bytes_become_a_mail_that_can_be_stored(raw: bytes) -> None:
    read = read_mail(raw)
    said = [
        read.message_id, read.in_reply_to, *read.references, read.sender, read.sender_name, read.reply_to, *read.to,
        read.subject, read.text, *(file["name"] + file["media_type"] for file in read.attachments), *read.problems,
    ]  # fmt: skip
    for text in said:
        text.encode()
        assert "\x00" not in text
    assert "\n" not in read.subject + read.sender_name
    assert len(read.identity) == 64
    assert read_mail(raw) == read
    assert read.date is None or read.date.tzinfo is not None


@given(
    text=st.lists(st.sampled_from(["On 1 x", "wrote:", "a@b.c yazdı:", ">", "From: x", "To: y", "", "2026 tarihinde"]))
)
def test_the_new_part_is_never_empty_where_there_was_text(text: list[str]) -> None:
    whole = "\n".join(text)
    assert bool(without_quotes(whole)) == bool(whole.strip())
