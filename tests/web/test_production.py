"""The settings of production, in a process of their own: what would be unsafe does not start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "SIRA_ENV": "production",
    "SIRA_ROLE": "web",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": "abcdefghij" * 5,
    "ALLOWED_HOSTS": "sira.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://sira.example.com",
    "EXTRA_APPS": "",
}


def run(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | PRODUCTION | {"DATA_DIR": str(tmp_path)} | environment
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )


ASK = """
import json, django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

call_command("check", deploy=True, fail_level="WARNING")
get_user_model().objects.create_user("ada", password="right-and-long")
plain = Client(headers={"host": "sira.example.com"}).get("/login/")
client = Client(headers={"host": "sira.example.com", "x-forwarded-proto": "https"})
page = client.get("/login/")
signed_in = client.post("/login/", {"username": "ada", "password": "right-and-long"})
print(json.dumps({
    "plain": [plain.status_code, plain["Location"], plain.get("Content-Security-Policy", "")],
    "page": dict(page.items()),
    "signed_in": signed_in.status_code,
    "cookies": {name: str(value) for one in (page, signed_in) for name, value in one.cookies.items()},
}))
"""


def test_djangos_checks_for_production_find_nothing_and_cookies_are_for_https_alone(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "sira.sqlite3")
    asked = run(tmp_path, "-c", ASK)
    assert asked.returncode == 0, asked.stderr
    checked, _, told = asked.stdout.partition("\n")
    assert checked.startswith("System check identified no issues")
    seen = json.loads(told)
    assert seen["signed_in"] == 302
    cookies = seen["cookies"]
    assert cookies.keys() == {"csrftoken", "sessionid"}
    for cookie in cookies.values():
        assert "; Secure" in cookie
        assert "; SameSite=Lax" in cookie
        assert "omain=" not in cookie
    assert "; HttpOnly" in cookies["sessionid"]
    assert f"Max-Age={14 * 24 * 3600}" in cookies["sessionid"]
    assert seen["page"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert "script-src 'self'" in seen["page"]["Content-Security-Policy"]
    status, location, policy = seen["plain"]
    assert (status, location) == (301, "https://sira.example.com/login/")
    assert "script-src 'self'" in policy


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", ""), ("SECRET_KEY", "a" * 60), ("DEBUG", "true"), ("ALLOWED_HOSTS", ""), ("ALLOWED_HOSTS", "*")],
)
def test_what_would_be_unsafe_does_not_start_and_names_the_variable(tmp_path: Path, name: str, value: str) -> None:
    started = run(tmp_path, "-c", "import config.settings", **{name: value})
    assert started.returncode != 0
    assert f"{name} must be" in started.stderr or f"{name} must name" in started.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIGN_IN_TRIES", "-1"), ("SIGN_IN_WINDOW_SECONDS", "0"), ("TRUSTED_PROXIES", "-1"), ("SESSION_DAYS", "0")],
)
def test_a_limit_that_makes_no_sense_does_not_start(tmp_path: Path, name: str, value: str) -> None:
    started = run(tmp_path, "-c", "import config.settings", **{name: value})
    assert started.returncode != 0
    assert name in started.stderr.splitlines()[-1]
