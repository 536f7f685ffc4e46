"""Untrusted file bytes to text, read in a child process that has little to abuse.

`judge_type` is the cheap check at the door; `extract_text` does the work and raises `InvalidInput` for every way a
document can be bad. What runs in the child: `child.py` and the readers (`pdf.py`, `docx.py`, `text.py`, `images.py`).
Those never import Django and raise `Fault(code)`; the sentence for each code is in `faults.py`.
"""

from .extract import extract_text, ocr_available
from .limits import Limits
from .media import HEAD_BYTES, MediaType, judge_type
from .result import ExtractedText, Page
from .text import clean_text

__all__ = [
    "HEAD_BYTES",
    "ExtractedText",
    "Limits",
    "MediaType",
    "Page",
    "clean_text",
    "extract_text",
    "judge_type",
    "ocr_available",
]
