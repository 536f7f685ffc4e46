"""A mail's bytes to what people read."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest

from orders.reading import read_mail, without_quotes


def mail(*headers: str, body: bytes = b"Hello, where is my order?\r\n") -> bytes:
    given = ["From: Ay <ayse@example.com>", "Message-ID: <1@example.com>", *headers]
    return "\r\n".join(given).encode() + b"\r\n\r\n" + body


def multipart(kind: str, *parts: bytes) -> bytes:
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return mail(f'Content-Type: multipart/{kind}; boundary="edge"', body=body)


PLAIN, HTML = b"Content-Type: text/plain\r\n\r\n", b"Content-Type: text/html\r\n\r\n"


# --- Headers ------------------------------------------------------------------------------------------------------
def test_an_ordinary_mail_is_read_in_full() -> None:
    read = read_mail(
        mail(
            "To: Destek <Destek@Example.org>, b@example.org",
            "Reply-To: other@example.net",
            "Subject: =?utf-8?b?U2lwYXJpxZ9pbQ==?= nerede?",
            "Date: Fri, 20 Nov 2026 12:30:00 +0300",
            "In-Reply-To: <0@example.com>",
            "References: <a@example.com>\r\n <0@example.com>",
            body="Merhaba, 1028 numaralı siparişim nerede?".encode(),
        )
    )
    assert (read.sender, read.sender_name, read.reply_to) == ("ayse@example.com", "Ay", "other@example.net")
    assert read.to == ["destek@example.org", "b@example.org"]
    assert (read.subject, read.message_id, read.in_reply_to) == (
        "Siparişim nerede?",
        "<1@example.com>",
        "<0@example.com>",
    )
    assert read.references == ["<a@example.com>", "<0@example.com>"]
    assert read.date == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert (read.text, read.language) == ("Merhaba, 1028 numaralı siparişim nerede?", "tr")
    assert (read.is_automatic, read.problems, read.attachments) == (False, [], [])


@pytest.mark.parametrize(
    ("sent", "subject"),
    [
        ("=?iso-8859-9?q?Sipari=FE_50_=80?=", "Sipariş 50 €"),
        ("=?utf-8?q?Sipari=C5?= =?utf-8?q?=9Fim?=", "Siparişim"),  # split in the middle of a letter
        ("=?utf-8?q?a?=\r\n =?iso-8859-9?q?=FE?=", "aş"),
        ("=?utf-8*tr?q?=C5=9F?=", "ş"),
        ("=?x-none?q?=C5=9F?=", "ş"),
        ("=?utf-8?b?!!!?= x", "x"),
        ("one\r\n two\x00\x1b[31m three", "one two [31m three"),
        ("Siparişim", "Siparişim"),  # bare UTF-8
    ],
    ids=["windows letters", "split letter", "two charsets", "language", "unknown", "no base64", "controls", "bare"],
)
def test_subjects_are_decoded(sent: str, subject: str) -> None:
    assert read_mail(mail(f"Subject: {sent}")).subject == subject


@pytest.mark.parametrize(
    ("sent", "address", "name"),
    [
        ('"ayse@example.com" <evil@example.net>', "evil@example.net", "ayse@example.com"),
        ("ayse@example.com <evil@example.net>", "evil@example.net", "ayse@example.com"),
        ("=?utf-8?q?ayse=40example.com=3E=2C?= <evil@example.net>", "evil@example.net", "ayse@example.com>,"),
        ("=?utf-8?q?=22ayse=40example.com=22_=3Cayse=40example.com=3E?= <evil@example.net>", "evil@example.net", None),
        ("evil@example.net (ayse@example.com)", "evil@example.net", "ayse@example.com"),
        ("Demir, Ayşe <Ayse@Example.com>", "ayse@example.com", "Demir, Ayşe"),
        ('"Demir, \\"A\\"" <ayse@example.com>', "ayse@example.com", 'Demir, "A"'),
        ("ayse@example.com", "ayse@example.com", ""),
    ],
    ids=["quoted", "words", "encoded", "encoded quotes", "comment", "comma", "escapes", "bare"],
)
def test_a_name_that_looks_like_an_address_is_not_the_sender(sent: str, address: str, name: str | None) -> None:
    read = read_mail(f"From: {sent}\r\n\r\nHello".encode())
    assert (read.sender, read.problems) == (address, [])
    assert name is None or read.sender_name == name


@pytest.mark.parametrize(
    "headers",
    [
        "From: ayse@example.com\r\nFrom: evil@example.net",
        "From: ayse@example.com, evil@example.net",
        "From: <ayse@example.com> <evil@example.net>",
        "From: ayse@example.com evil@example.net",
        "From: a((ayse@example.com) <x) evil@example.net",
    ],
    ids=["two headers", "two addresses", "two angles", "no comma", "nested comments"],
)
def test_a_mail_that_names_several_senders_has_none(headers: str) -> None:
    read = read_mail(f"{headers}\r\n\r\nHello".encode())
    assert read.sender == ""


@pytest.mark.parametrize(
    ("header", "is_automatic"),
    [
        ("Auto-Submitted: auto-replied; owner=x", True),
        ("Auto-Submitted: no", False),
        ("Precedence: bulk", True),
        ("Precedence: first-class", False),
        ("List-Id: <news.example.com>", True),
        ("Return-Path: <>", True),
        ("Return-Path: <ayse@example.com>", False),
        ("From: MAILER-DAEMON@example.com", True),
    ],
)
def test_mails_of_machines_are_told_from_those_of_people(header: str, is_automatic: bool) -> None:
    sender = "" if header.startswith("From") else "From: ayse@example.com\r\n"
    assert read_mail(f"{sender}{header}\r\n\r\nHello".encode()).is_automatic is is_automatic


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 99:99:99", "Fri, 20 Nov 99999999 09:00:00 +0000"])
def test_a_date_that_is_none_is_none(date: str) -> None:
    assert read_mail(mail(f"Date: {date}")).date is None


# --- Text ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("charset", "sent", "text", "problems"),
    [
        ("iso-8859-9", "ışğ 50 €".encode("cp1254"), "ışğ 50 €", []),
        ("ISO-8859-9", b"\xfe\xfd", "şı", []),
        ("us-ascii", "ışğ".encode(), "ışğ", []),
        ("utf-8", "ışğ".encode("cp1254"), "ışğ", []),
        ("utf-8", "ışğ".encode()[:-1], "ış", []),
        ("x-turkce", "ışğ".encode(), "ışğ", ["unknown_charset"]),
        ("x-turkce", "ışğ".encode("cp1254"), "ışğ", ["unknown_charset"]),
        ("punycode", b"a-b", "a-b", ["unknown_charset"]),
        ("utf-16", "ışğ".encode("utf-16"), "ışğ", []),
    ],
    ids=[
        "euro",
        "upper case",
        "ascii",
        "wrong label",
        "cut letter",
        "unknown",
        "unknown windows",
        "no charset",
        "wide",
    ],
)
def test_letters_are_right(charset: str, sent: bytes, text: str, problems: list[str]) -> None:
    read = read_mail(mail(f"Content-Type: text/plain; charset={charset}", body=sent))
    assert (read.text, read.problems) == (text, problems)


def test_plain_text_is_preferred_wherever_it_stands() -> None:
    assert read_mail(multipart("alternative", HTML + b"<p>rich</p>", PLAIN + b"plain")).text == "plain"


def test_html_is_read_where_the_plain_text_is_empty() -> None:
    assert read_mail(multipart("alternative", PLAIN + b"  ", HTML + b"<p>rich</p>")).text == "rich"


def test_text_around_a_file_is_joined() -> None:
    pdf = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ="
    read = read_mail(multipart("mixed", HTML + b"<p>before</p>", pdf, PLAIN + b"after"))
    assert read.text == "before\n\nafter"
    assert read.attachments == [{"name": "a.pdf", "media_type": "application/pdf", "size": 8}]


def test_html_shows_what_a_reader_would_see() -> None:
    html = (
        "<html><head><title>T</title><style>p{}</style></head><body><script>evil()</script>"
        "<p>Merhaba&nbsp;<b>Ayşe</b></p><div style='display: none'>hidden</div><span hidden>also</span>"
        "<div>one</div><div>two<br>three</div><ul><li>a<li>b</ul><a href='https://example.com'>a link</a>"
        "<img src='https://tracker.example.com/x.gif' alt='a logo'><table><tr><td>1</td><td>2</td></tr></table>"
        "<blockquote type=cite>quoted</blockquote>"
    )
    text = read_mail(mail("Content-Type: text/html; charset=utf-8", body=html.encode())).text
    assert text.split("\n") == [
        "Merhaba Ayşe", "", "one", "two", "three", "- a", "- b", "a linka logo", "1 2", "", "> quoted",
    ]  # fmt: skip


@pytest.mark.parametrize("hidden", ["\x00", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff"])
def test_an_address_with_what_nobody_sees_is_none(hidden: str) -> None:
    address = f"a{hidden}@example.com"
    read = read_mail(f"From: {address}\r\nTo: {address}\r\nReply-To: <{address}>\r\n\r\nx".encode())
    assert (read.sender, read.to, read.reply_to) == ("", [], "")


def test_control_characters_do_not_come_through() -> None:
    read = read_mail(mail(body="a\x00b\x1b[0m\u202ec\r\nd\re\tf".encode()))
    assert read.text == "ab[0mc\nd\ne   f"


def test_the_language_is_that_of_the_new_part() -> None:
    body = (
        "Merhaba, siparişim hâlâ gelmedi.\n\nOn 20 Nov 2026, Support <s@example.com> wrote:\n"
        + "> Your order is on its way to you.\n" * 9
    )
    assert read_mail(mail("Subject: Re: Your order", body=body.encode())).language == "tr"


# --- Files --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Content-Disposition: attachment; filename*=utf-8''Sipari%C5%9F.pdf", "Sipariş.pdf"),
        ("Content-Disposition: attachment; filename*0*=utf-8''Sipari; filename*1*=%C5%9F.pdf", "Sipariş.pdf"),
        ('Content-Disposition: attachment; filename="=?utf-8?q?Sipari=C5=9F.pdf?="', "Sipariş.pdf"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', ".._.._etc_passwd"),
        ("Content-Disposition: attachment", ""),
    ],
    ids=["rfc 2231", "in parts", "rfc 2047", "path", "none"],
)
def test_files_are_listed_under_their_names(header: str, name: str) -> None:
    part = f"Content-Type: application/pdf\r\n{header}\r\n\r\nabc".encode()
    assert read_mail(multipart("mixed", PLAIN + b"x", part)).attachments == [
        {"name": name, "media_type": "application/pdf", "size": 3}
    ]


def test_a_mail_inside_of_the_mail_is_a_file_and_not_what_the_sender_wrote() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\nFrom: x@example.com\r\n\r\nsecret 9999"
    read = read_mail(multipart("mixed", PLAIN + b"see below", inner))
    assert (read.text, read.attachments[0]["media_type"]) == ("see below", "message/rfc822")


# --- Identity -----------------------------------------------------------------------------------------------------
def test_the_same_mail_delivered_twice_is_one() -> None:
    first, second = (f"Received: from {host}\r\n".encode() + mail("Subject: x") for host in ("a", "b"))
    assert read_mail(first).identity == read_mail(second).identity


@pytest.mark.parametrize(
    "other",
    [mail("Subject: y"), mail("Subject: x", body=b"other"), mail("Subject: x", "Date: 20 Nov 2026 09:00 +0000")],
    ids=["subject", "text", "date"],
)  # fmt: skip
def test_an_id_that_is_used_again_with_other_content_is_another_mail(other: bytes) -> None:
    assert read_mail(mail("Subject: x")).identity != read_mail(other).identity


def test_without_an_id_the_bytes_count() -> None:
    assert read_mail(b"From: a@example.com\r\n\r\nx").identity != read_mail(b"From: a@example.com\r\n\r\nx ").identity
    assert read_mail(b"Message-ID: none\r\n\r\nx").message_id == ""


# --- Quotes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "quote",
    [
        "> old\n> older",
        "On Fri, 20 Nov 2026 at 09:30, Support <s@example.com> wrote:\nold",
        "On Fri, 20 Nov 2026 at 09:30, Support\n<s@example.com> wrote:\n> old",
        "20 Kas 2026 Cum, 09:30 tarihinde Destek <s@example.com> şunu yazdı:\n> old",
        "Destek <s@example.com>, 20 Kas 2026 Cum,\n09:30 tarihinde şunu yazdı:\nold",
        "20 Kasım 2026 Cuma günü Destek yazdı:\nold",
        "Destek <s@example.com> şunları yazdı (20 Kas 2026 09:30):\nold",
        "-----Original Message-----\nold",
        "-----Özgün İleti-----\nold",
        "________________________________\nKimden: Destek <s@example.com>\nGönderildi: 20 Kasım 2026\nold",
        "From: Support <s@example.com>\nSent: Friday\nTo: me\nold",
        "*From:* Support\n*Date:* Friday\nold",
    ],
)
def test_only_what_is_new_stays(quote: str) -> None:
    assert without_quotes(f"Yeni satır 1\n\nYeni satır 2\n\n{quote}") == "Yeni satır 1\n\nYeni satır 2"


@pytest.mark.parametrize(
    "text",
    [
        "From: İzmir\nI want it sent there.",
        "Kargo görevlisi kapıya not yazdı: evde yoksunuz.",
        "On Monday I wrote:\nwhere is it?",
        "-----\nAyşe",
        "> everything is quoted",
        "",
    ],
)
def test_what_is_no_quote_stays(text: str) -> None:
    assert without_quotes(text) == text


# --- Hostile mails ------------------------------------------------------------------------------------------------
def test_base64_that_breaks_off_shows_what_there_is() -> None:
    body = base64.b64encode(b"where is my order?")[:-3] + b"\r\n!!!"
    read = read_mail(mail("Content-Transfer-Encoding: base64", body=body))
    assert (read.text, read.problems) == ("where is my ord", ["broken"])


def test_a_body_that_is_no_base64_although_it_says_so_is_shown_as_it_is() -> None:
    read = read_mail(mail("Content-Transfer-Encoding: base64", body=b"Where is my order?"))
    assert (read.text, read.problems) == ("Where is my order?", ["broken"])


def test_a_multipart_without_a_boundary_is_shown_as_it_is() -> None:
    read = read_mail(mail("Content-Type: multipart/mixed", body=b"Where is my order?"))
    assert (read.text, read.problems) == ("Where is my order?", ["broken"])


def test_a_mail_that_was_cut_is_too_large_and_its_beginning_is_read() -> None:
    raw = multipart("mixed", PLAIN + b"Where is my order?", b"Content-Type: image/png\r\n\r\n" + b"x" * 1000)
    read = read_mail(raw[:-500], is_whole=False)
    assert (read.text, read.problems) == ("Where is my order?", ["too_large"])


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xff\xfe", b"\r\n\r\n", "Siparişim nerede?".encode()])
def test_what_is_no_mail_is_broken(raw: bytes) -> None:
    assert "broken" in read_mail(raw).problems


def test_a_mail_without_headers_shows_its_text() -> None:
    assert read_mail("Siparişim nerede?".encode()).text == "Siparişim nerede?"


MB = 1_000_000
PARTS = "Content-Type: multipart/mixed; boundary=edge"
HOSTILE = {
    "a header of 10 MB": (mail("X: " + "a" * 10 * MB), "headers_too_long"),
    "10 MB of headers": (b"A: b\r\n" * (10 * MB // 6) + b"\r\nHello", "headers_too_long"),
    "10,000 parts": (mail(PARTS, body=b"--edge\r\n\r\nx\r\n" * 10_000), "too_many_parts"),
    "10,000 nested parts": (
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d.\r\n\r\n--b%d.\r\n" % (n, n) for n in range(10_000)
        ),
        "too_many_parts",
    ),
    "lines like boundaries": (mail(PARTS, body=b"\n--edgex" * MB), "too_many_parts"),
    "10 MB of semicolons": (mail("Content-Type: text/plain" + ";" * 10 * MB), "headers_too_long"),
    "parameters in 200 parts": (
        mail(PARTS, body=(b"--edge\r\nContent-Type: image/png" + b'";' * 7000 + b"\r\n\r\nx\r\n") * 200),
        "broken",
    ),
    "25 MB of line ends": (mail(body=b"\n" * 25 * MB), "text_cut"),
    "25 MB of base64": (mail("Content-Transfer-Encoding: base64", body=b"QUJD\n" * 5 * MB), "text_cut"),
    "300,000 open elements": (mail("Content-Type: text/html", body=b"<p><b>" * 160_000), ""),
    "150,000 attributes": (
        mail("Content-Type: text/html", body=b"<a " + b"".join(b"a%d " % n for n in range(150_000)) + b">"), "",
    ),
    "brackets for a sender": (b"From: " + b"(" * 100_000 + b"\r\n\r\nx", ""),
    "quotes for a sender": (b"From: " + b'"\\' * 100_000 + b"\r\n\r\nx", ""),
    "encoded words": (mail("Subject: " + "=?utf-8?q?a" * 100_000), ""),
    "introductions": (mail(body=(b"On 1 " + b"tarihinde " * 25 + b"wrote:\n\n") * 700), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_quickly(name: str) -> None:
    raw, problem = HOSTILE[name]
    started = time.process_time()
    read = read_mail(raw)
    assert time.process_time() - started < 5  # the longest takes 1.4 s on a quiet machine; what is quadratic, minutes
    assert not problem or problem in read.problems
    assert len(read.text) <= 200_000
    assert len(read.attachments) <= 100
    assert len(read.subject) <= 500
