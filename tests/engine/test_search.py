"""Which jobs a filter means, on both databases."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from jobs import lifecycle, listing
from jobs.listing import COUNT_AT_MOST, find_first_page, find_newer, find_page
from jobs.models import Job, JobFile
from jobs.search import JobFilter, Word, words_of

KIND = "workload.act_out"


def wanted(**parameters: Any) -> JobFilter:
    which = JobFilter(data=parameters)
    which.is_valid(raise_exception=True)
    return which


def found(user: Any = None, **parameters: Any) -> list[Job]:
    return list(wanted(**parameters).find(Job.objects.all(), user))


def problem(**parameters: Any) -> tuple[str, str]:
    """Return (code, sentence) of what is wrong with the one parameter."""
    which = JobFilter(data=parameters)
    assert not which.is_valid()
    ((error,),) = which.errors.values()
    return error.code, str(error)


def job(**values: Any) -> Job:
    made = lifecycle.submit(KIND, {}, owner=values.pop("owner", None))
    Job.objects.filter(pk=made.pk).update(**values)
    return Job.objects.get(pk=made.pk)


def named(name: str, **values: Any) -> Job:
    made = job(**values)
    JobFile.objects.create(job=made, role="input", name=name, file="x", size=1, sha256="0" * 64)
    return made


# --- the search line ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cv", [("", "cv")]),
        ("  cv   user:u7 ", [("", "cv"), ("user", "u7")]),
        ('file:"my cv.pdf" x', [("file", "my cv.pdf"), ("", "x")]),
        ('"user:u7"', [("", "user:u7")]),
        ('"http://x/y z"', [("", "http://x/y z")]),
        ("user:a:b", [("user", "a:b")]),
        ('"never closed', [("", '"never'), ("", "closed")]),
        ("it's C:\\x", None),
        ("it's", [("", "it's")]),
        ("a\\b", [("", "a\\b")]),
        ('""', []),
        ("input.file_name:cv metadata.a.b:1", [("input.file_name", "cv"), ("metadata.a.b", "1")]),
    ],
)
def test_a_line_is_split_into_words(line: str, words: list[tuple[str, str]] | None) -> None:
    if words is None:
        assert problem(q=line)[0] == "unknown_field"
    else:
        assert words_of(line) == [Word(*word) for word in words]


def test_a_word_that_could_find_nothing_is_refused_with_what_to_do() -> None:
    code, sentence = problem(q="fil:cv")
    assert code == "unknown_field"
    assert "Did you mean file:?" in sentence
    assert "quotation marks" in sentence
    assert "Did you mean" not in problem(q="10:30")[1]
    assert problem(q="state:lost")[0] == "invalid_choice"
    assert problem(q="id:xyz") == ("no_id", "No id begins with xyz. Give its first 4 or more digits: 0–9 and a–f.")
    assert problem(q="id:019")[0] == "no_id"
    assert problem(q="inputs.a:1")[0] == problem(q="input:1")[0] == "unknown_field"
    assert problem(q="a b c d e f g h i j k")[0] == "too_many"
    assert problem(q="x" * 501)[0] == "max_length"
    assert problem(q="a\0b")[0] == "null_characters_not_allowed"


def test_a_word_is_looked_for_where_people_would_expect_it(any_database: str, ada: Any) -> None:
    by_file = named("Sales-CV-2026.pdf")
    by_user, by_session = job(user_id="u7"), job(session_id="s1")
    by_error = job(error_code="rate_limited", error_message="The provider is slow today.")
    by_worker, by_owner = job(worker="host.3:17"), job(owner=ada)
    assert found(q="cv") == [by_file]
    assert found(q="file:sales-cv") == found(q='file:"CV-2026.PDF"') == [by_file]
    assert found(q="u7") == found(q="user:u7") == [by_user]
    assert found(q="u") == []  # a label is meant as a whole
    assert found(q="s1") == found(q="session:s1") == [by_session]
    assert found(q="rate_limited") == found(q="error:RATE") == found(q="error:slow") == [by_error]
    assert found(q="worker:host.3") == [by_worker]
    assert found(q="owner:ada") == [by_owner]
    assert len(found(q="kind:act_out")) == len(found(q=KIND)) == len(found(q="state:queued queue:default")) == 6
    assert found(q="cv user:u7") == []
    assert found(q=f"id:{str(by_file.pk)[:8]}")[-1] == by_file
    for whole in (str(by_error.pk), by_error.pk.hex, f"id:{by_error.pk}"):
        assert found(q=whole) == [by_error]


def test_a_path_looks_into_json_on_both_databases(any_database: str) -> None:
    given = {"file_name": "Selin-CV.pdf", "deep": {"list": ["a", {"b": "Needle"}]}, "n": 7, "on": True, "none": None}
    one = job(input=given, metadata={"parse_mode": "basic", 'qu"o%te': "x"}, result={"words": 36})
    two = named("cv-two.pdf", input={"file": str(uuid.uuid4())})
    assert found(q="input.file_name:selin") == [one]
    assert found(q="input.deep.list.1.b:needle") == [one]
    assert found(q="input.n:7") == found(q="input.on:true") == found(q="result.words:36") == [one]
    assert found(q="metadata.parse_mode:basic") == [one]
    assert found(q="input.none:x") == found(q="input.deep.missing.b:x") == found(q="input..x:y") == []
    # The row has only the id of a file that was sent; its name is what people look for.
    assert found(q="input.file_name:cv") == [two, one]
    assert found(q="metadata.file_name:cv") == []
    for odd in ("input.qu'ote:x", "input.%s:x", "input.{}:x", "input.$[0]:x", "input.a\\b:x"):
        assert found(q=odd) == []


def test_signs_of_the_database_are_letters_like_others(any_database: str) -> None:
    percent = named("100%_sure.pdf")
    named("100 sure.pdf")
    assert found(q="file:100%_s") == [percent]
    assert found(q="file:%_") == [percent]
    assert found(q="file:'") == found(q='file:"\\"') == []


# --- the other parameters -----------------------------------------------------------------------------------------
def test_several_values_come_in_one_parameter_or_in_several(db: None, ada: Any) -> None:
    queued, failed = job(), job(state="failed")
    job(state="cancelled")
    for query in ("state=queued,failed", "state=queued&state=failed", "state=queued,&state=,failed"):
        which = JobFilter(data=QueryDict(query))
        which.is_valid(raise_exception=True)
        assert list(which.find(Job.objects.all(), ada)) == [failed, queued], query


def test_times_are_a_stretch_or_move_on_with_the_clock(any_database: str) -> None:
    now = timezone.localtime()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    old = job(created_at=now - timedelta(days=8))
    this_week = job(created_at=now - timedelta(days=6))
    today, new = job(created_at=midnight), job()
    assert found(since="week") == [new, today, this_week]
    assert found(since="today") == [new, today]
    assert new in found(since="hour")
    assert old not in found(since="hour")
    assert found(created_before=(now - timedelta(days=7)).isoformat()) == [old]
    between = {"created_after": now - timedelta(days=7), "created_before": now - timedelta(days=5)}
    assert found(**{name: moment.isoformat() for name, moment in between.items()}) == [this_week]
    code, _ = problem(created_after=now.isoformat(), created_before=now.isoformat())
    assert code == "empty_range"


def test_an_owner_is_oneself_or_a_name_that_there_is(db: None, ada: Any, ben: Any) -> None:
    hers, his = job(owner=ada), job(owner=ben)
    assert found(ada, owner="me") == [hers]
    assert found(ada, owner="ben") == [his]
    assert problem(owner="nobody")[0] == "no_user"
    which = JobFilter(data={"owner": "ben"}, context={"user": ada})
    assert not which.is_valid()
    assert which.errors["owner"][0].code == "forbidden"


# --- pages --------------------------------------------------------------------------------------------------------
def all_pages(which: JobFilter, limit: int = 2) -> list[listing.Listed]:
    pages = [find_page(which, Job.objects.all(), None, limit)]
    while pages[-1].older:
        pages.append(find_page(which, Job.objects.all(), None, limit, before=pages[-1].older))
    return pages


@pytest.mark.parametrize("sparse", [1, 2, 3, 100])
def test_a_search_goes_through_the_table_in_stretches_and_misses_none(
    any_database: str, monkeypatch: pytest.MonkeyPatch, sparse: int
) -> None:
    monkeypatch.setattr(listing, "STRETCH", 3)
    monkeypatch.setattr(listing, "SPARSE", sparse)
    made = [job(error_code="needle" if n % 4 == 0 else "hay") for n in range(14)][::-1]
    needles = [one for one in made if one.error_code == "needle"]
    for patience in (0, 60):
        monkeypatch.setattr(listing, "PATIENCE_SECONDS", patience)
        for limit in (1, 2, 3, 20):
            pages = all_pages(wanted(q="error:needle"), limit)
            assert [one for page in pages for one in page.jobs] == needles, (patience, limit)
            assert pages[-1].searched_all
            assert all(len(page.jobs) == limit for page in pages[:-1] if page.searched_all)
    # With all the time in the world a page is full or the last one.
    assert [len(page.jobs) for page in all_pages(wanted(q="error:needle"))] == [2, 2]


def test_a_search_among_few_jobs_looks_at_those_few_and_misses_none(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "STRETCH", 3)
    monkeypatch.setattr(listing, "SPARSE", 2)
    monkeypatch.setattr(listing, "PATIENCE_SECONDS", 0)
    made = [job(user_id="u1" if n % 5 == 0 else "", error_code="needle") for n in range(25)][::-1]
    pages = all_pages(wanted(user_id="u1", q="error:needle"), 3)
    assert [one for page in pages for one in page.jobs] == [one for one in made if one.user_id]
    assert [len(page.jobs) for page in pages] == [2, 2, 1]


def test_what_an_index_finds_is_found_at_once_however_far_down(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "STRETCH", 2)
    monkeypatch.setattr(listing, "SPARSE", 2)
    monkeypatch.setattr(listing, "PATIENCE_SECONDS", 0)
    old = job(session_id="s1", user_id="u1")
    for _ in range(5):
        job()
    for q in (str(old.pk), f"id:{old.pk}", "session:s1", "user:u1"):
        page = find_page(wanted(q=q), Job.objects.all(), None, 2)
        assert (list(page.jobs), page.searched_all) == ([old], True), q
    assert not find_page(wanted(q="s1"), Job.objects.all(), None, 2).searched_all


def test_newer_pages_are_the_older_ones_backwards(db: None) -> None:
    made = [job() for _ in range(7)][::-1]
    newer = find_newer(wanted(), Job.objects.all(), None, 3, after=made[4].pk)
    assert newer == made[1:4]


def test_counting_stops_where_nobody_reads_on(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert COUNT_AT_MOST == 1_000
    monkeypatch.setattr(listing, "COUNT_AT_MOST", 4)
    for n in range(7):
        page = find_first_page(wanted(), Job.objects.all(), None, 2)
        assert (page.matches, len(page.jobs), page.older is None) == (min(n, 5), min(n, 2), n <= 2)
        assert page == replace(find_page(wanted(), Job.objects.all(), None, 2), matches=page.matches)
        job()
    assert find_first_page(wanted(q="file:x"), Job.objects.all(), None, 2).matches is None


def test_the_api_goes_on_after_a_page_that_is_empty(client: Any, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "STRETCH", 2)
    monkeypatch.setattr(listing, "SPARSE", 2)
    monkeypatch.setattr(listing, "PATIENCE_SECONDS", 0)
    old = job(owner=ada, user_id="needle")
    for _ in range(4):
        job(owner=ada)
    client.force_login(ada)
    address, seen, pages = "/api/v1/jobs/?q=needle&state=queued&state=failed", [], 0
    while address:
        answer = client.get(address).json()
        seen += [one["id"] for one in answer["results"]]
        address, pages = answer["next"], pages + 1
        assert address is None or "state=queued&state=failed" in address
    assert seen == [str(old.pk)]
    assert pages == 3
