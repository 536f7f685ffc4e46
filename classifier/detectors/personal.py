"""Personal data, as parsers.privacy finds it; contacts of an organisation are told from those of a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from parsers.privacy import findings
from parsers.privacy.folding import fold

from .page import PageText, Span

# info@ and iletisim@ reach a desk, not a person.
_OFFICE_MAILBOX = re.compile(
    r"(?:info|bilgi|iletisim|contact|hello|merhaba|mail|office|ofis|sales|satis|support|destek|help|yardim|press|basin"
    r"|media|medya|marketing|pazarlama|hr|ik|jobs|kariyer|career|careers|admin|webmaster|postmaster|no-?reply|newsletter"
    r"|bulten|kvkk|privacy|gdpr|legal|hukuk|billing|accounting|muhasebe|orders?|siparis|service|servis|team|enquiries"
    r"|inquiries|reception|danisma)[\d._-]{0,6}@"
)
# 0800, 0850 and 444 in Turkey, 1-800 in North America, 0800 in Britain, +800: nobody has one in a pocket.
_OFFICE_NUMBER = re.compile(
    r"(?:90)?0?(?:800|850|888|811)\d{7}|444\d{4}|1(?:800|888|877|866|855|844|833)\d{7}|0?800\d{6,8}"
)


def only(entity: str) -> Callable[[PageText], Iterator[Span]]:
    """Return a detector of one entity of parsers.privacy."""

    def find(page: PageText) -> Iterator[Span]:
        return ((found.start, found.end) for found in page.personal if found.entity == entity)

    return find


def emails(page: PageText) -> Iterator[Span]:
    """Find the e-mail addresses of people."""
    return _mails(page, office=False)


def office_emails(page: PageText) -> Iterator[Span]:
    """Find the e-mail addresses of desks: info@, destek@."""
    return _mails(page, office=True)


def phones(page: PageText) -> Iterator[Span]:
    """Find phone numbers that may be a person's."""
    return _numbers(page, office=False)


def office_phones(page: PageText) -> Iterator[Span]:
    """Find the service numbers of organisations: 0850, 444, 0800, 1-800."""
    return _numbers(page, office=True)


def _mails(page: PageText, *, office: bool) -> Iterator[Span]:
    for found in page.personal:
        if found.entity == findings.EMAIL and bool(_OFFICE_MAILBOX.match(fold(found.text))) is office:
            yield found.start, found.end


def _numbers(page: PageText, *, office: bool) -> Iterator[Span]:
    for found in page.personal:
        if found.entity == findings.PHONE:
            digits = re.sub(r"\D", "", found.text).removeprefix("00")
            if bool(_OFFICE_NUMBER.fullmatch(digits)) is office:
                yield found.start, found.end
