"""A text through one detector, a file through the whole work, each in one call."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from classifier.detectors import DETECTORS, PageText
from classifier.operations import classify
from classifier.policy import Policy, load
from classifier.providers import OpinionProvider
from parsers.extraction import Limits

_FIND = {detector.name: detector.find for detector in DETECTORS}
DEFAULT_POLICY = load()


def found(detector: str, text: str) -> list[str]:
    """Return what a detector finds in a text, as it is written there."""
    return [text[start:end] for start, end in _FIND[detector](PageText(1, text))]


def detectors_of(text: str) -> set[str]:
    """Return the names of all detectors that find something."""
    return {name for name in _FIND if found(name, text)}


def judge(
    data: bytes | str,
    name: str = "document.txt",
    *,
    provider: OpinionProvider | None = None,
    policy: Policy = DEFAULT_POLICY,
    limits: Limits | None = None,
    stages: list[Any] | None = None,
) -> dict[str, Any]:
    """Return what `classify` says of a file. stages: filled with what `show` was called with."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_bytes(data.encode() if isinstance(data, str) else data)
        return classify(
            source,
            file_name=name,
            provider=provider,
            policy=policy,
            limits=limits or Limits(),
            show=lambda percent, stage, **data: stages.append((percent, stage, data)) if stages is not None else None,
        )
