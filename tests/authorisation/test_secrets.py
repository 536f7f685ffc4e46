"""Nobody learns of what is another's: not from a refusal, not from a list, not from an id in a body or a query."""

from __future__ import annotations

import pytest

from tests.authorisation.asking import ask
from tests.authorisation.matrix import (
    UNKNOWN_LABEL,
    UNKNOWN_NUMBER,
    UNKNOWN_UUID,
    Cell,
    cells,
    ids_in,
    put,
    unknown_ids,
)
from tests.authorisation.world import ACT, CANARIES, upload

pytestmark = pytest.mark.django_db

NOBODYS = (UNKNOWN_UUID, UNKNOWN_NUMBER, UNKNOWN_LABEL)


@pytest.mark.parametrize("area", ["api", "pages"])
def test_a_404_for_anothers_is_word_for_word_the_one_for_none(world, area):
    unknown, differing, compared = unknown_ids(world.ids), [], 0
    for role in ("other", "viewer"):
        for cell in cells(area, role):
            if cell.expected == "404" and cell.route.converters:
                theirs, none = put(cell, world, world.ids), put(cell, world, unknown)
                compared += 1
                if theirs.without(*ids_in(cell, world.ids)) != none.without(*NOBODYS):
                    differing.append(f"{cell.name}: {theirs.body[:300]} but of none {none.body[:300]}")
    assert compared > (50 if area == "api" else 2)
    assert not differing, "\n".join(differing)


@pytest.mark.parametrize("role", ["anonymous", "other", "former"])
def test_no_answer_holds_a_word_of_the_owners(world, role):
    told = [
        f"{cell.name}: says {secret!r}: …{body[max(0, body.index(secret) - 80) :][:200]}"
        for area in ("api", "pages", "desk")
        for cell in cells(area, role)
        if cell.expected and (body := said(cell, world))
        for secret in world.secrets
        if secret in body
    ]
    assert not told, "\n".join(told)


def said(cell: Cell, world) -> str:
    """Return the answer without the ids that the role has sent itself."""
    body = put(cell, world, world.ids).body
    for sent in ids_in(cell, world.ids):
        body = body.replace(sent, "SENT")
    return body.replace("session_id=canary-session", "").replace('"session_id":"canary-session"', "")


#: Addresses of the other user's own things, with one of the owner's below or beside it.
MIXED = [
    ("GET", "/api/v1/jobs/{other_done}/files/{file}/"),
    ("GET", "/api/v1/webhooks/{other_webhook}/deliveries/{delivery}/"),
    ("POST", "/api/v1/webhooks/{other_webhook}/deliveries/{delivery}/replay/"),
    ("GET", "/api/v1/conversations/{other_conversation}/messages/{message}"),
    ("PATCH", "/api/v1/conversations/{other_conversation}/messages/{message}"),
    ("DELETE", "/api/v1/conversations/{other_conversation}/messages/{message}"),
    ("GET", "/api/v1/conversations/{other_conversation}/messages/{message}/preview"),
    ("DELETE", "/api/sessions/{other_session}/documents/{kept}"),
]


@pytest.mark.parametrize("method_and_path", MIXED, ids=lambda pair: f"{pair[0]} {pair[1]}")
def test_ones_own_address_opens_nothing_of_anothers(world, method_and_path):
    method, path = method_and_path
    own = {word: value for word, value in world.ids.items() if word.startswith("other_")}
    client = world.visitors.with_token("other")
    options = {} if method == "GET" else {"data": {"extra_metadata": {"a": 1}}, "format": "json"}
    theirs = ask(client, method, path.format_map(world.ids), **options)
    none = ask(client, method, path.format_map(unknown_ids(world.ids) | own), **options)
    sent = [value for word, value in world.ids.items() if f"{{{word}}}" in path]
    assert theirs.status == 404
    assert theirs.writes == ()
    assert theirs.without(*sent) == none.without(*NOBODYS, *sent)


#: Queries that name something of the owner's.
QUERIES = [
    "/api/v1/jobs/?parent={batch}",
    "/api/v1/jobs/results/?parent={batch}&format=csv",
    "/api/v1/jobs/results/?q=canary",
    "/api/v1/jobs/?user_id=canary-label",
    "/api/v1/jobs/?session_id=canary-label",
    "/api/v1/jobs/?q={queued}",
    "/api/v1/jobs/?q=canary",
    "/api/v1/jobs/?q=input.file:{file}",
    "/api/documents/process-and-store-batch/status/{ingestion}",
    "/api/documents/process-and-store-batch/status/nothing?session_id=canary-session",
    "/app/jobs/?parent={batch}",
    "/app/jobs/?q=canary",
    "/app/jobs/newest/?parent={batch}",
    "/app/jobs/?owner=*",
]


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_finds_nothing_of_anothers(world, path):
    client = world.visitors.with_session("other")
    theirs, none = (
        ask(client, "GET", path.format_map(world.ids)),
        ask(client, "GET", path.format_map(unknown_ids(world.ids))),
    )
    sent = [value for word, value in world.ids.items() if f"{{{word}}}" in path]
    assert theirs.status == 200
    assert theirs.without(*sent, *(one[-8:] for one in sent)) == none.without(*NOBODYS, *(one[-8:] for one in NOBODYS))
    body = theirs.without(*sent, "q=canary", "canary-label", "canary-session", '"canary"', "“canary”", ">canary<")[2]
    assert not [word for word in CANARIES if word in body]


def test_a_job_cannot_be_given_a_file_of_anothers(world):
    client = world.visitors.with_token("other")
    for kind, field, word in (("parsers.parse_cv", "file", "file"), ("classifier.classify_document", "file", "sent")):
        given = {"kind": kind, "input": {field: world.ids[word]}}
        none = {"kind": kind, "input": {field: UNKNOWN_UUID}}
        theirs = ask(client, "POST", "/api/v1/jobs/", data=given, format="json")
        assert theirs.status == 400
        assert theirs.writes == ()
        assert theirs.without(world.ids[word]) == ask(
            client, "POST", "/api/v1/jobs/", data=none, format="json"
        ).without(UNKNOWN_UUID)


def test_a_job_cannot_be_put_under_anothers_batch_or_name(world):
    client = world.visitors.with_token("other")
    for extra in ({"parent": world.ids["batch"]}, {"owner": "canary-owner"}, {"id": world.ids["queued"]}):
        answer = ask(client, "POST", "/api/v1/jobs/", data={"kind": ACT, "input": {}} | extra, format="json")
        assert (answer.status, answer.writes) == (400, ())


def test_an_idempotency_key_is_ones_own(world):
    owner, other = (world.visitors.with_token(role) for role in ("owner", "other"))
    sent = {"file": upload("a.txt"), "user_id": "u", "session_id": "s"}
    first = owner.post("/api/v1/parser/parse-file-async", sent, HTTP_IDEMPOTENCY_KEY="k")
    second = other.post("/api/v1/parser/parse-file-async", sent | {"file": upload("a.txt")}, HTTP_IDEMPOTENCY_KEY="k")
    assert first.json()["job_id"] != second.json()["job_id"]
    assert "Idempotent-Replayed" not in second


def test_resources_and_queues_name_nobody_to_others(world):
    """Positions and counts are everybody's; whose job it is, is not."""
    shown = world.visitors.with_token("other").get("/api/v1/resources/").json()["results"]
    (holder,) = next(one["holders"] for one in shown if one["name"] == "gpu")
    assert (holder["job"], holder["owner"], holder["worker"], holder["mine"]) == (None, None, None, False)
