"""Text that may hurt: hate, threats, sexual content, self-harm, instructions for weapons and drugs.

No list of words can judge a text. These look for what is said of whom within one sentence ("how to make" + "pipe bomb",
"kill all" + a group), so that news, law, medicine and prevention are left alone; they miss what is said in other words.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from .page import PageText, Span, near, pairs
from .terms import Term

_STOP = ".!?;\n"
_WITHIN = 40  # characters between the two halves
_PESTS_WITHIN = 200  # characters in which "they" may still be the rats
_HEADING_GAP = 3  # characters between "Pipe bombs:" and "how to build them"


def hate(page: PageText) -> Iterator[Span]:
    """Find calls for harm to a group of people, and people called vermin."""
    yield from near(page.terms("unsafe", "hate"), page.terms("unsafe", "group"), within=_WITHIN, page=page, stop=_STOP)
    for term in page.terms("unsafe", "hate_alone"):
        yield term.start, term.end
    degrading, pests = page.terms("unsafe", "degrading"), page.terms("unsafe", "pest")
    about_pests = {one.start for one, _ in pairs(degrading, pests, within=_PESTS_WITHIN, page=page)}
    degrading = [term for term in degrading if term.start not in about_pests]
    yield from near(degrading, page.terms("unsafe", "pronoun"), within=_WITHIN, page=page, stop=_STOP)


def violence(page: PageText) -> Iterator[Span]:
    """Find threats to kill or maim somebody."""
    for term in page.terms("unsafe", "threat"):
        yield term.start, term.end


def sexual(page: PageText) -> Iterator[Span]:
    """Find explicit sexual words; anything sexual said of children, once, is enough."""
    for term in page.terms("unsafe", "sexual"):
        yield term.start, term.end


def child_abuse(page: PageText) -> Iterator[Span]:
    """Find sexual words said of children."""
    return near(page.terms("unsafe", "sexual"), page.terms("unsafe", "child"), within=_WITHIN, page=page, stop=_STOP)


def self_harm(page: PageText) -> Iterator[Span]:
    """Find plans of suicide or self-harm and encouragement to it."""
    for term in page.terms("unsafe", "self_harm"):
        yield term.start, term.end


def instructions(page: PageText) -> Iterator[Span]:
    """Find instructions to make weapons, explosives or drugs: "how to" beside the thing; a bath bomb is none.

    In English the thing stands behind, or heads the line: "The bomb of the party is a new recipe for cake" makes none.
    """
    harmless = page.terms("unsafe", "harmless")
    means = [term for term in page.terms("unsafe", "means") if not _is_within(term, harmless)]
    for thing, how_to in pairs(means, page.terms("unsafe", "how_to"), within=_WITHIN, page=page, stop=_STOP):
        if how_to.start <= thing.start or how_to.start - thing.end <= _HEADING_GAP:
            yield min(how_to.start, thing.start), max(how_to.end, thing.end)
    yield from near(page.terms("unsafe", "how_to_tr"), means, within=_WITHIN, page=page, stop=_STOP)


def _is_within(term: Term, others: list[Term]) -> bool:
    at = bisect_right(others, term.start, key=lambda other: other.start)
    return any(other.start <= term.start and term.end <= other.end for other in others[max(0, at - 3) : at])
