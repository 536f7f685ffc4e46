"""Results as tables: of one job, of a batch, of all jobs that a filter fits."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import files, lifecycle, tables
from jobs.lifecycle import Submission
from jobs.models import Job
from tests.api.conftest import KIND, claim, client_of, fail, finish, make_job

PATH = "/api/v1/jobs/results/"


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(response))))


def end(owner: Any, result: Any) -> Job:
    make_job(owner)
    return lifecycle.succeed(claim(), result)


def test_one_job_is_one_row_with_a_column_for_each_value_at_the_bottom(api: APIClient, ada: Any) -> None:
    job = end(ada, {"a": {"b": 1, "c": None}, "list": [1, {"x": "é"}], "empty": {}, "yes": True})
    response = api.get(f"/api/v1/jobs/{job.pk}/result/?format=csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert f"{job.pk}.csv" in response["Content-Disposition"]
    (row,) = rows_of(response)
    assert (row["id"], row["kind"], row["state"]) == (str(job.pk), KIND, "succeeded")
    assert (row["result.a.b"], row["result.list"], row["result.yes"]) == ("1", '[1,{"x":"é"}]', "true")
    assert (row["result.empty"], "result.a.c" in row, row["result_rest"]) == ("{}", False, "")
    assert rows_of(api.get(f"/api/v1/jobs/{job.pk}/result/", HTTP_ACCEPT="text/csv")) == [row]
    assert api.get(f"/api/v1/jobs/{job.pk}/result/").json()["result"]["yes"] is True


def test_a_batch_is_a_row_for_each_part_in_the_order_in_which_it_was_sent(api: APIClient, ada: Any) -> None:
    def sent(name: str) -> Submission:
        child = Submission(KIND)
        child.files = [
            files.store(SimpleUploadedFile(name, b"1"), name=name, media_type="x/y", role="input", job_id=child.id)
        ]
        return child

    parent = lifecycle.submit_batch(
        Submission("workload.sum_up"), [sent(name) for name in ("1.raw", "2.raw")], owner=ada
    )
    lifecycle.succeed(claim(), {"pictures": 36})
    lifecycle.cancel(parent.pk)
    rows = rows_of(api.get(f"/api/v1/jobs/{parent.pk}/result/?format=csv"))
    assert [(row["file"], row["state"], row["result.pictures"]) for row in rows] == [
        ("1.raw", "succeeded", "36"),
        ("2.raw", "cancelled", ""),
    ]
    assert {row["parent"] for row in rows} == {str(parent.pk)}


def test_what_a_spreadsheet_would_run_is_text(api: APIClient, ada: Any) -> None:
    job = end(ada, {"a": "=1+1", "=b": "@x", "c": -5})
    (row,) = rows_of(api.get(f"/api/v1/jobs/{job.pk}/result/?format=csv"))
    assert (row["result.a"], row["result.=b"], row["result.c"]) == ("'=1+1", "'@x", "'-5")


def test_what_has_not_ended_has_no_table_and_what_is_not_to_be_had_is_406(api: APIClient, ada: Any, bob: Any) -> None:
    job = make_job(ada)
    path = f"/api/v1/jobs/{job.pk}/result/"
    unfinished = api.get(f"{path}?format=csv")
    assert (unfinished.status_code, json.loads(unfinished.content)["code"]) == (409, "job_unfinished")
    assert unfinished["Content-Type"] == "application/problem+json"
    for refused in (api.get(f"{path}?format=xml"), api.get(path, HTTP_ACCEPT="application/pdf")):
        assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
        assert "csv (text/csv)" in refused.json()["detail"]
    assert client_of(bob).get(f"{path}?format=csv").status_code == 404


def test_results_of_a_filter_come_in_every_form(api: APIClient, ada: Any, bob: Any) -> None:
    finish(bob)
    first, failed = finish(ada), fail(ada)
    make_job(ada)
    query = {"state": "succeeded,failed"}
    rows = rows_of(api.get(PATH, query | {"format": "csv"}))
    assert [(row["id"], row["error_code"]) for row in rows] == [(str(failed.pk), "blank"), (str(first.pk), "")]
    listed = json.loads(text_of(api.get(PATH, query)))["results"]
    assert [row["result"] for row in listed] == [None, {"pictures": 36}]
    lines = text_of(api.get(PATH, query, HTTP_ACCEPT="application/x-ndjson")).splitlines()
    assert [json.loads(line) for line in lines] == listed
    assert text_of(api.get(PATH, {"kind": "no.such_kind", "format": "ndjson"})) == ""
    assert json.loads(text_of(api.get(PATH, {"kind": "no.such_kind"}))) == {"results": []}


def test_a_wrong_query_is_refused_before_anything_is_sent(api: APIClient, staff: Any, ada: Any) -> None:
    finish(ada)
    assert api.get(PATH, {"state": "done"}).status_code == 400
    assert api.get(PATH, {"owner": "staff"}).status_code == 400
    assert api.get(PATH, {"format": "xlsx"}).status_code == 406
    assert APIClient().get(PATH).status_code == 401
    assert len(rows_of(client_of(staff).get(PATH, {"format": "csv"}))) == 1


def test_many_jobs_are_read_a_page_at_a_time(api: APIClient, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PAGE", 3)
    for number in range(7):
        end(ada, {f"field{number}": number})
    monkeypatch.setattr(tables, "MOST_COLUMNS", 5)
    with CaptureQueriesContext(connection) as statements:
        rows = rows_of(api.get(PATH, {"format": "csv"}))
    assert max(statement["sql"].count("LIMIT 3") for statement in statements) == 1
    assert len(rows) == 7
    assert [row["result_rest"] for row in rows[5:]] == ['{"result.field1":1}', '{"result.field0":0}'], "nothing is lost"
