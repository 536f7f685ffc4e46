from __future__ import annotations

import csv
import io
import json

from jobs.models import Job
from tests.classifier.conftest import CLASSIFICATION, fail, finish, send, text_file
from tests.harness.description import validator_of

HEADER = "doc_id,filename,status,category,confidence,readable,language,detectors,reasons,error"


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_a_csv_has_one_row_a_document_without_a_mark_at_its_beginning(api, batch):
    seen = batch(3)
    done, broken, waiting = (document["doc_id"] for document in seen["documents"])
    finish(done)
    fail(broken)
    response = api.get(f"/jobs/{seen['job_id']}/export?format=csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="batch-{seen["job_id"]}.csv"'
    written = body_of(response)
    assert written.startswith(HEADER.encode() + b"\r\n")
    rows = list(csv.DictReader(io.StringIO(written.decode(), newline="")))
    assert [row["doc_id"] for row in rows] == [done, broken, waiting]
    assert rows[0] == {
        "doc_id": done, "filename": "0.txt", "status": "completed", "category": "Confidential", "confidence": "0.9",
        "readable": "true", "language": "en", "detectors": "email 2",
        "reasons": "It has e-mail addresses of persons. It says that it is confidential.", "error": "",
    }  # fmt: skip
    assert (rows[1]["status"], rows[1]["error"]) == ("failed", "The file is damaged and cannot be read.")
    assert (rows[2]["status"], rows[2]["category"]) == ("pending", "")


def test_no_cell_of_a_csv_is_a_formula(api):
    job_id = send(api, text_file("-2+3+cmd.txt"), text_file("@SUM(A1).txt")).json()["job_id"]
    first, second = Job.objects.filter(parent_id=job_id).order_by("pk")
    finish(first.pk, reasons=['=HYPERLINK("http://example.com")'], language="+1")
    finish(second.pk, reasons=["\tx", "\uff1dx"], final_category="\uff1d1+1")
    written = body_of(api.get(f"/jobs/{job_id}/export")).decode()
    cells = [cell for row in csv.reader(io.StringIO(written, newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))] == []
    assert "'-2_3_cmd.txt" in cells


def test_a_json_export_has_the_whole_classifications(api, batch, settings):
    seen = batch(2)
    finish(seen["documents"][0]["doc_id"], language="tr", reasons=["Gizli sözleşme."])
    response = api.get(f"/jobs/{seen['job_id']}/export?format=json")
    exported = json.loads(body_of(response))
    assert response["Content-Type"] == "application/json"
    described = validator_of({"$ref": "#/components/schemas/ClassifyExport"}, strict=True)
    assert [error.message for error in described.iter_errors(exported)] == []
    assert (exported["job_id"], exported["total_files"], exported["completed"]) == (seen["job_id"], 2, 1)
    assert exported["documents"][0]["classification"] == CLASSIFICATION | {
        "language": "tr",
        "reasons": ["Gizli sözleşme."],
    }
    assert exported["documents"][1]["classification"] is None


def test_an_export_is_read_in_pages_in_the_order_of_the_upload(api, batch, monkeypatch, django_assert_max_num_queries):
    from classifier import export

    monkeypatch.setattr(export, "PAGE", 2)
    seen = batch(5)
    ids = [document["doc_id"] for document in seen["documents"]]
    response = api.get(f"/jobs/{seen['job_id']}/export?format=csv")
    pieces = list(response.streaming_content)
    assert len(pieces) == 4  # the header, and 2 + 2 + 1
    assert [row.split(",")[0] for row in b"".join(pieces).decode().splitlines()[1:]] == ids
    exported = json.loads(body_of(api.get(f"/jobs/{seen['job_id']}/export?format=json")))
    assert [document["doc_id"] for document in exported["documents"]] == ids


def test_an_unknown_format_is_refused_as_a_problem_whatever_the_client_accepts(api, batch):
    seen = batch(1)
    answer = api.get(f"/jobs/{seen['job_id']}/export?format=xml", HTTP_ACCEPT="text/csv")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == "format"
    missing = api.get("/jobs/0190/export?format=csv", HTTP_ACCEPT="text/csv")
    assert (missing.status_code, missing.json()["code"]) == (404, "batch_not_found")
