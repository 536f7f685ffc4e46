"""tools/audit: a known hole fails `make check`, and that nobody could be asked is told and fails nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
HOLE = {"id": "PYSEC-0000-1", "fix_versions": ["5.2.20"], "aliases": [], "description": "…"}
UNKNOWN = {"name": "django", "skip_reason": "Dependency not found and could not be audited"}


def audit(tmp_path: Path, answer: Any, *, error: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run tools/audit with a pip-audit that answers so."""
    said = answer if isinstance(answer, str) else json.dumps({"dependencies": answer, "fixes": []})
    (tmp_path / "pip_audit.py").write_text(
        "import pathlib, sys\n"
        "pins = pathlib.Path(sys.argv[sys.argv.index('-r') + 1]).read_text().split()\n"
        "names = [pin.split('==')[0] for pin in pins]\n"
        "assert len(names) == len(set(names)), 'pip-audit refuses a name twice'\n"
        f"print({said!r}); print({error!r}, file=sys.stderr); sys.exit({status})\n"
    )
    return subprocess.run(
        [sys.executable, "tools/audit"], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_known_hole_fails(tmp_path: Path) -> None:
    ended = audit(tmp_path, [CLEAN | {"vulns": [HOLE]}, CLEAN], status=1)
    assert ended.returncode == 1
    assert "django 5.2.19: PYSEC-0000-1, fixed in 5.2.20" in ended.stderr


def test_no_known_hole_passes_and_says_how_many_were_asked_about(tmp_path: Path) -> None:
    ended = audit(tmp_path, [CLEAN, UNKNOWN])
    assert ended.returncode == 0
    assert "0 known holes" in ended.stdout


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("", "requests.exceptions.ConnectionError: HTTPSConnectionPool: Max retries exceeded"),
        ("", "ERROR:pip_audit._cli:Could not connect to the vulnerability feed"),
        ([UNKNOWN], ""),  # a mirror that knows no advisories
    ],
)
def test_where_nobody_can_be_asked_it_says_so_and_passes(answer: Any, error: str, tmp_path: Path) -> None:
    ended = audit(tmp_path, answer, error=error, status=1 if error else 0)
    assert ended.returncode == 0
    assert ended.stdout.startswith("pip-audit: not asked, ")


def test_what_is_wrong_with_the_asking_itself_fails(tmp_path: Path) -> None:
    ended = audit(
        tmp_path, "", error="ERROR:pip_audit._cli:requirement file contains an unhashed requirement", status=1
    )
    assert ended.returncode == 2
