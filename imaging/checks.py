"""Checks that stop the start, not the night."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from imaging.providers import DIFFUSERS, PROVIDERS


@checks.register("imaging")
def provider_can_be_used(**_: Any) -> list[checks.CheckMessage]:
    name = settings.IMAGE_PROVIDER
    if name == DIFFUSERS:
        return _flux_problems()
    return [] if name in PROVIDERS else _own_provider_problems(name)


def _flux_problems() -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    if absent := [package for package in ("torch", "diffusers", "transformers") if find_spec(package) is None]:
        problems.append(
            checks.Error(
                f"IMAGE_PROVIDER=diffusers needs {', '.join(absent)}.",
                hint="Install the extra: pip install -r requirements.txt -r requirements-gpu.txt",
                id="imaging.E001",
            )
        )
    if not (Path(settings.IMAGE_MODEL_DIR or "-") / "model_index.json").is_file():
        problems.append(
            checks.Error(
                f"IMAGE_MODEL_DIR is {settings.IMAGE_MODEL_DIR!r}, which is no folder with a diffusers model.",
                hint="Name the folder that holds FLUX's model_index.json; nothing is downloaded.",
                id="imaging.E002",
            )
        )
    return problems


def _own_provider_problems(name: str) -> list[checks.CheckMessage]:
    hint = f"Use one of {', '.join(PROVIDERS)}, or the dotted path of a class with `name` and `paint`."
    if "." not in name:
        return [checks.Error(f"IMAGE_PROVIDER is {name!r}, which is no provider.", hint=hint, id="imaging.E003")]
    try:
        provider = import_string(name)()
    except Exception as error:  # whatever an operator's own class does when it is made
        problem = f"IMAGE_PROVIDER is {name!r}, which cannot be made: {type(error).__name__}."
        return [checks.Error(problem, hint=hint, id="imaging.E004")]
    if not (callable(getattr(provider, "paint", None)) and isinstance(getattr(provider, "name", None), str)):
        return [checks.Error(f"IMAGE_PROVIDER is {name!r}, which paints nothing.", hint=hint, id="imaging.E005")]
    return []
