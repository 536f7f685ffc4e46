"""Bad input through the real door: 4xx where it can be seen there, else a failed job that says what to do."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests import samples

MEGABYTE = 1024 * 1024
FORM = {"user_id": "u", "session_id": "s"}

#: What the door can see: name, content, status, code.
AT_THE_DOOR = [
    ("cv.pdf", b"", 400, "empty_file"),
    ("cv.pdf", b"%PDF-1.4" + b"x" * (20 * MEGABYTE), 413, "file_too_large"),
    ("cv.pdf", "png", 415, "type_mismatch"),
    ("cv.docx", "pdf", 415, "type_mismatch"),
    ("cv.docx", "encrypted docx", 400, "encrypted_file"),
    ("cv.png", "huge png", 400, "image_too_large"),
    ("cv.txt", "garbage", 415, "unsupported_type"),
    ("cv.exe", b"MZ\x90\x00" + b"\x00" * 100, 415, "unsupported_type"),
]
#: What only opening it shows: the job's error code.
IN_THE_JOB = [
    ("cv.pdf", "encrypted pdf", {"encrypted_file"}),
    ("cv.pdf", "corrupt pdf", {"corrupt_file"}),
    ("cv.docx", "corrupt docx", {"corrupt_file"}),
    ("cv.pdf", "51 pages", {"too_many_pages"}),
    ("cv.docx", "zip bomb", {"decompression_bomb"}),
    ("cv.pdf", "pdf bomb", {"decompression_bomb", "too_expensive", "no_text"}),
    ("cv.txt", "million lines", {"too_much_text"}),
    ("cv.pdf", "blank", {"no_text"}),
]


def content(what: str | bytes) -> bytes:
    if isinstance(what, bytes):
        return what
    return {
        "png": samples.cv_image,
        "pdf": samples.cv_pdf,
        "encrypted docx": samples.encrypted_docx,
        "huge png": samples.huge_png,
        "garbage": samples.binary_garbage,
        "encrypted pdf": samples.encrypted_pdf,
        "corrupt pdf": samples.corrupt_pdf,
        "corrupt docx": samples.corrupt_docx,
        "51 pages": lambda: samples.pdf_with_pages(51),
        "zip bomb": samples.zip_bomb_docx,
        "pdf bomb": samples.pdf_bomb,
        "million lines": samples.million_lines,
        "blank": lambda: samples.text_pdf([""]),
    }[what]()


def test_every_bad_file_gets_a_clear_answer_and_harms_nobody(server_stack: Any) -> None:
    stack = server_stack()
    workers = stack.children().workers
    session = requests.Session()
    session.headers["Authorization"] = f"Token {stack.token('ada')}"
    base = f"{stack.base_url}/api/v1/parser"

    def post(name: str, body: bytes) -> requests.Response:
        return session.post(f"{base}/parse-file-async", files={"file": (name, body)}, data=FORM, timeout=30)

    for name, what, status, code in AT_THE_DOOR:
        answer = post(name, content(what))
        assert (answer.status_code, answer.json()["code"]) == (status, code), (name, what, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert len(answer.json()["detail"]) > 20

    jobs = {}
    for name, what, codes in IN_THE_JOB:
        answer = post(name, content(what))
        assert answer.status_code == 202, (name, what, answer.text)
        jobs[answer.json()["job_id"]] = (what, codes)
    good = post("cv.pdf", samples.cv_pdf("en")).json()["job_id"]
    deadline = time.monotonic() + 120
    for job_id, (what, codes) in jobs.items():
        while (status := session.get(f"{base}/job/{job_id}", timeout=10).json())["status"] == "processing":
            assert time.monotonic() < deadline, f"{what} is stuck"
            time.sleep(0.1)
        code = session.get(f"{base}/result/{job_id}", timeout=10).json()["code"]
        assert (status["status"], code in codes) == ("failed", True), (what, code, status)
        assert len(status["error_message"]) > 20
    while session.get(f"{base}/job/{good}", timeout=10).json()["status"] == "processing":
        time.sleep(0.1)
    assert session.get(f"{base}/result/{good}", timeout=10).status_code == 200
    assert stack.children().workers == workers, "no worker died"


@pytest.mark.django_db
class TestRequests:
    """Seen before anything is stored."""

    @pytest.fixture
    def client(self, client: Any, django_user_model: Any) -> Any:
        client.force_login(django_user_model.objects.create_user("ada"))
        client.raise_request_exception = False
        return client

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("[]", "not_an_object"),
            ('"text"', "not_an_object"),
            ("{", "invalid_json"),
            ('{"user_id": "u", "session_id": "s", "text": "a\\u0000b"}', "unstorable_text"),
            ('{"user_id": "u", "session_id": "s", "text": "a\\ud800b"}', "unstorable_text"),
            ('{"user_id": "u", "session_id": "s", "text": "  "}', "empty_text"),
            ('{"user_id": "u", "session_id": "s", "text": "x", "parse_mode": "deep"}', "invalid"),
            ('{"user_id": "u", "session_id": "s"}', "invalid"),
            ('{"user_id": "u", "text": "x"}', "invalid"),
            ('{"user_id": "u", "session_id": "s", "text": 5e400}', "invalid_json"),
            ('{"user_id": {"a": 1}, "session_id": "s", "text": "x"}', "invalid"),
            ("[" * 100_000, "invalid_json"),
        ],
    )
    def test_a_bad_body_is_a_400_problem(self, client, body, code):
        answer = client.post("/api/v1/parser/parse-text-async", body, content_type="application/json")
        assert answer.status_code == 400, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        problem = answer.json()
        if code != "invalid":
            assert problem["code"] == code
        else:
            assert problem["errors"]

    def test_a_text_of_a_million_lines_is_refused(self, client):
        answer = client.post(
            "/api/v1/parser/parse-text-async",
            {"user_id": "u", "session_id": "s", "text": "line\n" * 1_000_000},
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "too_much_text")

    def test_a_missing_file_an_unknown_mode_and_a_missing_label_are_named(self, client):
        answer = client.post("/api/v1/parser/parse-file-async", {"user_id": "u", "parse_mode": "deep"})
        assert answer.status_code == 400
        assert {"file", "session_id", "parse_mode"} <= {error["field"] for error in answer.json()["errors"]}

    @pytest.mark.parametrize("path", ["job/nonsense", "job/0192aaaa-0000-7000-8000-000000000000", "result/nonsense"])
    def test_an_unknown_job_is_a_404_problem(self, client, path):
        answer = client.get(f"/api/v1/parser/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")

    def test_nobody_gets_in_without_a_token(self, client):
        client.logout()
        assert client.get("/api/v1/parser/monitoring").status_code == 401
