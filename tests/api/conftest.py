"""A kind that takes everything a kind can take, and clients that are somebody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework import serializers
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import InvalidInput
from jobs.kinds import job_kind, registry
from jobs.models import Job
from tests.harness.tokens import token_of

KIND = "darkroom.develop_film"


class FilmInput(serializers.Serializer):
    film = serializers.FileField(required=False)
    rolls = serializers.ListField(child=serializers.FileField(), required=False)
    title = serializers.CharField(max_length=50, required=False, default="untitled")
    speed = serializers.IntegerField(min_value=1, max_value=6400, default=400)
    paper = serializers.ChoiceField(choices=["matt", "gloss"], default="matt")

    def validate_film(self, film: Any) -> Any:
        if film.name.endswith(".exe"):
            raise InvalidInput("This is no film. Send a picture.", code="unsupported_type")
        film.media_type = "image/x-film"
        return film


@pytest.fixture(autouse=True)
def kind() -> Iterator[str]:
    @job_kind(KIND, input=FilmInput, queue="darkroom", stages=("bath", "drying"))
    def develop_film(job: Any, **film: Any) -> dict[str, Any]:
        """Develop a film.

        Takes a while.
        """
        return {"pictures": 36}

    @job_kind("darkroom.clean_up", queue="darkroom", internal=True)
    def clean_up(job: Any) -> None:
        """Clean up."""

    yield KIND
    registry.remove(KIND)
    registry.remove("darkroom.clean_up")


@pytest.fixture(autouse=True)
def _own_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def client_of(user: Any, **options: Any) -> APIClient:
    client = APIClient(**options)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    return client


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password="ada")


@pytest.fixture
def bob(db: None) -> Any:
    return get_user_model().objects.create_user("bob")


@pytest.fixture
def staff(db: None) -> Any:
    return get_user_model().objects.create_user("staff", is_staff=True)


@pytest.fixture
def api(ada: Any) -> APIClient:
    """Ada's client."""
    return client_of(ada)


def make_job(owner: Any, **options: Any) -> Job:
    return lifecycle.submit(KIND, {"speed": 100}, owner=owner, **options)


def claim() -> Job:
    job = claiming.claim("worker")
    assert job is not None
    return job


def finish(owner: Any, **options: Any) -> Job:
    make_job(owner, **options)
    return lifecycle.succeed(claim(), {"pictures": 36})


def fail(owner: Any) -> Job:
    make_job(owner)
    return lifecycle.fail(claim(), InvalidInput("The film is blank. Send another.", code="blank"))
