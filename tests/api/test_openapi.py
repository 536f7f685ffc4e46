"""The API's description is complete, and true where it can be looked at without a request.

That answers are as it says is held up in every test (tests/harness/description.py), and by requests that are made from
it (test_schema_cases.py).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient
from rest_framework.views import APIView

from jobs.api import problem_types
from jobs.api.openapi.schema import UNDESCRIBED
from jobs.api.problems import MEDIA_TYPE
from jobs.kinds import registry
from tests.harness.description import describe, plain_route, resolve, validator_of

#: Addresses below those of programs that are pages.
PAGES = {"api/v1/docs/"}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, route)
        else:
            yield route, pattern


def operations() -> list[Any]:
    return [pytest.param(operation, id=f"{method} {path}") for path, method, operation in describe().operations()]


def schemas_with_examples(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    bodies = [("request", operation.get("requestBody", {})), *operation["responses"].items()]
    for where, body in bodies:
        for media, content in resolve(body).get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                yield f"{where} {media} {name}", content["schema"], example["value"]


def test_the_description_is_valid_openapi_and_made_without_a_warning():
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    document = json.loads(out.getvalue())
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Sıra"
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert document["info"]["version"] == project["version"]


def test_every_address_for_programs_is_described():
    described = {route for route, _method in describe().routes}
    missing = []
    for route, pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "cls", None)
        for_programs = route.replace("^", "").split("/")[0] in {*settings.SIRA_API_ROOTS, "healthz", "metrics"}
        if (for_programs or (view is not None and issubclass(view, APIView))) and route not in PAGES:
            missing += [route] if plain_route(route) not in described else []
    assert missing == []


def test_every_tag_is_explained_and_used():
    used = {tag for _, _, operation in describe().operations() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in describe().document["tags"]}


@pytest.mark.parametrize("operation", operations())
def test_an_operation_says_what_it_does_takes_and_answers(operation: dict[str, Any]):
    assert UNDESCRIBED not in operation
    assert operation["summary"]
    assert operation["description"]
    assert operation["description"] != operation["summary"]
    for parameter in operation.get("parameters", []):
        assert parameter.get("description"), parameter["name"]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        assert content.get("examples"), f"no example of {media}"
    for status, declared in operation["responses"].items():
        response = resolve(declared)
        assert response["description"], status
        for media, content in response.get("content", {}).items():
            if "json" in media and "document" not in content["schema"].get("description", ""):
                assert content.get("examples"), f"no example of {status} {media}"
    assert {"500", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("operation", operations())
def test_the_examples_of_an_operation_are_what_it_describes(operation: dict[str, Any]):
    for name, schema, example in schemas_with_examples(operation):
        errors = [error.message for error in validator_of(schema, strict=True).iter_errors(example)]
        assert errors == [], name


def test_every_code_of_an_error_is_in_the_catalogue_of_problems():
    described = {
        code
        for _, _, operation in describe().operations()
        for declared in operation["responses"].values()
        for code in resolve(declared).get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    }
    assert len(described) > 50
    assert sorted(code for code in described if problem_types.find(code) is None) == []


def test_every_kind_can_be_submitted_as_the_description_says():
    post = describe().document["paths"]["/api/v1/jobs/"]["post"]["requestBody"]["content"]
    kinds = {kind.name: kind for kind in registry if not kind.internal and not kind.name.startswith("darkroom.")}
    examples = {
        example["value"]["kind"]: example["value"]
        for content in post.values()
        for example in content["examples"].values()
    }
    for name, kind in kinds.items():
        assert name in examples, f"{name}: its serializer has no example"
        schema = describe().document["components"]["schemas"][f"SubmitForm.{name}"]
        assert kind.documentation == schema["description"]


def test_the_description_is_served_as_json_and_yaml_to_anybody():
    client = APIClient()
    answer = client.get("/api/v1/schema/")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["info"]["title"] == "Sıra"
    again = client.get("/api/v1/schema/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    as_yaml = client.get("/api/v1/schema/", headers={"Accept": "application/yaml"})
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    assert as_yaml.headers["ETag"] != answer.headers["ETag"]
    assert yaml.safe_load(as_yaml.content) == answer.json()


def test_what_nobody_described_fails_the_test_that_meets_it(api: APIClient, monkeypatch: pytest.MonkeyPatch):
    from jobs.api import views
    from tests.harness.description import NotAsDescribed

    described = views.describe_queue
    monkeypatch.setattr(views, "describe_queue", lambda *given: described(*given) | {"colour": "red"})
    with pytest.raises(NotAsDescribed, match="colour"):
        api.get("/api/v1/queues/")
    monkeypatch.setattr(views, "describe_queue", lambda *given: {**described(*given), "workers": "two"})
    with pytest.raises(NotAsDescribed, match="workers"):
        api.get("/api/v1/queues/")
