"""What a document says of itself: how secret it is, and whether it is a contract.

The words alone are common ("gizli özne", "a confidential tone"). A marking stands in a short line of its own, in
capitals at the edge of a short line or as a sentence that begins one, or after "Classification:"; whole sentences that
only such documents have count anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .page import PageText, Span, pairs
from .terms import Term, phrases

_SPACED_OUT = re.compile(r"(?<!\w)(?:[^\W\d_] {1,3}){3,40}[^\W\d_](?!\w)")
_LINE_CHARS = 90
_LINE_WORDS = 10
_LABEL_WITHIN = 40
#: Single words that hardly stand in capitals for anything else.
_ONLY_STAMPS = frozenset({"confidential", "gizlidir"})
_PARTING = frozenset("-–—:|/•*()[]")
_LABEL = re.compile(
    r"(?:classification|sensitivity|security level|gizlilik derecesi|gizlilik seviyesi|gizlilik|siniflandirma|tasnif)"
    r"[ \t]{0,3}[:=-][ \t]{0,3}$"
)
_ENDS_SENTENCE = re.compile(r"[.!](?:\s|$)")
#: What only a marking says of the document that it stands in: "This document is strictly confidential".
_OF_ITSELF = re.compile(
    r"(?<!\w)(?:this|these|the (?:following|attached|enclosed)|our|all)(?: (?:entire|whole|internal"
    r"|attached|enclosed|draft))?"
    r" (?:document|report|memo(?:randum)?|e-?mail|message|letter|file|presentation|attachment|proposal"
    r"|text|page|note|minutes|plan"
    r"|information|material|communication|spreadsheet|draft|slides?|data)s?(?: and (?:any|all|its"
    r"|the) \w{1,14}(?: \w{1,10})?)?"
    r"(?: contained (?:herein|in \w{1,10} \w{1,12}))?"
    r" (?:is|are|must be kept|should be kept|is to be kept|must remain|remains|has been classified as"
    r"|is classified as|is marked)"
    r"(?: to be treated as)?(?P<degree> (?:strictly|highly|top|most|extremely|completely|absolutely))?"
    r" (?P<word>confidential|secret|classified|proprietary|sensitive and confidential)(?!\w)(?! (?:to"
    r"|sauce|of|that|in that))"
    r"|(?<!\w)bu (?:belge|dokuman|rapor|yazi|e-?posta|mesaj|dosya|sunum|bilgi(?:ler)?|not|tutanak|plan"
    r"|icerik)(?:\w{0,3})?"
    r"(?P<derece> (?:cok|son derece|kesinlikle|tamamen))? gizli(?:dir|lik derecesi|(?= ve | tut))(?!\w)"
)
_CONTRACT_WITHIN = 1_500  # characters between two words of a contract: half a page
_LEAST_CLAUSES = 2  # different ones; "the parties" alone are also at an election


def secret_markings(page: PageText) -> Iterator[Span]:
    """Find "ÇOK GİZLİ", "TOP SECRET", "Ç O K  G İ Z L İ", "Strictly confidential. …", "This report is top secret"."""
    yield from _stamps(page, page.terms("markings", "secret"))
    yield from _spaced_out(page, "secret")
    for match in _OF_ITSELF.finditer(page.folded):
        if _is_secret(match):
            yield match.span()


def confidential_markings(page: PageText) -> Iterator[Span]:
    """Find "GİZLİ", "HİZMETE ÖZEL", "CONFIDENTIAL", and sentences such as "do not distribute outside the company"."""
    secret = {end for _, end in secret_markings(page)}
    yield from _spaced_out(page, "confidential")
    for start, end in _stamps(page, page.terms("markings", "confidential")):
        if end not in secret:  # the GİZLİ of ÇOK GİZLİ
            yield start, end
    for term in page.terms("markings", "sentence"):
        yield term.start, term.end
    for match in _OF_ITSELF.finditer(page.folded):
        if not _is_secret(match):
            yield match.span()


def contracts(page: PageText) -> Iterator[Span]:
    """Find the words of contracts that stand near other words of contracts, and agreements to keep a secret."""
    for term in page.terms("markings", "agreement"):
        yield term.start, term.end
    titles, clauses = page.terms("markings", "contract"), page.terms("markings", "clause")
    if len({clause.phrase for clause in clauses}) >= _LEAST_CLAUSES:
        for clause, _ in pairs(clauses, titles, within=_CONTRACT_WITHIN, page=page):
            yield clause.start, clause.end


def _is_secret(match: re.Match[str]) -> bool:
    return bool(match["degree"] or match["derece"] or match["word"] == "secret")


def _spaced_out(page: PageText, part: str) -> Iterator[Span]:
    """Find the markings of a part that are written with a space behind each letter."""
    for match in _SPACED_OUT.finditer(page.folded):
        if re.sub(r"\W", "", match.group()) in _joined_phrases(part) and page.text[slice(*match.span())].isupper():
            yield match.span()


@cache
def _joined_phrases(part: str) -> frozenset[str]:
    return frozenset(phrase.replace(" ", "") for phrase in phrases("markings", part))


def _stamps(page: PageText, terms: list[Term]) -> Iterator[Span]:
    for term in terms:
        if _is_stamp(page, term):
            yield term.start, term.end


def _is_stamp(page: PageText, term: Term) -> bool:
    text = page.text
    before = text[max(0, term.start - _LINE_CHARS) : term.start].rpartition("\n")[2]
    after = text[term.end : term.end + _LINE_CHARS].partition("\n")[0]
    written = text[term.start : term.end]
    if before.endswith("_") or after.startswith("_"):  # SECRET_KEY is a name in a program
        return False
    if _LABEL.search(page.folded, max(0, term.start - _LABEL_WITHIN), term.start):
        return True
    # Words that titles and headings are full of ("INTERNAL AUDIT", "ÖZEL GÜNLER") need capitals and a mark beside them.
    common = " " not in term.phrase and term.phrase not in _ONLY_STAMPS
    bare_before, bare_after = not _has_words(before), not _has_words(after)
    if bare_before and bare_after:
        return written.isupper() or not common
    # "GİZLİ. Hizmet sözleşmesi …", "Strictly confidential. The board …": a sentence, whatever follows in the line.
    if bare_before and _ENDS_SENTENCE.match(after) and (written.isupper() or (not common and written[:1].isupper())):
        return True
    if not (bare_before or bare_after) or not written.isupper() or len((before + after).split()) > _LINE_WORDS:
        return False
    return not common or after.lstrip()[:1] in _PARTING or before.rstrip()[-1:] in _PARTING


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))
