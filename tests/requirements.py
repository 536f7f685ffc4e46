"""What a test needs from the machine: missing on a desk it skips, missing in CI it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test because the machine lacks something; fail it when CI is set, where nothing may be skipped."""
    __tracebackhide__ = True
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"{reason} (a failure and not a skip, because CI is set)", pytrace=False)
    pytest.skip(reason)


def require_tool(*names: str) -> str:
    """Return the path of the first of these programs that is installed; without any of them, see `missing`."""
    __tracebackhide__ = True
    for name in names:
        if path := shutil.which(name):
            return path
    missing(f"{' or '.join(names)} is not installed")


def require_postgresql() -> None:
    """Go on only where a PostgreSQL server can be started; else see `missing`."""
    __tracebackhide__ = True
    from tests.harness.postgres import find_binaries

    if find_binaries() is None:
        missing("PostgreSQL's programs are not installed (on Debian: apt-get install postgresql)")
