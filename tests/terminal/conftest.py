from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process are as wide as in a pipe, wherever the tests run."""
    monkeypatch.delenv("COLUMNS", raising=False)
