"""A wrong setting stops the start, with a sentence that names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.processes import BASE_DIR


def start(tmp_path: Path, **settings: str) -> str:
    """Read the settings in a process of their own; returns what it complains of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLASSIFIER", "OPENAI"))}
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=BASE_DIR,
        env=environment | {"DATA_DIR": str(tmp_path / "data")} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"CLASSIFIER_PROVIDER": "rules"}, ""),
        ({"CLASSIFIER_PROVIDER": "oracle"}, "CLASSIFIER_PROVIDER is 'oracle'; use 'rules' or 'openai'."),
        ({"CLASSIFIER_PROVIDER": "openai"}, "CLASSIFIER_PROVIDER=openai needs OPENAI_API_KEY"),
        (
            {"CLASSIFIER_POLICY": "/nowhere/policy.toml"},
            "CLASSIFIER_POLICY is '/nowhere/policy.toml', which is no file.",
        ),
    ],
)
def test_it_is_named(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    complaint = start(tmp_path, **settings)
    assert sentence in complaint
    assert bool(complaint) == bool(sentence)
