"""Text that may hurt: hate, threats, sexual content, self-harm, instructions for weapons and drugs.

No list of words can judge a text. These look for what is said of whom within one sentence ("how to make" + "pipe bomb",
"kill all" + a group), so that news, law, medicine and prevention are left alone; they miss what is said in other words.
"""

from __future__ import annotations

from collections.abc import Iterator

from .page import PageText, Span, near

_STOP = ".!?;\n"
_WITHIN = 40  # characters between the two halves


def hate(page: PageText) -> Iterator[Span]:
    """Find calls for harm to a group of people, and groups called vermin."""
    return near(page.terms("unsafe", "hate"), page.terms("unsafe", "group"), within=_WITHIN, page=page, stop=_STOP)


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
    """Find instructions to make weapons, explosives or drugs: "how to" beside the thing; a bath bomb is none."""
    harmless = {term.end for term in page.terms("unsafe", "harmless")}
    means = [term for term in page.terms("unsafe", "means") if term.end not in harmless]
    return near(page.terms("unsafe", "how_to"), means, within=_WITHIN, page=page, stop=_STOP)
