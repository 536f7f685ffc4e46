"""What a file of the corpus is."""

from __future__ import annotations

from dataclasses import dataclass

#: Stands among `ends` for a file that is read.
READ = ""


@dataclass(frozen=True)
class Hostile:
    """One file that means harm, or whose maker did not care.

    name: as it is sent. trick: a word or two that name it in tables, unique. ends: codes of the errors that refuse it;
    READ where it is read instead, with whatever text it has.
    """

    trick: str
    name: str
    content: bytes
    ends: frozenset[str]


def hostile(trick: str, name: str, content: bytes, *ends: str) -> Hostile:
    return Hostile(trick, name, content, frozenset(ends))
