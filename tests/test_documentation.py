"""What a newcomer reads must be so: every setting, state, event and kind is documented."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.kinds import registry
from jobs.models import EventType
from jobs.states import State

ROOT = Path(__file__).resolve().parent.parent


def settings_read() -> set[str]:
    """The environment variables that the code reads."""
    code = "".join((ROOT / "config" / name).read_text() for name in ("settings.py", "serve.py", "asgi.py"))
    return set(re.findall(r"(?:env\.\w+|seconds|environ\.get|environ\.setdefault)\(\s*\"([A-Z0-9_]+)\"", code)) - {
        "DJANGO_SETTINGS_MODULE"
    }


def settings_documented() -> set[str]:
    table = (ROOT / "README.md").read_text().split("## Configuration")[1].split("## Operating")[0]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}


def test_every_setting_is_in_the_readme_and_the_readme_names_no_other():
    from_tests_alone = {"TEST_DATABASE_URL"}
    assert len(settings_read()) > 20
    assert settings_documented() - from_tests_alone - {"HOST", "PORT"} == settings_read() - {"HOST", "PORT"}
    assert {"HOST", "PORT"} <= settings_documented()


def test_the_page_on_the_life_of_a_job_names_every_state_and_event():
    page = (ROOT / "docs" / "job-lifecycle.md").read_text()
    assert [state for state in State.values if state not in page] == []
    assert [event for event in EventType.values if f"`{event}`" not in page] == []


def test_every_kind_says_what_it_does_and_what_it_returns():
    ours = [kind for kind in registry if not kind.name.startswith("workload.")]
    assert ours
    for kind in ours:
        assert kind.title.endswith("."), kind.name
        assert "Returns" in kind.documentation, kind.name


def test_every_folder_of_the_house_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for folder in ("config", "jobs", "parsers", "templates", "static", "clients", "tests", "benchmarks", "docs"):
        assert f"`{folder}/`" in readme, folder


def test_the_threat_model_names_tests_that_are_there():
    page = (ROOT / "docs" / "threat-model.md").read_text()
    named = set(re.findall(r"`((?:tests|docs)/[\w/.-]+)`", page))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
