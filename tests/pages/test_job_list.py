"""The list of jobs as the server answers it; what its scripts do is in test_jobs_page.py."""

from __future__ import annotations

import re
import uuid
from html import unescape
from urllib.parse import urlencode

import pytest

from config import job_list
from jobs import lifecycle, listing
from jobs.lifecycle import Submission
from jobs.models import Job, JobFile

KIND = "jobs.prune_expired"


@pytest.fixture
def ada(client, django_user_model):
    user = django_user_model.objects.create_user("ada", password="ada")
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch):
    monkeypatch.setattr(job_list, "PER_PAGE", 5)


def text_of(client, **parameters) -> str:
    response = client.get(f"/app/jobs/?{urlencode(parameters)}")
    assert response.status_code == 200
    return unescape(response.content.decode())


def shown(text: str) -> list[str]:
    return re.findall(r'data-job="([^"]+)"', text)


def link(text: str, name: str) -> str:
    found = re.search(rf'<a class="button" href="([^"]*)"[^>]*>{name}</a>', text)
    assert found, f"there is no link {name!r}"
    return found[1]


def submit(owner, n: int = 1, kind: str = KIND, **options) -> list[str]:
    """Submit n jobs and return their ids, newest first."""
    return [str(lifecycle.submit(kind, owner=owner, **options).pk) for _ in range(n)][::-1]


def become_staff(client) -> None:
    client.user.is_staff = True
    client.user.save()


def test_the_list_shows_own_jobs_only_also_to_staff(ada, bob):
    (own,) = submit(ada.user)
    submit(bob)
    assert shown(text_of(ada)) == [own]
    become_staff(ada)
    assert shown(text_of(ada)) == [own]


def test_staff_choose_whose_jobs_they_see(ada, bob):
    (own,), (theirs,) = submit(ada.user), submit(bob)
    become_staff(ada)
    assert shown(text_of(ada, owner="*")) == [theirs, own]
    assert shown(text_of(ada, owner="bob")) == [theirs]
    assert 'value="bob" selected' in text_of(ada, owner="bob")


def test_others_cannot_choose_whose_jobs_they_see_and_are_told_so(ada, bob):
    (own,) = submit(ada.user)
    submit(bob)
    for owner in ("*", "bob", "nobody"):
        text = text_of(ada, owner=owner)
        assert shown(text) == [own]
        assert "Only staff see the jobs of others" in text
    assert 'name="owner"' not in text


def test_one_leafs_to_the_oldest_and_back_and_sees_each_job_once(ada):
    ids = submit(ada.user, 12)
    first = text_of(ada)
    second = unescape(ada.get(f"/app/jobs/{link(first, 'Older')}").content.decode())
    third = unescape(ada.get(f"/app/jobs/{link(second, 'Older')}").content.decode())
    assert shown(first) + shown(second) + shown(third) == ids
    assert ">Older</a>" not in third
    back = unescape(ada.get(f"/app/jobs/{link(third, 'Newer')}").content.decode())
    assert shown(back) == shown(second)
    top = unescape(ada.get(f"/app/jobs/{link(back, 'Newer')}").content.decode())
    assert shown(top) == shown(first)
    for text in (second, third, back):
        assert link(text, "Newest") == "?"


def test_a_page_that_is_newer_and_not_full_is_the_first_page(ada):
    ids = submit(ada.user, 7)
    text = text_of(ada, after=ids[3])
    assert shown(text) == ids[:5]
    assert ">Newer</a>" not in text


def test_leafing_keeps_the_filters_and_filtering_begins_at_the_first_page(ada):
    ids = submit(ada.user, 8, session_id="s 1")
    submit(ada.user, 3)
    text = text_of(ada, session_id="s 1", since="hour")
    address = link(text, "Older")
    assert "session_id=s+1" in address
    assert "since=hour" in address
    older = unescape(ada.get(f"/app/jobs/{address}").content.decode())
    assert shown(older) == ids[5:]
    # The links of the states, and those that take a filter away.
    assert not re.findall(r'href="\?[^"]*(?:before|after)=[^"]*"(?! rel)', older)


