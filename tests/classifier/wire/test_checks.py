"""What the settings decide, and what of them stops the start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.checks import folders_are_full_paths, policy_can_be_used
from jobs.kinds import registry
from tests.harness.processes import BASE_DIR


@pytest.mark.parametrize(
    ("folder", "ids"),
    [
        ("relative", ["classifier.E001"]),
        ("/srv/../etc", ["classifier.E001"]),
        ("/", ["classifier.E002"]),
        ("/no/such/folder", ["classifier.W001"]),
        ("/tmp", []),
    ],
)
def test_a_folder_that_could_never_be_read_or_opens_too_much_stops_the_start(settings, folder, ids):
    settings.CLASSIFIER_FOLDERS = [Path(folder)]
    assert [problem.id for problem in folders_are_full_paths()] == ids


def test_a_policy_that_cannot_be_used_stops_the_start_and_names_the_file(settings, tmp_path):
    assert policy_can_be_used() == []
    broken = tmp_path / "policy.toml"
    broken.write_text('[[row]]\ndetector = "emial"\n')
    settings.CLASSIFIER_POLICY = str(broken)
    (problem,) = policy_can_be_used()
    assert problem.id == "classifier.E003"
    assert str(broken) in problem.msg


def test_the_rules_alone_need_no_rate_limit():
    kind = registry.get("classifier.classify_document")
    assert (kind.rate_limit, kind.timeout.total_seconds(), kind.queue) == ("", 180, "documents")


def test_with_the_openai_opinion_documents_wait_for_its_rate_limit_and_the_time_out_is_a_setting(tmp_path):
    show = (
        "import django; django.setup(); from jobs.kinds import registry; "
        "kind = registry.get('classifier.classify_document'); print(kind.rate_limit, kind.timeout.total_seconds())"
    )
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(tmp_path),
        "CLASSIFIER_PROVIDER": "openai",
        "OPENAI_API_KEY": "none",
        "CLASSIFIER_DOCUMENT_TIMEOUT_SECONDS": "7",
    }
    done = subprocess.run(
        [sys.executable, "-c", show], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["openai", "7.0"]
