"""The provider that the settings choose, ready to call."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from imaging.providers import DIFFUSERS, OPENAI, PAINTER, ImageProvider
from jobs.providers import rates
from parsers.chosen import OPENAI_LIMIT, openai_rate


def chosen_image_provider() -> ImageProvider:
    """Return the provider of the IMAGE_PROVIDER setting. What each needs is checked at the start (`checks.py`)."""
    name = settings.IMAGE_PROVIDER
    if name == PAINTER:
        from imaging.painter import Painter

        return Painter()
    if name == DIFFUSERS:
        from imaging.diffusers_flux import FluxProvider

        return FluxProvider(settings.IMAGE_MODEL_DIR)
    if name == OPENAI:
        from imaging.openai_images import OpenAIImages

        return OpenAIImages(
            base_url=settings.OPENAI_BASE_URL,
            api_key=settings.OPENAI_API_KEY,
            model=settings.IMAGE_OPENAI_MODEL,
            timeout=settings.OPENAI_TIMEOUT,
            guard=_within_openai_limit,
        )
    return import_string(name)()


def _within_openai_limit() -> Any:
    return rates.guarded(OPENAI_LIMIT, openai_rate())