def test_the_form_holds_what_the_address_says(ada):
    submit(ada.user)
    asked = {"q": 'file:"my cv"', "since": "today", "kind": KIND, "queue": "gpu", "session_id": "s1", "state": "failed"}
    text = text_of(ada, **asked, created_after="2026-01-02T03:04")
    assert 'value="file:"my cv""' in text
    assert '<option value="today" selected>' in text
    assert f'<option value="{KIND}" selected>' in text
    assert '<option value="gpu" selected>' in text
    assert 'name="session_id" maxlength="200" value="s1"' in text
    assert '<input type="hidden" name="state" value="failed">' in text
    assert 'type="datetime-local" value="2026-01-02T03:04"' in text


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("state", "nonsense", "Unknown state nonsense; there are pending, queued"),
        ("since", "yesterday", "is not a valid choice"),
        ("created_after", "soon", "wrong format"),
        ("parent", "7", "valid UUID"),
        ("before", "7", "valid UUID"),
        ("q", "colour:red", "There is no field colour to search in."),
        ("q", "id:xyz", "No id begins with xyz."),
        ("session_id", "x" * 201, "no more than 200"),
    ],
)
def test_a_bad_filter_is_named_and_left_out_and_the_others_hold(ada, name, value, sentence):
    (mine,) = submit(ada.user, user_id="u7")
    submit(ada.user)
    text = text_of(ada, user_id="u7", **{name: value})
    assert shown(text) == [mine]
    assert sentence in text
    assert "This filter is left out; the others hold." in text
    if name in ("q", "session_id"):
        assert value in text  # it can be mended where it stands


def test_an_owner_that_there_is_not_and_an_end_before_its_beginning_are_said_together(ada):
    (mine,) = submit(ada.user)
    become_staff(ada)
    text = text_of(ada, owner="nobody", created_after="2020-01-02T00:00", created_before="2020-01-01T00:00")
    assert "There is no user of this name" in text
    assert "The end must lie after the beginning." in text
    assert shown(text) == [mine]


def test_errors_are_in_the_readers_language(ada):
    ada.cookies["django_language"] = "tr"
    assert "geçerli bir seçim değil" in text_of(ada, since="yesterday")


def test_empty_fields_of_the_form_filter_nothing(ada):
    (mine,) = submit(ada.user)
    text = text_of(ada, q="", kind="", queue=" ", owner="", since="", created_after="", session_id="")
    assert shown(text) == [mine]
    assert 'role="alert"' not in text
    assert "Clear all filters" not in text


def test_what_is_chosen_stands_above_the_list_and_can_be_taken_away(ada):
    submit(ada.user, session_id="s1")
    text = text_of(ada, session_id="s1", q="cv", state="queued")
    assert "Session label: <strong>s1</strong>" in text
    assert '<a href="?q=cv&state=queued"' in text or '<a href="?state=queued&q=cv"' in text


def test_the_states_keep_the_other_filters(ada):
    submit(ada.user)
    text = text_of(ada, session_id="s1")
    assert "state=failed" in text
    for address in re.findall(r'<li><a href="(\?[^"]*state=[^"]*)"', text):
        assert "session_id=s1" in address


def test_under_way_is_all_that_has_not_ended(ada):
    ended, going = submit(ada.user, 2)
    lifecycle.cancel(uuid.UUID(ended))
    assert shown(text_of(ada, state="pending,queued,processing")) == [going]
    assert shown(text_of(ada, state="cancelled")) == [ended]


def test_jobs_are_counted_up_to_what_people_read(ada, monkeypatch):
    monkeypatch.setattr(job_list, "COUNT_AT_MOST", 8)
    monkeypatch.setattr(listing, "COUNT_AT_MOST", 8)
    submit(ada.user)
    assert ">1 job<" in text_of(ada)
    submit(ada.user, 6)
    assert ">7 jobs<" in text_of(ada)
    submit(ada.user, 3)
    assert ">More than 8 jobs<" in text_of(ada)


