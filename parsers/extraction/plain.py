"""The child's reader of text files."""

from __future__ import annotations

from typing import Any

from .limits import Limits
from .text import read_text


def read(data: bytes, limits: Limits, ocr: dict[str, Any] | None) -> dict[str, Any]:
    return {"pages": [[1, read_text(data, limits), False]], "page_count": 1, "warnings": []}
