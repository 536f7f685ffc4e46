"""The pairs of letters that Turkish and English words are made of, folded: what stands behind each letter.

Counted over running text of both languages; a pair is here when it is at least one in 2,000 of one of them.
"""

from __future__ import annotations

_BEHIND = {
    "a": "abcdfghiklmnprstuvwyz",
    "b": "aeijlorsuy",
    "c": "acehiklorstuy",
    "d": "adeiorsuy",
    "e": "abcdefgiklmnopqrstvwxy",
    "f": "aefilortu",
    "g": "aehilnoruy",
    "h": "aeinort",
    "i": "abcdefghklmnoprstvyz",
    "j": "aeou",
    "k": "aeilostu",
    "l": "acdegilmostuy",
    "m": "abeilmopsu",
    "n": "acdefgiklmnostuvy",
    "o": "abcdfgijklmnoprstuvwz",
    "p": "aehilmoprstu",
    "q": "u",
    "r": "acdegiklmnorstuvy",
    "s": "acehiklmnopstuy",
    "t": "aefhiklmorstuwy",
    "u": "abcdeghiklmnprstuyz",
    "v": "aeio",
    "w": "aehiorsw",
    "x": "ept",
    "y": "aeilopstu",
    "z": "aegilo",
}
COMMON_PAIRS = frozenset(first + second for first, seconds in _BEHIND.items() for second in seconds)