def test_an_empty_list_says_why_it_is_empty_and_what_to_do(ada):
    assert "You have not handed over anything yet." in text_of(ada)
    assert "No job fits all of this." in text_of(ada, state="failed")
    become_staff(ada)
    assert "Nobody has handed over anything yet." in text_of(ada, owner="*")


def test_a_search_that_did_not_get_to_the_end_says_how_far_it_came_and_goes_on(ada, monkeypatch):
    monkeypatch.setattr(listing, "STRETCH", 4)
    monkeypatch.setattr(listing, "SPARSE", 4)
    monkeypatch.setattr(listing, "PATIENCE_SECONDS", 0)
    (oldest,) = submit(ada.user, user_id="needle")
    submit(ada.user, 6)
    text = text_of(ada, q="needle")
    assert shown(text) == []
    assert "Nothing found among the jobs since" in text
    older = unescape(ada.get(f"/app/jobs/{link(text, 'Search older ones')}").content.decode())
    assert shown(older) == [oldest]
    assert "Search older" not in older


def test_the_documents_of_a_batch_are_rows_only_for_who_looks_for_them(ada):
    documents = [Submission("classifier.classify_document", {"file": str(uuid.uuid4())}) for _ in range(2)]
    batch = lifecycle.submit_batch(Submission("classifier.classify_batch"), documents, owner=ada.user)
    name_them(batch)
    children = [str(pk) for pk in batch.children.order_by("-pk").values_list("pk", flat=True)]
    text = text_of(ada)
    assert shown(text) == [str(batch.pk)]
    assert "Batch of 2 documents" in text
    assert shown(text_of(ada, kind="classifier.classify_document")) == children
    assert shown(text_of(ada, parent=str(batch.pk))) == children
    assert shown(text_of(ada, q="file:letter-1")) == [str(batch.children.order_by("pk")[1].pk)]


def name_them(batch: Job) -> None:
    for n, child in enumerate(batch.children.order_by("pk")):
        JobFile.objects.create(job=child, role="input", name=f"letter-{n}.pdf", file="x", size=1, sha256="0" * 64)


def test_who_may_not_change_a_job_cannot_select_it(ada, bob):
    submit(bob)
    become_staff(ada)
    assert re.search(r"data-part=\"pick\" disabled", text_of(ada, owner="*"))
    ada.user.is_superuser = True
    ada.user.save()
    text = text_of(ada, owner="*")
    assert not re.search(r"data-part=\"pick\" disabled", text)
    assert "data-others" in text


def test_the_script_learns_what_the_first_page_has_now(ada, bob):
    ids = submit(ada.user, 6, session_id="s1")
    submit(ada.user)
    submit(bob, session_id="s1")
    answer = ada.get("/app/jobs/newest/?session_id=s1")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {"jobs": [{"id": pk, "seq": 1} for pk in ids[:5]], "more": True}
    ada.logout()
    assert ada.get("/app/jobs/newest/").status_code == 302


def test_the_list_asks_the_same_number_of_queries_however_long_it_is(ada, django_assert_max_num_queries):
    for _ in range(5):
        submit(ada.user)
        lifecycle.submit_batch(
            Submission("classifier.classify_batch"),
            [Submission("classifier.classify_document", {"file": str(uuid.uuid4())})],
            owner=ada.user,
        )
    with django_assert_max_num_queries(6):
        ada.get("/app/jobs/")


def test_a_files_name_is_text_in_the_row_and_its_attributes(ada):
    (job,) = submit(ada.user)
    JobFile.objects.create(
        job_id=job, role="input", name='"><script>alert(1)</script>.txt', file="x", size=1, sha256="0" * 64
    )
    assert "<script>alert" not in ada.get("/app/jobs/").content.decode()
