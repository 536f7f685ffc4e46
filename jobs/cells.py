"""Cells of a table that people open in a spreadsheet."""

from __future__ import annotations

from typing import Any

#: A spreadsheet takes a cell that begins like this for a formula, and may run it; also in their wide East Asian forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def plain_cell(value: Any) -> str:
    """Return a value as text that a spreadsheet shows and does not calculate. None is empty, a time is ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
