"""One experience of a profile, while it is put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from .dates import Period
from .layout import Line

MAX_SUMMARY = 1_500  # characters of one entry's text


@dataclass
class Entry:
    """One experience. lines: its description. at: offset of its first line in the document."""

    title: str | None = None
    company: str | None = None
    period: Period | None = None
    lines: list[Line] = field(default_factory=list)
    at: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return {"title", "company", "start", "end", "is_current", "summary"}, dates "YYYY[-MM]" or None."""
        period = self.period
        first = last = None
        current = False
        if period is not None:
            first = period.first or period.last  # a lone date says when
            last = period.last
            current = period.is_current
        summary = "\n".join(line.text for line in self.lines)[:MAX_SUMMARY].strip()
        return {
            "title": self.title,
            "company": self.company,
            "start": str(first) if first else None,
            "end": str(last) if last and not current else None,
            "is_current": current,
            "summary": summary or None,
        }
