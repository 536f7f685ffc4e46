"""What the clients decide, without a connection: the outside is played by lists."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sira_client
from hypothesis import given
from hypothesis import strategies as st
from sira_client import _calls, _retries, _watching
from sira_client import _effects as do
from sira_client._models import parse_job
from sira_client._retries import Patience
from sira_client._sse import Frames
from sira_client._submissions import Submission, request_of
from sira_client._uploads import uploads_of


# --- server-sent events -------------------------------------------------------------------------------------------
def frames_of(pieces: Iterable[bytes]) -> list[tuple[str, str, str]]:
    frames = Frames()
    return [(frame.id, frame.event, frame.data) for piece in pieces for frame in frames.feed(piece)]


STREAM = (
    '\ufeffretry: 1000\n\n: still here\n\nid: 1\nevent: created\ndata: {"a": "ığüşöç ✓ \u2028 \u0085"}\n\n'
    "id: 2\r\nevent: progress\r\ndata: one\r\ndata:two\r\n\r\nid: 3\rdata:  x\r\revent: nothing to say\n\n"
    "data\n\nid: 4\ndata: was cut of"
).encode()
SAID = [
    ("1", "created", '{"a": "ığüşöç ✓ \u2028 \u0085"}'),
    ("2", "progress", "one\ntwo"),
    ("3", "message", " x"),
    ("3", "message", ""),
]  # fmt: skip


def test_a_stream_that_comes_byte_by_byte_says_the_same_as_at_once():
    assert frames_of([STREAM]) == SAID
    assert frames_of(STREAM[at : at + 1] for at in range(len(STREAM))) == SAID
    for border in range(len(STREAM)):
        assert frames_of([STREAM[:border], b"", STREAM[border:]]) == SAID, border


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_says_the_same_wherever_it_is_cut(borders):
    cuts = [0, *sorted(borders), len(STREAM)]
    assert frames_of(STREAM[begin:end] for begin, end in itertools.pairwise(cuts)) == SAID


def test_a_carriage_return_ends_a_frame_at_once_and_its_newline_is_not_another_line():
    frames = Frames()
    assert [frame.data for frame in frames.feed(b"data: a\r\r")] == ["a"]
    assert list(frames.feed(b"\ndata: b")) == []
    assert [frame.data for frame in frames.feed(b"\r\n\r\n")] == ["b"]


def test_a_large_event_in_small_pieces_is_read_in_one_pass():
    text = b"data: " + b"x" * 4_000_000 + b"\n\n"
    ((_, _, data),) = frames_of(text[at : at + 1000] for at in range(0, len(text), 1000))
    assert len(data) == 4_000_000


# --- playing ------------------------------------------------------------------------------------------------------
class Outside:
    """Answers the effects of some steps from a list, with a clock that only sleeping moves."""

    def __init__(self, *outcomes: Any, patience: float = 60) -> None:
        self.outcomes = list(outcomes)
        self.now = 0.0
        self.patience = Patience(patience, clock=lambda: self.now)
        self.requests: list[do.Request] = []
        self.pauses: list[float] = []
        self.told: list[Any] = []

    def play(self, steps: Any) -> Any:
        outcome = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration as end:
                assert self.outcomes == [], "not all was asked for"
                return end.value
            outcome = None
            match effect:
                case do.Send(request) | do.Open(request):
                    self.requests.append(request)
                    outcome = self.outcomes.pop(0)
                case do.Read():
                    outcome = self.outcomes.pop(0)
                case do.Sleep(seconds):
                    self.pauses.append(seconds)
                    self.now += seconds
                case do.Emit(value):
                    self.told.append(value)
            if isinstance(outcome, float):  # it came after so many seconds
                self.now += outcome
                outcome = self.outcomes.pop(0)


def answer(body: Any = None, status: int = 200, **headers: str) -> do.Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return do.Answer(status, given, json.dumps(body).encode())


def event(seq: int, type: str = "progress", state: str = "processing") -> dict[str, Any]:
    return {"seq": seq, "type": type, "state": state, "progress": seq, "new_in_some_release": [seq]}


def page(*events: dict[str, Any], state: str = "processing") -> do.Answer:
    return answer({"events": list(events), "next_after": 0, "job_state": state})


def frame(said: dict[str, Any]) -> bytes:
    return f"id: {said['seq']}\nevent: {said['type']}\ndata: {json.dumps(said)}\n\n".encode()


OPENED = do.Answer(200, {"content-type": "text/event-stream"})
REFUSED, BROKEN, SILENT = do.Lost("refused", sent=False), do.Lost("reset"), do.Lost("time-out", silent=True)
END = event(9, "succeeded", "succeeded")
JOB = {"id": "j", "kind": "a.b_c", "state": "queued", "seq": 1}


# --- trying again -------------------------------------------------------------------------------------------------
def test_a_submission_is_sent_again_with_the_same_key_until_it_is_answered():
    outside = Outside(REFUSED, BROKEN, answer(None, 503), answer(None, 502), answer(JOB, 202))
    request = request_of(Submission("a.b_c", {"x": 1}))
    assert outside.play(_calls.submit(outside.patience, request)).id == "j"
    assert len({sent.headers["Idempotency-Key"] for sent in outside.requests}) == 1
    assert len(outside.pauses) == 4
    assert all(low / 2 <= pause <= low for low, pause in zip([0.25, 0.5, 1, 2], outside.pauses, strict=True))
    other = request_of(Submission("a.b_c", {"x": 1}))
    assert other.headers["Idempotency-Key"] != request.headers["Idempotency-Key"]


def test_what_may_have_been_done_already_is_not_done_again():
    for step in (_calls.retry, _calls.delete):
        steps = {"reason": ""} if step is _calls.retry else {}
        outside = Outside(BROKEN)
        with pytest.raises(sira_client.Unreachable, match="tried once"):
            outside.play(step(outside.patience, "j", **steps))
        outside = Outside(answer({"code": "unavailable", "detail": "Later."}, 503))
        with pytest.raises(sira_client.ServerError, match="Later"):
            outside.play(step(outside.patience, "j", **steps))
        done = (
            answer(JOB) if step is _calls.retry else answer({"job_id": "j", "digest": "d", "deleted_at": "2026-11-27"})
        )
        outside = Outside(REFUSED, answer(None, 429), done)  # was certainly not taken
        outside.play(step(outside.patience, "j", **steps))


def test_retry_after_is_honoured_unless_it_is_past_all_patience():
    outside = Outside(answer(None, 429, retry_after="7"), answer(JOB))
    outside.play(_calls.get(outside.patience, "j"))
    assert outside.pauses == [7]
    outside = Outside(answer({"code": "queue_draining", "detail": "Emptying."}, 503, retry_after="90"))
    with pytest.raises(sira_client.ServerError) as caught:
        outside.play(_calls.get(outside.patience, "j"))
    assert (caught.value.code, caught.value.tries, outside.pauses) == ("queue_draining", 1, [])
    outside = Outside(answer(None, 503, retry_after="Fri, 27 Nov 2020 06:00:00 GMT"), answer(JOB))
    outside.play(_calls.get(outside.patience, "j"))
    assert outside.pauses[0] <= 0.25


def test_patience_ends_and_the_error_says_what_was_tried():
    outside = Outside(*[REFUSED] * 100, patience=20)
    with pytest.raises(sira_client.Unreachable, match=r"GET /api/v1/jobs/j/ had no answer; tried .* refused") as caught:
        outside.play(_calls.get(outside.patience, "j"))
    assert caught.value.tries == len(outside.pauses) + 1 > 5
    assert 15 < sum(outside.pauses) <= 20
    assert max(outside.pauses) <= _retries.LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, sira_client.InvalidInput), (401, sira_client.NotAuthenticated), (403, sira_client.Forbidden),
        (404, sira_client.NotFound), (409, sira_client.Conflict), (413, sira_client.ApiError),
        (422, sira_client.Unprocessable), (500, sira_client.ServerError), (302, sira_client.ApiError),
    ],
)  # fmt: skip
def test_each_refusal_is_an_error_of_its_own_and_is_not_tried_again(status, error):
    problem = {"code": "some_code", "detail": "Do this.", "errors": [{"field": "x", "code": "y", "message": "z"}]}
    outside = Outside(answer(problem, status))
    with pytest.raises(error, match="Do this") as caught:
        outside.play(_calls.get(outside.patience, "j"))
    assert (caught.value.status, caught.value.code, caught.value.errors) == (status, "some_code", problem["errors"])
    assert type(caught.value) is error


def test_a_page_of_somebody_else_is_no_answer():
    outside = Outside(do.Answer(200, {}, b"<html>Sign in</html>"))
    with pytest.raises(sira_client.WrongShape, match="no JSON"):
        outside.play(_calls.get(outside.patience, "j"))
    outside = Outside(do.Answer(502, {}, b"<html>Bad gateway</html>"), patience=0)
    with pytest.raises(sira_client.ServerError, match="without saying why"):
        outside.play(_calls.get(outside.patience, "j"))


def test_a_cancel_whose_answer_was_lost_has_cancelled():
    cancelled = JOB | {"state": "cancelled"}
    conflict = answer({"code": "job_ended", "state": "cancelled"}, 409)
    outside = Outside(BROKEN, conflict, answer(cancelled))
    assert outside.play(_calls.cancel(outside.patience, "j", "")).state == "cancelled"
    outside = Outside(conflict)  # somebody else did
    with pytest.raises(sira_client.Conflict):
        outside.play(_calls.cancel(outside.patience, "j", ""))


# --- events -------------------------------------------------------------------------------------------------------
def follow(outside: Outside, after: int = 0, timeout: float | None = None) -> list[int]:
    outside.play(_watching.follow(outside.patience, "j", after, timeout))
    return [one.seq for one in outside.told]


def test_events_are_told_once_and_in_order_over_broken_streams():
    outside = Outside(
        OPENED, b"retry: 1000\n\n" + frame(event(1)) + frame(event(2))[:-1], BROKEN,
        REFUSED, answer(None, 503), page(event(2)),                        # the server restarts; the log is read
        OPENED, frame(event(2)) + frame(event(3)), frame(event(5)),        # one that was had, and one too far
        page(event(4), event(5)),
        OPENED, frame(event(6)), b": still here\n\n", b"",
        page(),
        OPENED, frame(event(7)) + frame(event(8)) + frame(END), b"",
        page(state="succeeded"),
    )  # fmt: skip
    assert follow(outside) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    resumed = [sent.headers["Last-Event-ID"] for sent in outside.requests if "Last-Event-ID" in sent.headers]
    assert resumed == ["0", "2", "5", "6"]


def test_an_event_that_is_no_json_is_read_from_the_log():
    outside = Outside(OPENED, b"data: {\n\n", page(event(1), END | {"seq": 2}, state="succeeded"))
    assert follow(outside) == [1, 2]


def test_a_job_that_failed_and_was_run_again_has_not_ended():
    failed = event(1, "failed", "failed")
    outside = Outside(
        OPENED, frame(failed), b"", page(event(2, "requeued", "queued"), state="failed"),  # in between
        OPENED, frame(END | {"seq": 3}), b"", page(state="succeeded"),
    )  # fmt: skip
    assert follow(outside) == [1, 2, 3]


def test_without_streams_the_log_is_read_again_and_again():
    for answered in (answer({"code": "not_acceptable"}, 406), do.Answer(200, {"content-type": "application/json"})):
        outside = Outside(answered, page(event(1)), page(), page(), page(END, state="succeeded"))
        assert follow(outside) == [1, 9]
        assert sum("Last-Event-ID" in sent.headers for sent in outside.requests) == 1
        assert max(outside.pauses) <= 1


def test_streams_that_something_on_the_way_holds_back_are_given_up():
    outside = Outside(
        OPENED, 25.0, SILENT, page(event(1)), OPENED, 25.0, SILENT, page(event(2)), page(END, state="succeeded")
    )  # fmt: skip
    assert follow(outside) == [1, 2, 9]


def test_a_job_that_is_gone_and_a_token_that_is_no_longer_good_end_the_events():
    for status, error in ((404, sira_client.NotFound), (401, sira_client.NotAuthenticated)):
        outside = Outside(OPENED, frame(event(1)), BROKEN, answer({"detail": "No."}, status))
        with pytest.raises(error):
            follow(outside)
        assert [one.seq for one in outside.told] == [1]


def test_a_deadline_is_kept_to_the_moment_also_when_only_comments_come():
    beats = [0.0] + [value for _ in range(3) for value in (15.0, b": still here\n\n")]
    outside = Outside(OPENED, *beats[1:], *[page()] * 100)
    with pytest.raises(sira_client.WaitTimeout, match="within 60 s") as caught:
        follow(outside, timeout=60)
    assert outside.now == pytest.approx(60)
    assert isinstance(caught.value, TimeoutError)
    outside = Outside(*[REFUSED] * 100)
    with pytest.raises(sira_client.WaitTimeout):
        follow(outside, timeout=3)
    assert outside.now == pytest.approx(3)
    outside = Outside(page(event(1)), *[page()] * 100)
    with pytest.raises(sira_client.WaitTimeout) as caught:
        follow(outside, timeout=2)
    assert caught.value.after == 1
    assert max(sent.timeout or 99 for sent in outside.requests) <= 2, "no try lasts longer than the deadline"


def test_waiting_is_over_when_the_job_is_and_says_how_it_ended():
    ended = JOB | {"state": "failed", "seq": 3, "error": {"code": "empty_file", "message": "Send one."}}
    tail = [OPENED, frame(event(2)), frame(event(3, "failed", "failed")), b"", page(state="failed")]
    outside = Outside(*tail, answer(ended))
    with pytest.raises(sira_client.JobFailed, match="empty_file") as caught:
        outside.play(_watching.wait(outside.patience, parse_job(JOB), None, True))
    assert (caught.value.job_id, caught.value.message) == ("j", "Send one.")
    assert [one.seq for one in outside.told] == [2, 3], "the job was described after its first"
    outside = Outside(answer(ended | {"state": "queued"}), OPENED, b"", page(state="failed"), answer(JOB),
                      OPENED, b"", page(state="failed"), answer(ended))  # fmt: skip
    assert outside.play(_watching.wait(outside.patience, "j", None, False)).error.code == "empty_file"


# --- what is sent and what comes ----------------------------------------------------------------------------------
def test_a_submission_with_files_is_a_form_and_a_file_can_be_sent_again(tmp_path: Path):
    path = tmp_path / "çizim.txt"
    path.write_bytes(b"from a path")
    opened = io.BytesIO(b"of an open file")
    files = {"file": path, "many": [b"bytes", ("b.txt", opened)]}
    request = request_of(Submission("a.b_c", {"x": [1]}, priority=0), files=files)
    assert request.form == {"kind": "a.b_c", "priority": "0", "input": '{"x": [1]}'}
    for _ in range(2):
        read = []
        for upload in request.uploads:
            with upload.open() as content:
                read.append((upload.field, upload.name, content.read()))
        assert read == [
            ("file", "çizim.txt", b"from a path"), ("many", "many", b"bytes"), ("many", "b.txt", b"of an open file"),
        ]  # fmt: skip
    with pytest.raises(FileNotFoundError):
        uploads_of({"file": "none.txt"})
    with pytest.raises(TypeError, match="binary"):
        uploads_of({"file": io.StringIO("text")})  # type: ignore[dict-item]


def test_a_time_without_a_zone_is_refused_before_it_is_misunderstood():
    with pytest.raises(ValueError, match="time zone"):
        Submission("a.b_c", run_after=datetime(2026, 11, 27))  # noqa: DTZ001
    when = datetime(2026, 11, 27, tzinfo=UTC)
    sent = request_of(Submission("a.b_c", run_after=when), cancel_after=90.5)
    assert json.loads(sent.content or b"")["run_after"] == "2026-11-27T00:00:00+00:00"
    assert sent.headers["Cancel-After"] == "91s"


def test_an_id_cannot_lead_to_another_address():
    assert _calls.path_of("../../queues/?x#y") == "api/v1/jobs/..%2F..%2Fqueues%2F%3Fx%23y/"


def test_what_a_newer_server_says_is_kept_and_breaks_nothing():
    said = JOB | {"state": "hibernating", "mood": {"new": True}, "files": [{"id": "f", "shelf": 3}]}
    job = parse_job(said)
    assert (job.state, job.is_finished, job.raw["mood"], job.files[0].raw["shelf"]) == (
        "hibernating",
        False,
        {"new": True},
        3,
    )
    assert job.files[0].job_id == "j"
    with pytest.raises(sira_client.WrongShape, match="job has no 'id'"):
        parse_job({"state": "queued", "kind": "a.b_c"})
    with pytest.raises(sira_client.WrongShape):
        parse_job(["no job"])


def test_pages_follow_the_servers_cursor_but_not_its_address():
    outside = Outside(
        answer({"results": [JOB], "next": "http://elsewhere.example/api/v1/jobs/?state=failed&cursor=abc"}),
        answer({"results": [JOB | {"id": "k"}], "next": None}),
    )
    outside.play(_calls.list_jobs(outside.patience, {"state": ["failed", "queued"], "since": None}))
    assert [job.id for job in outside.told] == ["j", "k"]
    assert [dict(sent.query) for sent in outside.requests] == [
        {"state": "failed,queued"}, {"state": "failed", "cursor": "abc"},
    ]  # fmt: skip
    assert {sent.path for sent in outside.requests} == {"api/v1/jobs/"}


def test_a_client_that_does_not_know_where_to_go_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SIRA_URL", raising=False)
    monkeypatch.delenv("SIRA_TOKEN", raising=False)
    with pytest.raises(ValueError, match="SIRA_URL"):
        sira_client.Sira()
    with pytest.raises(ValueError, match="SIRA_TOKEN"):
        sira_client.Sira("http://127.0.0.1")
    monkeypatch.setenv("SIRA_URL", "http://127.0.0.1:1/below/")
    monkeypatch.setenv("SIRA_TOKEN", "of the environment")
    with sira_client.Sira() as sira:
        assert str(sira._http.base_url) == "http://127.0.0.1:1/below/"
        assert sira._http.headers["Authorization"] == "Token of the environment"
