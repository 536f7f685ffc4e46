"""Domain names: public ones, and the names of machines that only an inner network knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.privacy.findings import EMAIL, URL

from .page import PageText, Span

# Short on purpose: "node.js" and "report.final" are no domains, so the last label must be one that people meet.
_TOP = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|co|me|tv|xyz|online|site|shop|tr|uk|us|de|fr|nl|be|es|it|pt|gr"
    "|ch|at|se|no|fi|dk|pl|cz|hu|ro|bg|ru|ua|az|ir|il|in|cn|jp|kr|br|mx|ar|ca|au|nz|za|eu|cloud|tech"
)
_INNER_TOP = "local|internal|intranet|corp|lan|localdomain|priv"
_OF_PROGRAMS = frozenset({"local", "internal"})
_NAME = re.compile(
    rf"(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,5}}(?:(?P<inner>{_INNER_TOP})|{_TOP})(?![\w-]|\.\w)",
    re.IGNORECASE,
)
# An abbreviation with a dot before a common word: "e.g.in", "No.de"
_LEAST_LABEL = 2


def domains(page: PageText) -> Iterator[Span]:
    """Find domain names that stand alone, not inside of an address or a link."""
    for start, end, inner in _names(page):
        if not inner:
            yield start, end


def internal_hosts(page: PageText) -> Iterator[Span]:
    """Find names under .local, .internal, .corp and the like, also inside of links."""
    for start, end, inner in _names(page):
        if inner:
            yield start, end


def _names(page: PageText) -> Iterator[tuple[int, int, bool]]:
    taken = [found for found in page.personal if found.entity in (EMAIL, URL)]
    index = 0
    for match in _NAME.finditer(page.text):
        start, end = match.span()
        while index < len(taken) and taken[index].end <= start:
            index += 1
        inside = index < len(taken) and taken[index].start < end
        inner = match["inner"] is not None
        if inside and not (inner and taken[index].entity == URL):
            continue
        if inner and not inside and not _is_host(match.group()):
            continue
        labels = match.group().split(".")
        if max(map(len, labels[:-1])) >= _LEAST_LABEL:
            yield start, end, inner


def _is_host(name: str) -> bool:
    """Tell build01.local and db.prod.internal from threading.local, which is a name in a program."""
    *labels, top = name.lower().split(".")
    return len(labels) > 1 or top not in _OF_PROGRAMS or any(char in "-0123456789" for char in labels[0])
