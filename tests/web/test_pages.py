"""The pages keep to the policy: no script and no style stands in them, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from tests.authorisation.asking import ask
from tests.authorisation.matrix import cells, path_of

ROOT = Path(__file__).resolve().parents[2]
INSIDE = {
    "script": re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE),
    "style": re.compile(r"<style\b|<[^>]*\sstyle=", re.IGNORECASE),
    "handler": re.compile(r"<[^>]*\son[a-z]+=", re.IGNORECASE),
    "address": re.compile(r"(?:href|src|action)=[\"']?\s*javascript:", re.IGNORECASE),
    "elsewhere": re.compile(r"<(?:script|link|img|iframe|form)\b[^>]*(?:src|href|action)=[\"']?(?:https?:)?//", re.I),
}


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("script", "<script>go()</script>"),
        ("style", '<p class="a" style="color: red">'),
        ("style", "<style>p {}</style>"),
        ("handler", '<img src="/x" onerror="go()">'),
        ("address", '<a href="javascript:go()">'),
        ("elsewhere", '<script src="https://cdn.example/x.js"></script>'),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert INSIDE[what].search(text)
    assert not INSIDE[what].search('<script type="application/json" id="texts">{}</script><a href="/x">one</a>')


def test_an_answer_with_a_stricter_policy_keeps_it(world: Any) -> None:
    path = reverse("api:file-content", args=[world.ids["file"]])
    answer = world.visitors.with_token("owner").get(path)
    answer.close()
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.django_db
@pytest.mark.parametrize("area", ["pages", "desk"])
def test_no_page_has_a_script_a_style_or_an_address_of_others_inside(world: Any, area: str) -> None:
    role, looked, found = "administrator", 0, []
    for cell in cells(area, role):
        if cell.method == "GET" and cell.expected == "2xx":
            client = world.visitors.with_session(role)
            answer = ask(client, "GET", path_of(cell.route, cell.call, world.ids))
            if "html" in answer.media_type:
                looked += 1
                found += [
                    f"{cell.name}: {what}: …{match[0][-120:]}"
                    for what, pattern in INSIDE.items()
                    if (match := pattern.search(answer.body))
                ]
    assert looked >= 10
    assert not found, "\n".join(found)


def test_no_template_and_no_script_of_ours_writes_one() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {what}: {match[0][-80:]}"
        for path in (ROOT / "templates").rglob("*.html")
        for what, pattern in INSIDE.items()
        if what != "elsewhere" and (match := pattern.search(path.read_text()))
    ]
    forbidden = re.compile(r"\beval\(|new Function|document\.write|setAttribute\([\"'](?:style|on[a-z]+)[\"']")
    found += [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (ROOT / "static" / "js").rglob("*.js")
        if (match := forbidden.search(path.read_text()))
    ]
    assert not found, "\n".join(found)
