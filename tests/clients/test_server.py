"""The Python clients and a running server: each test once with Sira and once with AsyncSira."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import pytest
import sira_client
from sira_client import Event, Sira, Submission, _downloads, _retries, _watching

from tests.harness.processes import ServerStack
from tests.harness.proxy import spoil

KIND = "workload.act_out"
CV = "Software engineer\n\nExperience\n2015 - 2020 Developer, Analytical Engines Ltd\n\nSkills\nPython, SQL, Çizim\n"


@dataclass
class Acted:
    value: int
    attempt: int


class ActedDict(TypedDict):
    value: int


def test_a_job_is_submitted_watched_and_read_as_a_type(sira: Sira):
    seen: list[Event] = []
    job = sira.submit(KIND, {"act": "steps", "value": 7}, priority=10, user_id="u", metadata={"a": {"b": 1}})
    assert (job.kind, job.state, job.seq, job.priority, job.user_id) == (KIND, "queued", 1, 10, "u")
    ended = sira.wait(job, timeout=60, on_progress=seen.append)
    assert ended.succeeded
    assert ended.metadata == {"a": {"b": 1}}
    assert [event.seq for event in seen] == list(range(2, ended.seq + 1))
    assert {event.stage for event in seen} >= {f"step{step}" for step in range(10)}
    assert sira.result(job) == {"value": 7, "attempt": 1}
    assert sira.result(job.id, type=Acted) == Acted(7, 1)
    assert sira.result(job, type=ActedDict) == {"value": 7}
    with pytest.raises(sira_client.WrongShape, match=r"result.value: expected str, got int '7'"):
        sira.result(job, type=dict[str, str])
    events = list(sira.events(job))
    assert [event.seq for event in events] == list(range(1, ended.seq + 1))
    assert list(sira.events(job.id, after=events[-3].seq)) == events[-2:]
    assert list(sira.events(job, after=ended.seq)) == []
    assert events[0].at is not None
    assert sira.wait(job.id).seq == ended.seq


def test_whoever_looks_away_goes_on_where_he_was(sira: Sira):
    job = sira.submit(KIND, {"act": "steps", "seconds": 0.5})
    first = list(itertools.islice(sira.events(job), 4))
    rest = list(sira.events(job, after=first[-1].seq))
    assert [event.seq for event in first + rest] == list(range(1, 14))


def test_a_job_that_did_not_succeed_is_an_error_that_says_why(sira: Sira):
    job = sira.submit(KIND, {"act": "invalid"})
    with pytest.raises(sira_client.JobFailed, match="empty_file: The file is empty") as caught:
        sira.wait(job)
    assert (caught.value.job_id, caught.value.code) == (job.id, "empty_file")
    with pytest.raises(sira_client.JobFailed, match="empty_file"):
        sira.result(job)
    ended = sira.wait(job.id, check=False)
    assert (ended.state, ended.error) == ("failed", sira_client.Error("empty_file", caught.value.message))
    again = sira.retry(job, reason="once more")
    assert again.seq > ended.seq
    assert sira.wait(again, check=False).state == "failed"
    receipt = sira.delete(job)
    assert receipt.job_id == job.id
    for call in (sira.get, sira.cancel, sira.delete, lambda job: list(sira.events(job))):
        with pytest.raises(sira_client.NotFound) as gone:
            call(job)
        assert (gone.value.code, gone.value.status) == ("job_not_found", 404)


def test_a_job_is_cancelled_and_waiting_has_a_limit(sira: Sira):
    job = sira.submit(KIND, run_after=datetime.now(UTC) + timedelta(hours=1))
    assert job.state == "pending"
    began = datetime.now(UTC)
    with pytest.raises(sira_client.WaitTimeout) as caught:
        sira.wait(job, timeout=0.5)
    assert 0.4 < (datetime.now(UTC) - began).total_seconds() < 5
    assert caught.value.after == 1
    with pytest.raises(sira_client.Conflict) as unfinished:
        sira.result(job)
    assert unfinished.value.code == "job_unfinished"
    assert sira.cancel(job, reason="not needed").state == "cancelled"
    with pytest.raises(sira_client.JobCancelled):
        sira.wait(job)
    with pytest.raises(sira_client.JobCancelled):
        sira.result(job)
    with pytest.raises(sira_client.Conflict, match="job_ended"):
        sira.cancel(job)


def test_a_refused_submission_names_the_field(sira: Sira):
    with pytest.raises(sira_client.InvalidInput) as caught:
        sira.submit(KIND, {"act": "dance"})
    assert [error["field"] for error in caught.value.errors] == ["input.act"]
    with pytest.raises(sira_client.InvalidInput) as unknown:
        sira.submit("workload.act_up")
    assert unknown.value.code == "unknown_kind"


def test_who_nobody_knows_is_told_so(Client: Any, stack: ServerStack):
    with Client(stack.base_url, "wrong") as stranger, pytest.raises(sira_client.NotAuthenticated, match="401"):
        stranger.queues()


def test_the_same_key_is_the_same_job_and_another_body_is_refused(sira: Sira):
    key = f"key of {datetime.now(UTC).isoformat()}".replace(" ", "-")
    first = sira.submit(KIND, {"value": 1}, idempotency_key=key)
    assert sira.submit(KIND, {"value": 1}, idempotency_key=key).id == first.id
    with pytest.raises(sira_client.Unprocessable) as caught:
        sira.submit(KIND, {"value": 2}, idempotency_key=key)
    assert caught.value.code == "idempotency_key_reused"


@pytest.mark.parametrize("form", ["path", "bytes", "open file", "named"])
def test_files_go_up_and_come_down_whole(sira: Sira, tmp_path: Path, form: str):
    path = tmp_path / "özgeçmiş.txt"
    path.write_text(CV)
    given: Any = {
        "path": path, "bytes": CV.encode(), "open file": io.BytesIO(CV.encode()), "named": ("cv.txt", path)
    }[form]  # fmt: skip
    if form in ("bytes", "open file"):
        given = ("cv.txt", given)
    later = None if form == "path" else datetime.now(UTC) + timedelta(hours=1)  # once is enough to parse it
    job = sira.submit("parsers.parse_cv", {"parse_mode": "basic"}, files={"file": given}, run_after=later)
    (file,) = sira.get(job).files
    assert (file.name, file.size, file.role) == (
        "özgeçmiş.txt" if form == "path" else "cv.txt",
        len(CV.encode()),
        "input",
    )
    saved = sira.download(file, to=tmp_path / "saved.txt")
    assert saved.read_bytes() == CV.encode()
    (tmp_path / "folder").mkdir()
    assert sira.download(file, to=tmp_path / "folder") == tmp_path / "folder" / file.name
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [file.name]
    if form == "path":
        assert "Python" in str(sira.result(sira.wait(job, timeout=60)))


def test_many_jobs_are_submitted_at_once_or_none_of_them(sira: Sira):
    label = datetime.now(UTC).isoformat()
    jobs = sira.submit_many(
        [Submission(KIND, {"value": value}, session_id=label) for value in range(5)], cancel_after=timedelta(minutes=2)
    )
    assert [sira.result(sira.wait(job, timeout=60), type=Acted).value for job in jobs] == list(range(5))
    described = sira.get(jobs[0])
    assert described.deadline_at is not None
    assert described.created_at is not None
    assert (described.deadline_at - described.created_at).total_seconds() == pytest.approx(120, abs=1)
    with pytest.raises(sira_client.InvalidInput) as caught:
        sira.submit_many([Submission(KIND, session_id=label), Submission(KIND, {"act": "dance"}, session_id=label)])
    assert [error["field"] for error in caught.value.errors] == ["jobs.1.input.act"]
    assert len(list(sira.list(session_id=label))) == 5


def test_what_would_come_too_late_fails_at_its_deadline(sira: Sira):
    job = sira.submit(KIND, {"act": "sleep", "seconds": 30}, cancel_after=1)
    with pytest.raises(sira_client.JobFailed, match="deadline_exceeded"):
        sira.wait(job, timeout=30)


def test_a_list_goes_through_all_pages(sira: Sira):
    label = datetime.now(UTC).isoformat()
    jobs = [sira.submit(KIND, session_id=label) for _ in range(5)]
    listed = list(sira.list(session_id=label, limit=2))
    assert [job.id for job in listed] == [job.id for job in reversed(jobs)]
    assert list(sira.list(session_id=label, state=["cancelled", "failed"])) == []


def test_what_the_server_offers_is_described(sira: Sira):
    kinds = {kind.name: kind for kind in sira.kinds()}
    assert {field.name: field.type for field in kinds["parsers.parse_cv"].input}["file"] == "file"
    assert kinds[KIND].documentation
    queues = {queue.name: queue for queue in sira.queues()}
    assert queues["default"].accepts_jobs
    assert set(queues["default"].depth) == {"pending", "queued", "processing"}


# --- over connections that break ----------------------------------------------------------------------------------
@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retries, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(_retries, "LONGEST_PAUSE_SECONDS", 0.05)


def budgets(*sizes: int | None) -> Any:
    """Returns one after another, and the last for ever."""
    left = iter(sizes)
    last = sizes[-1]
    lock = threading.Lock()

    def next_one() -> int | None:
        with lock:
            return next(left, last)

    return next_one


def test_events_are_whole_when_the_connection_is_cut_anywhere(
    Client: Any, stack: ServerStack, token: str, hurry: None, record_property: Any
):
    with Client(stack.base_url, token) as direct:
        job = direct.submit(KIND, {"act": "many_steps", "seconds": 1, "value": 40})
        # From the middle of the headers to the middle of some event, each connection ends elsewhere.
        sizes = [300 + 37 * at % 2400 for at in range(25)]
        with spoil(stack.port, budgets(*sizes, None)) as proxy, Client(proxy.base_url, token) as sira:
            seen = list(sira.events(job))
            assert proxy.spoiled >= 5
        truth = list(direct.events(job))
    assert seen == truth
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    record_property("connections_cut", proxy.spoiled)


def test_a_connection_that_dies_without_a_word_is_given_up_after_a_silence(
    Client: Any, stack: ServerStack, token: str, hurry: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_watching, "SILENCE_SECONDS", 0.5)
    with Client(stack.base_url, token) as direct:
        job = direct.submit(KIND, {"act": "many_steps", "seconds": 1, "value": 20})
        with (
            spoil(stack.port, budgets(700, None, 900, None), silent=True) as proxy,
            Client(proxy.base_url, token) as sira,
        ):
            seen = list(sira.events(job))
            assert proxy.spoiled >= 1
        assert seen == list(direct.events(job))


def test_a_submission_whose_answer_is_lost_is_one_job(Client: Any, stack: ServerStack, token: str, hurry: None):
    label = f"lost-{Client.__name__}"
    with (
        spoil(stack.port, budgets(1, 40, 500, None)) as proxy,
        Client(proxy.base_url, token) as sira,
    ):
        job = sira.submit(KIND, {"value": 3}, session_id=label)
        assert proxy.spoiled == 3
        assert [listed.id for listed in sira.list(session_id=label)] == [job.id]


def test_a_download_that_breaks_is_begun_anew(Client: Any, stack: ServerStack, token: str, tmp_path: Path, hurry: None):
    content = b"line of a document\n" * 20_000
    with Client(stack.base_url, token) as direct:
        later = datetime.now(UTC) + timedelta(hours=1)
        job = direct.submit("parsers.parse_cv", files={"file": ("long.txt", content)}, run_after=later)
        (file,) = job.files
        with spoil(stack.port, budgets(10, 2000, 200_000, None)) as proxy, Client(proxy.base_url, token) as sira:
            path = sira.download(file, tmp_path)
            assert proxy.spoiled == 3
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]


def test_a_server_that_does_not_come_back_is_said_to_be_away(Client: Any, hurry: None):
    with spoil(1, budgets(None)) as proxy, Client(proxy.base_url, "t", patience=0.3) as sira:
        with pytest.raises(sira_client.Unreachable, match=r"tried \d+ times in 0.\d s"):
            sira.queues()
        with pytest.raises(sira_client.Unreachable):
            list(sira.events("0193f2ab-11c3-7000-8000-000000000000"))


def test_a_download_that_is_broken_off_leaves_nothing_behind(
    sira: Sira, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    later = datetime.now(UTC) + timedelta(hours=1)
    (file,) = sira.submit("parsers.parse_cv", files={"file": ("cv.txt", CV.encode())}, run_after=later).files

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_downloads._Part, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sira.download(file, tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    # One try is enough.
    monkeypatch.setattr(_retries, "FIRST_PAUSE_SECONDS", 10_000)
    monkeypatch.setattr(_retries, "LONGEST_PAUSE_SECONDS", 10_000)
    with pytest.raises(sira_client.DownloadBroken, match="what came is not the file"):
        sira.download(dataclasses.replace(file, size=file.size + 1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_stops_looking_lets_its_connection_go(stack: ServerStack, token: str):
    with Sira(stack.base_url, token) as sira:
        job = sira.submit(KIND, run_after=datetime.now(UTC) + timedelta(hours=1))
        for _ in sira.events(job):
            break
        pool = sira._http._transport._pool  # type: ignore[attr-defined]
        assert [str(connection) for connection in pool.connections if "ACTIVE" in str(connection)] == []
        sira.cancel(job)
