"""clients/javascript under Node, with the same server and over the same spoilt connections; in a browser it is in
test_restarts.py."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sira_client

from tests.clients.conftest import JAVASCRIPT
from tests.clients.test_core import SAID, STREAM
from tests.clients.test_server import CV, KIND, budgets
from tests.harness.processes import ServerStack
from tests.harness.proxy import spoil
from tests.requirements import require_tool


def run(code: str, *, url: str = "", token: str = "") -> Any:
    """Run a module that has `Sira` and the rest of sira.js, and return what it hands to `say`."""
    program = (
        f'import {{ Sira, SiraError, JobNotSucceeded, Frames }} from "{JAVASCRIPT.as_uri()}/sira.js";\n'
        f"const sira = new Sira({{ url: {json.dumps(url)}, token: {json.dumps(token)} }});\n"
        f"const say = (value) => console.log(JSON.stringify(value));\n{code}"
    )
    done = subprocess.run(
        [require_tool("node", "nodejs"), "--input-type=module", "-e", program],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_stream_says_the_same_wherever_it_is_cut():
    stream = base64.b64encode(STREAM.replace(b"\r\revent", b"\n\nevent")).decode()
    whole = [data for _, _, data in SAID if data != ""]
    found = run(f"""
        const stream = Uint8Array.from(atob("{stream}"), (char) => char.charCodeAt(0));
        const all = [];
        for (let border = 0; border < stream.length; border++) {{
          const frames = new Frames();
          all.push([stream.slice(0, border), stream.slice(border)].flatMap((piece) => frames.feed(piece)));
        }}
        const frames = new Frames();
        all.push(Array.from(stream).flatMap((byte) => frames.feed(Uint8Array.of(byte))));
        say(all);
    """)
    assert len(found) == len(STREAM) + 1
    assert all(one == whole for one in found)


def test_a_job_is_submitted_watched_and_its_result_read(stack: ServerStack, token: str):
    said = run(
        f"""
        const seen = [];
        const job = await sira.submit("{KIND}", {{ act: "steps", value: 7 }}, {{ priority: 10, cancelAfter: 60 }});
        const ended = await sira.wait(job, {{ onProgress: (event) => seen.push(event.seq) }});
        const later = [];
        for await (const event of sira.events(job, {{ after: ended.seq - 2 }})) later.push(event.seq);
        const failing = await sira.submit("{KIND}", {{ act: "invalid" }});
        const failure = await sira.wait(failing).catch((error) => error);
        const none = await sira.result(failing).catch((error) => error);
        const refused = await sira.submit("{KIND}", {{ act: "dance" }}).catch((error) => error);
        const far = await sira.submit("{KIND}", {{}}, {{ runAfter: new Date(Date.now() + 3_600_000) }});
        const late = await sira.wait(far, {{ signal: AbortSignal.timeout(300) }}).catch((error) => error.name);
        const cancelled = await sira.cancel(far);
        say({{
          job, ended, seen, later, result: await sira.result(job), late, cancelled: cancelled.state,
          failure: [failure instanceof JobNotSucceeded, failure.code, failure.jobId === failing.id], none: none.code,
          refused: [refused instanceof SiraError, refused.status, refused.errors[0].field],
        }});
        """,
        url=stack.base_url,
        token=token,
    )
    last = said["ended"]["seq"]
    assert said["seen"] == list(range(2, last + 1))
    assert said["later"] == [last - 1, last]
    assert (said["result"], said["ended"]["state"]) == ({"value": 7, "attempt": 1}, "succeeded")
    assert said["job"]["deadline_at"] is not None
    assert (said["failure"], said["none"]) == ([True, "empty_file", True], "empty_file")
    assert said["refused"] == [True, 400, "input.act"]
    assert (said["late"], said["cancelled"]) == ("TimeoutError", "cancelled")


def test_events_are_whole_when_the_connection_is_cut_anywhere(stack: ServerStack, token: str):
    with sira_client.Sira(stack.base_url, token) as direct:
        job = direct.submit(KIND, {"act": "many_steps", "seconds": 0.5, "value": 20})
        sizes = [1000, 3000, 700, 1500, 400]
        with spoil(stack.port, budgets(*sizes, None)) as proxy:
            collect = f'const seen = []; for await (const one of sira.events("{job.id}")) seen.push(one); say(seen);'
            seen = run(collect, url=proxy.base_url, token=token)
            assert proxy.spoiled >= 3
        assert seen == [event.raw for event in direct.events(job)]


def test_a_submission_whose_answer_is_lost_is_one_job(stack: ServerStack, token: str):
    with spoil(stack.port, budgets(1, 500, None)) as proxy:
        code = f'say(await sira.submit("{KIND}", {{}}, {{ sessionId: "lost in a script" }}));'
        job = run(code, url=proxy.base_url, token=token)
        assert proxy.spoiled == 2
    with sira_client.Sira(stack.base_url, token) as direct:
        assert [listed.id for listed in direct.list(session_id="lost in a script")] == [job["id"]]


@pytest.mark.parametrize("language", ["javascript", "python"])
def test_the_examples_run_as_they_stand(stack: ServerStack, token: str, tmp_path: Path, language: str):
    cv = tmp_path / "cv.txt"
    cv.write_text(CV)
    example = JAVASCRIPT.parent / language / ("example.js" if language == "javascript" else "example.py")
    node = require_tool("node", "nodejs")
    done = subprocess.run(
        [node if language == "javascript" else sys.executable, example, cv],
        env=os.environ | {"SIRA_URL": stack.base_url, "SIRA_TOKEN": token, "PYTHONPATH": str(example.parent)},
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Python" in done.stdout
    assert "%" in done.stdout
