from __future__ import annotations

from tests.authorisation import document


def test_the_page_for_auditors_says_what_is_declared():
    assert document.PAGE.read_text() == document.text(), "write it anew: python -m tests.authorisation.document"
