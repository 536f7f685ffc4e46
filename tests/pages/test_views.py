from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.urls import reverse
from django.utils import translation

from config.page_texts import TEXTS
from jobs import lifecycle, retention
from jobs.lifecycle import Submission
from jobs.models import Job

ROOT = Path(__file__).resolve().parents[2]
KIND = "jobs.prune_expired"


@pytest.fixture
def ada(client, django_user_model):
    user = django_user_model.objects.create_user("ada", password="ada")
    client.force_login(user)
    client.user = user
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/app/cv/",
        "/app/classify/",
        "/app/classify/0192aaaa-0000-7000-8000-000000000000/",
        "/app/sessions/",
        "/app/sessions/x/",
        "/app/jobs/",
        "/app/jobs/0192aaaa-0000-7000-8000-000000000000/",
    ],
)
def test_pages_ask_strangers_to_sign_in(client, db, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response.url == f"/login/?next={path}"


def test_a_wrong_password_is_said_and_the_name_kept(client, db):
    text = client.post("/login/", {"username": "ada", "password": "wrong"}).content.decode()
    assert 'role="alert"' in text
    assert 'value="ada"' in text


def test_signing_in_leads_back_to_where_one_wanted_to_go(client, django_user_model):
    django_user_model.objects.create_user("ada", password="ada")
    response = client.post("/login/?next=/app/cv/", {"username": "ada", "password": "ada", "next": "/app/cv/"})
    assert response.url == "/app/cv/"


def test_somebody_elses_job_is_not_there(ada):
    job = lifecycle.submit(KIND)
    response = ada.get(reverse("pages:job", args=[job.pk]))
    assert response.status_code == 404
    assert "no such job for you" in response.content.decode()


def test_the_page_of_a_deleted_job_says_when_it_was_deleted(ada):
    job = lifecycle.submit(KIND, owner=ada.user)
    lifecycle.cancel(job.pk)
    retention.delete_job(Job.objects.get(pk=job.pk), by="ada")
    response = ada.get(reverse("pages:job", args=[job.pk]))
    assert response.status_code == 404
    assert "This job was deleted" in response.content.decode()


PATHS = ["/", "/app/cv/", "/app/classify/", "/app/sessions/", "/app/sessions/x/", "/app/jobs/", "/login/", "/nowhere/"]


@pytest.mark.parametrize("path", [*PATHS, "JOB", "BATCH"])
def test_no_page_has_a_script_or_a_style_in_it(ada, path):
    if path == "JOB":
        path = reverse("pages:job", args=[lifecycle.submit(KIND, owner=ada.user).pk])
    if path == "BATCH":
        path = reverse("pages:batch", args=[a_batch(ada.user).pk])
    if path == "/login/":
        ada.logout()
    text = ada.get(path).content.decode()
    scripts = re.findall(r"<script[^>]*>", text)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
    assert "<style" not in text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
    assert not re.search(r'(src|href)="(https?:)?//', text)


def a_batch(owner) -> Job:
    documents = [Submission("classifier.classify_document", {"file": str(uuid.uuid4())}) for _ in range(2)]
    return lifecycle.submit_batch(Submission("classifier.classify_batch"), documents, owner=owner)


def test_a_batch_is_one_line_of_the_list_and_leads_to_its_own_page(ada):
    batch = a_batch(ada.user)
    text = ada.get("/app/jobs/").content.decode()
    assert re.findall(r'data-job="([^"]+)"', text) == [str(batch.pk)]
    assert reverse("pages:batch", args=[batch.pk]) in text
    assert "Batch of 2 documents" in text
    assert "Batch of 2 documents" in ada.get(reverse("pages:batch", args=[batch.pk])).content.decode()


def test_the_page_of_a_document_leads_to_its_batch(ada):
    batch = a_batch(ada.user)
    text = ada.get(reverse("pages:job", args=[batch.children.first().pk])).content.decode()
    assert reverse("pages:batch", args=[batch.pk]) in text


def test_somebody_elses_batch_and_a_job_that_is_none_are_not_there(ada, django_user_model):
    theirs = a_batch(django_user_model.objects.create_user("bob"))
    none = lifecycle.submit(KIND, owner=ada.user)
    for job in (theirs, none):
        response = ada.get(reverse("pages:batch", args=[job.pk]))
        assert response.status_code == 404
        assert "no such job for you" in response.content.decode()


def test_a_session_of_any_name_has_an_address_and_the_name_is_only_ever_text(ada):
    name = "<script>alert(1) ışık & 100% %2F #1 ?x"
    path = reverse("pages:session", args=[name])
    text = ada.get(path).content.decode()
    assert "<script>alert" not in text
    (page,) = re.findall(r'id="page"[^>]*>(.*?)</script>', text)
    assert json.loads(page)["name"] == name
    address = json.loads(page)["session"]
    assert unquote(address) == f"/api/sessions/{name}/"
    assert not {"?", "#", " "} & set(address)


def test_a_turkish_reader_is_told_in_turkish_why_a_file_failed(ada, settings):
    settings.LOCALE_PATHS = [ROOT / "locale"]
    ada.cookies["django_language"] = "tr"
    (texts,) = re.findall(r'id="texts"[^>]*>(.*?)</script>', ada.get("/app/classify/").content.decode())
    assert "parola" in json.loads(texts)["failure.encrypted_file"]
    ada.cookies["django_language"] = "en"
    (texts,) = re.findall(r'id="texts"[^>]*>(.*?)</script>', ada.get("/app/classify/").content.decode())
    assert not [key for key in json.loads(texts) if key.startswith("failure.")]


def test_a_language_is_chosen_and_kept(ada):
    ada.post("/app/language/", {"language": "tr", "next": "/app/cv/"})
    assert '<html lang="tr"' in ada.get("/app/cv/").content.decode()


def test_the_pages_speak_turkish(ada, settings):
    settings.LOCALE_PATHS = [ROOT / "locale"]
    ada.cookies["django_language"] = "tr"
    text = ada.get("/app/cv/").content.decode()
    assert "CV oku" in text
    (texts,) = re.findall(r'id="texts"[^>]*>(.*?)</script>', text)
    assert "Sırada" in json.loads(texts).values()


def test_every_sentence_of_the_scripts_is_in_turkish_too(settings):
    settings.LOCALE_PATHS = [ROOT / "locale"]
    same_in_both = {"say.state", "detector.iban", "chunks_one", "resource.gpu", "claim.field"}
    with translation.override("tr"):
        turkish = {key: str(text) for key, text in TEXTS.items()}
    with translation.override("en"):
        assert {key for key in TEXTS if turkish[key] == str(TEXTS[key])} == same_in_both


def test_every_sentence_that_scripts_ask_for_is_there():
    used: set[str] = set()
    for script in (ROOT / "static" / "js").glob("*.js"):
        text = script.read_text()
        used |= set(re.findall(r"""\bt\("([\w.-]+)\"""", text))
        for counted in re.findall(r"""\bcount\("([\w.-]+)\"""", text):
            used |= {f"{counted}_one", f"{counted}_other"}
    assert used - set(TEXTS) == set()


def test_every_detector_and_every_fact_of_a_document_has_a_name_for_people():
    from classifier.detectors import DETECTORS, FACTS

    names = [*(detector.name for detector in DETECTORS), *FACTS]
    assert {f"detector.{name}" for name in names} <= set(TEXTS)
