"""Writing a sample to disk and reading it, in one call."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from jobs.errors import InvalidInput
from parsers.extraction import ExtractedText, Limits, extract_text


def read(data: bytes, name: str, limits: Limits | None = None) -> ExtractedText:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_bytes(data)
        return extract_text(source, limits=limits or Limits())


def fault(data: bytes, name: str, limits: Limits | None = None) -> str:
    """Return the code of the InvalidInput that the file ends with."""
    with pytest.raises(InvalidInput) as raised:
        read(data, name, limits)
    return raised.value.code
