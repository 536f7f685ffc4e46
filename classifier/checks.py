"""Checks that stop the start, not the night."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from classifier import chosen
from classifier.policy import PolicyError


@checks.register("classifier")
def policy_can_be_used(**_: Any) -> list[checks.CheckMessage]:
    try:
        chosen.policy()
    except (PolicyError, OSError) as error:
        hint = "Compare it with classifier/policy.toml, or leave CLASSIFIER_POLICY empty."
        return [checks.Error(f"The classifier's policy cannot be used: {error}", hint=hint, id="classifier.E003")]
    return []


@checks.register("classifier")
def folders_are_full_paths(**_: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    for folder in settings.CLASSIFIER_FOLDERS:
        if not folder.is_absolute() or ".." in folder.parts:
            problems.append(
                checks.Error(
                    f"CLASSIFIER_FOLDERS names {str(folder)!r}, which is no full path.",
                    hint="Write it from the root, without '..': /srv/scans.",
                    id="classifier.E001",
                )
            )
        elif len(folder.parts) == 1:
            problems.append(
                checks.Error(
                    "CLASSIFIER_FOLDERS names the root of the file system, so recurring batches could read everything.",
                    hint="Name the folders that hold documents.",
                    id="classifier.E002",
                )
            )
        elif not folder.is_dir():
            problems.append(
                checks.Warning(
                    f"CLASSIFIER_FOLDERS names {str(folder)!r}, which is no folder on this host.",
                    hint="Mount or make it; until then its recurring batches say that it is missing.",
                    id="classifier.W001",
                )
            )
    return problems
