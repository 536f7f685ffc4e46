"""The corpus at every door: taken or refused with a reason, and nothing is written but where files of jobs are."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from jobs.files import LONGEST_NAME
from jobs.models import Job, JobFile
from jobs.states import State
from tests.harness.tokens import token_of
from tests.hostile.corpus import corpus
from tests.hostile.endpoints import ENDPOINTS, Endpoint, form
from tests.hostile.files import READ, Hostile
from tests.ingestion.conftest import work_off

pytestmark = pytest.mark.django_db

#: The address that gets the whole corpus. The others get every name, and of the small files one in three: what they
#: are is judged by their first bytes, everywhere by the same code.
ALL = "cv"
SMALL = 60_000
#: Waits for a worker, and there is none here.
WAITS = "cv, waiting"
#: What the door cannot see, but the job does.
WORKED_OFF = (
    "pdf: password", "pdf: bomb", "pdf: pages that hold themselves", "docx: bomb", "docx: entities that multiply",
    "docx: names that lead elsewhere", "docx: macros", "jpeg: EXIF in a ring", "text: direction", "pdf and zip",
    "text: orders to a model", "name: leads elsewhere",
)  # fmt: skip


def some() -> list[Hostile]:
    return [
        file
        for number, file in enumerate(corpus())
        if file.trick.startswith("name: ") or (number % 3 == 0 and len(file.content) < SMALL)
    ]


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media" / "files"
    return settings.MEDIA_ROOT


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ada")


def client_for(endpoint: Endpoint, user: Any) -> Client:
    if endpoint.by_page:
        client = Client(raise_request_exception=False)
        client.force_login(user)
        return client
    token = token_of(user, requests_per_minute=0)
    return Client(raise_request_exception=False, headers={"Authorization": f"Token {token}"})


def send(client: Client, endpoint: Endpoint, file: Hostile) -> Any:
    body, media_type = form(endpoint, file.name, file.content)
    return client.post(endpoint.path, data=body, content_type=media_type)


def files_below(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.name != WAITS], ids=lambda endpoint: endpoint.name)
def test_every_file_is_taken_or_refused_with_a_reason(
    endpoint: Endpoint, user: Any, media: Path, tmp_path: Path
) -> None:
    client = client_for(endpoint, user)
    for file in corpus() if endpoint.name == ALL else some():
        answer = send(client, endpoint, file)
        where = (file.trick, answer.status_code, answer.content[:300])
        assert answer.status_code < 500, where
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", where
            assert answer.json()["code"] in file.ends, where
            assert len(answer.json()["detail"]) > 20, where
    stored = JobFile.objects.all()
    assert len(stored) > 40
    for kept in stored:
        assert 0 < len(kept.name) <= LONGEST_NAME
        assert not any(unicodedata.category(char)[0] == "C" or char in '/\\":<>|' for char in kept.name), kept.name
    assert files_below(tmp_path) == {str(media / kept.file.name) for kept in stored if kept.file}


def test_a_file_over_the_limit_is_refused_as_too_large_everywhere(user: Any, media: Path) -> None:
    (file,) = [file for file in corpus() if "file_too_large" in file.ends]
    for endpoint in ENDPOINTS:
        answer = send(client_for(endpoint, user), endpoint, file)
        if endpoint.part == "file":
            assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large"), endpoint.name
        else:  # of a batch it fails alone
            assert answer.status_code < 300, endpoint.name
            refused = Job.objects.filter(parent_id=answer.json()["job_id"]).values_list("state", "error_code")
            assert list(refused) == [(State.FAILED, "file_too_large")], endpoint.name
    assert not files_below(media)


@pytest.mark.parametrize("name", ["job: cv", "job: classify", "job: ingest"])
def test_a_job_of_each_ends_with_a_result_or_a_reason(name: str, user: Any, media: Path, tmp_path: Path) -> None:
    (endpoint,) = [endpoint for endpoint in ENDPOINTS if endpoint.name == name]
    client = client_for(endpoint, user)
    sent = {}
    for file in corpus():
        if file.trick in WORKED_OFF:
            answer = send(client, endpoint, file)
            assert answer.status_code == 202, (file.trick, answer.content)
            sent[answer.json()["id"]] = file
    assert len(sent) == len(WORKED_OFF)
    work_off()
    for job in Job.objects.filter(pk__in=sent):
        file = sent[str(job.pk)]
        if job.state == State.SUCCEEDED:
            # What has no text is classified all the same, as what nobody could read.
            assert READ in file.ends or (name == "job: classify" and "no_text" in file.ends), file.trick
        else:
            assert job.state == State.FAILED, file.trick
            assert job.error_code in file.ends, (file.trick, job.error_code)
            assert len(job.error_message) > 20
    assert files_below(tmp_path) == {str(media / kept.file.name) for kept in JobFile.objects.all()}
