"""Health of a person, told from talk about health.

"Early diagnosis of cancer saves lives" is for everybody; "Diagnosis: breast cancer" is about somebody. So a disease
alone is nothing: it counts beside words that say it is somebody's, and the fields of a patient's record count by
themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .page import PageText, Span, near

# The field with what is written behind it: "Diagnosis: type 2 diabetes" is one finding.
_FIELD = re.compile(r"[ \t]{0,3}[:=][^\n]{0,80}")
_WITHIN = 60  # characters between "was diagnosed with" and the disease
_STOP = ".!?;\n"


def health(page: PageText) -> Iterator[Span]:
    """Find fields of a patient's record ("Hasta adı", "Diagnosis:") and a person's diseases ("suffers from asthma")."""
    for term in page.terms("health", "record"):
        field = _FIELD.match(page.folded, term.end)
        yield term.start, field.end() if field else term.end
    for term in page.terms("health", "field"):
        if field := _FIELD.match(page.folded, term.end):
            yield term.start, field.end()
    yield from near(
        page.terms("health", "personal"), page.terms("health", "condition"), within=_WITHIN, page=page, stop=_STOP
    )
