"""Personal data: finding it, and keeping it out of what we store (KVKK/GDPR).

`find_personal_data` says where personal data stands in a text. `redact_profile` builds a profile that may be kept:
an allow-list of professional fields first, then the detectors on every string that is left.
"""

from .detect import DETECTORS, find_personal_data
from .findings import ENTITIES, Finding
from .gate import GateReport, redact_profile
from .names import name_candidates, name_like

__all__ = [
    "DETECTORS",
    "ENTITIES",
    "Finding",
    "GateReport",
    "find_personal_data",
    "name_candidates",
    "name_like",
    "redact_profile",
]
