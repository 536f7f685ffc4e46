"""Clients that are somebody, and a worker that runs in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import InvalidInput, JobError
from jobs.kinds import registry
from jobs.models import Job
from jobs.running import RunningJob
from parsers.extraction import ExtractedText, MediaType, Page
from parsers.ingestion import operations, store
from parsers.ingestion.chunks import split_pages
from parsers.ingestion.operations import SplitChunk, SplitDocument
from parsers.ingestion.words import words_of
from parsers.models import DocumentSession
from tests.harness.tokens import token_of

BATCH = "/api/documents/process-and-store-batch"


@pytest.fixture(autouse=True)
def _own_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def _quick_extraction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read text files in the test's own process, for tests that are not about reading; a PDF is always a broken one."""

    def read(source: Path, *, limits: Any, filename: str) -> ExtractedText:
        if filename.endswith(".pdf"):
            raise InvalidInput("The file is damaged and cannot be read.", code="corrupt_file")
        return ExtractedText([Page(1, source.read_text())], MediaType.TEXT, 1)

    monkeypatch.setattr(operations, "extract_text", read)


def make_user(name: str) -> Any:
    return get_user_model().objects.get_or_create(username=name)[0]


def client_of(name: str, language: str = "") -> APIClient:
    client = APIClient()
    headers = {"HTTP_ACCEPT_LANGUAGE": language} if language else {}
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(make_user(name))}", **headers)
    return client


def send(client: APIClient, *files: tuple[str, bytes], session_id: str = "s1", key: str = "", **form: Any) -> Any:
    """POST a batch. files: (name, content)."""
    uploads = [SimpleUploadedFile(name, content) for name, content in files]
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return client.post(BATCH, {"files": uploads, "session_id": session_id, **form}, format="multipart", **headers)


def status_of(client: APIClient, job_id: str, session_id: str = "") -> dict[str, Any]:
    query = {"session_id": session_id} if session_id else {}
    answer = client.get(f"{BATCH}/status/{job_id}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def work_off(limit: int = 1000) -> list[Job]:
    """Run due jobs as a worker does, one after another, and return them as they ended."""
    ended = []
    while len(ended) < limit and (job := claiming.claim("worker-1")):
        running = RunningJob(job)
        try:
            result = registry.get(job.kind).run(running, **job.input)
        except JobError as error:
            ended.append(lifecycle.fail(running.job, error))
        else:
            ended.append(lifecycle.succeed(running.job, result, running.saves))
    return ended


def cut(text: str, *, size: int = 1000) -> SplitDocument:
    """Return a text of one page, cut."""
    pieces = split_pages([Page(1, text)], size=size, overlap=0)
    chunks = [SplitChunk(piece.text, 1, "", [word.folded for word in words_of(piece.text)]) for piece in pieces]
    return SplitDocument(chunks, "text/plain", 1, "", len(text), False, [])


@pytest.fixture
def stored() -> Callable[..., DocumentSession]:
    """A function that stores texts as documents of a session, without jobs."""

    def store_texts(*texts: str, owner: str = "ada", session_id: str = "s1", size: int = 1000) -> DocumentSession:
        session = store.open_session(make_user(owner).pk, session_id)
        for number, text in enumerate(texts):
            store.store_document(
                session.pk, cut(text, size=size), sha256=f"{hash(text):064x}", name=f"{number}.txt",
                chunk_size=size, chunk_overlap=0, job_id=None,
            )  # fmt: skip
        return session

    return store_texts
