"""The shape of a profile, and what each mode leaves of it.

{"basics": {"profession": str | None, "total_experience_in_years": int | float | None, "summary": str | None,
            "has_driving_license": bool | None, "skills": [str]},
 "professional_experiences": [{"title", "company", "start", "end", "is_current", "summary"}],
 "education": [{"school", "degree", "field", "start", "end"}]}

Dates are "YYYY" or "YYYY-MM" or None; `end` is None while `is_current`.
"""

from __future__ import annotations

from typing import Any

ADVANCED = "advanced"
BASIC = "basic"
MODES = (BASIC, ADVANCED)


def for_mode(profile: dict[str, Any], mode: str) -> dict[str, Any]:
    """Leave out experiences' details in "basic": title, company and dates stay, `summary` becomes None.

    The keys stay, so that a client reads both modes alike.
    """
    if mode == BASIC:
        for entry in profile.get("professional_experiences") or []:
            if isinstance(entry, dict):
                entry["summary"] = None
    return profile
