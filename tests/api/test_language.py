"""An error of the API is one sentence in one language: English, for now."""

from __future__ import annotations

import pytest
from django.utils import translation
from rest_framework.test import APIClient

from jobs.api.language import english, preferred
from tests.api.conftest import KIND


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "This field is required."),
        ({"kind": KIND, "input": {"title": "x" * 51}}, "Ensure this field has no more than 50 characters."),
        ({"kind": KIND, "input": {"speed": 0}}, "Ensure this value is greater than or equal to 1."),
        ({"kind": KIND, "input": {"paper": "rough"}}, '"rough" is not a valid choice.'),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_english_to_a_turkish_client(api, body, message):
    problem = api.post("/api/v1/jobs/", body, format="json", HTTP_ACCEPT_LANGUAGE="tr").json()
    assert problem["errors"][0]["message"] == message
    assert problem["detail"].endswith(message)


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ("Token nonsense", "There is no such token. Check it, or make a new one."),
        ("", "Authentication credentials were not provided. Send `Authorization: Token <token>`."),
    ],
)
def test_who_is_not_known_hears_it_in_english(db, authorization, detail):
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
    answer = APIClient().get("/api/v1/jobs/", HTTP_ACCEPT_LANGUAGE="tr", **headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, detail)


def test_other_errors_of_drf_are_english_too(api):
    answer = api.put("/api/v1/jobs/", {}, format="json", HTTP_ACCEPT_LANGUAGE="tr")
    assert answer.json()["detail"] == 'Method "PUT" not allowed.'
    answer = api.post("/api/v1/jobs/", "a,b", content_type="text/csv", HTTP_ACCEPT_LANGUAGE="tr")
    assert answer.json()["detail"] == 'Unsupported media type "text/csv" in request.'


def test_what_the_client_prefers_is_known_while_django_speaks_english():
    with translation.override("tr"):
        with english():
            assert (translation.get_language(), preferred()) == ("en", "tr")
        assert preferred() == "tr"
    with translation.override(None):
        assert preferred() == ""
