"""Every code that is raised is in the table, and the table, its page and its addresses say the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rest_framework.test import APIClient

from jobs.api import problem_types, problems

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "api-problems.md"
APPS = ("jobs", "config", "classifier", "imaging", "orders", "parsers")
#: Calls whose `code` becomes the code of a problem, and where it stands among their arguments.
RAISED_BY = {"Problem": None, "conflict": 1, "ParseError": None}
#: Errors of these modules reach a client from the door, not from a worker.
DOORS = (
    "jobs/api/", "jobs/door.py", "jobs/files.py", "jobs/idempotency.py", "jobs/queue_modes.py", "jobs/sent_files.py",
    "jobs/tokens/issuing.py", "jobs/webhooks/addresses.py", "jobs/webhooks/endpoints.py", "parsers/serializers.py",
    "parsers/ingestion/store.py", "imaging/messages.py", "orders/drafts.py", "orders/shops/webhooks.py",
)  # fmt: skip
FIELD_ERRORS = ("ValidationError", "ErrorDetail")


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def codes_in(path: Path) -> Iterator[str]:
    """Yield the codes of problems that a module raises."""
    is_door = str(path.relative_to(ROOT)).startswith(DOORS)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and called(node) not in FIELD_ERRORS:
            name = called(node)
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            place = RAISED_BY.get(name)
            if place is not None and len(node.args) > place:
                given.append(node.args[place])
            if name in RAISED_BY or is_door:
                yield from (str(code.value) for code in given if isinstance(code, ast.Constant))
        elif isinstance(node, ast.ClassDef) and is_door:
            for line in node.body:
                match line:
                    case ast.Assign(targets=[ast.Name("code")], value=ast.Constant(code)):  # of a shape it is a field
                        yield str(code)


def test_every_code_that_is_raised_is_in_the_table() -> None:
    raised = {
        code: str(path.relative_to(ROOT))
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        for code in codes_in(path)
    }
    assert len(raised) > 50
    assert {code: where for code, where in raised.items() if problem_types.find(code) is None} == {}


def test_what_the_shape_of_problems_gives_by_itself_is_in_the_table_with_the_same_status() -> None:
    for status, code in problems.CODE_OF_STATUS.items():
        assert (code, getattr(problem_types.find(code), "status", None)) == (code, status)
    for code, status in problems.STATUS_OF_CODE.items():
        assert (code, getattr(problem_types.find(code), "status", None)) == (code, status)


def test_the_page_has_the_table() -> None:
    text = PAGE.read_text()
    assert problem_types.as_markdown() in text, "Write it anew: see the top of docs/api-problems.md."


def test_the_table_is_to_be_had_over_the_api(api: APIClient) -> None:
    rows = api.get("/api/v1/problems/").json()["results"]
    assert [row["code"] for row in rows] == [type.code for type in problem_types.all_types()]
    missing = api.get("/api/v1/problems/no_such_code/").json()
    assert missing["code"] == "problem_not_found"
    one = api.get(f"/api/v1/problems/{missing['code']}/").json()
    assert (one["type"], one["status"], one["title"]) == (missing["type"], missing["status"], missing["title"])
    assert one["retry"] is False
