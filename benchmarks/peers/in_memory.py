"""The seeds' own architecture: FastAPI, BackgroundTasks, and a dictionary of jobs that a restart empties.

Served by `uvicorn benchmarks.peers.in_memory:app` in an environment of its own; nothing of Sıra is imported here.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Form, HTTPException, UploadFile
from pydantic import BaseModel

FOLDER = Path(os.environ["PEER_FOLDER"])

app = FastAPI()
JOBS: dict[str, dict[str, Any]] = {}


class NewJob(BaseModel):
    kind: str
    input: dict[str, Any] = {}
    user_id: str = ""
    session_id: str = ""


@app.post("/jobs", status_code=202)
async def submit(new: NewJob, tasks: BackgroundTasks) -> dict[str, Any]:
    return _accept(tasks, kind=new.kind, input=new.input, user_id=new.user_id, session_id=new.session_id)


@app.get("/jobs/{job_id}")
async def status(job_id: str) -> dict[str, Any]:
    if job_id not in JOBS:
        raise HTTPException(404, "There is no such job.")
    return JOBS[job_id]


@app.post("/parse-file-async", status_code=202)
async def upload(
    file: UploadFile, tasks: BackgroundTasks, user_id: str = Form(""), session_id: str = Form("")
) -> dict[str, Any]:
    path = FOLDER / f"{uuid.uuid4()}.txt"
    path.write_bytes(await file.read())
    return _accept(tasks, kind="parse", input={"file": path.name}, user_id=user_id, session_id=session_id)


def _accept(tasks: BackgroundTasks, **given: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    job = {"id": str(uuid.uuid4()), "status": "queued", "result": None, "created_at": now, "updated_at": now, **given}
    JOBS[job["id"]] = job
    tasks.add_task(_run, job["id"])
    return job


def _run(job_id: str) -> None:
    """Do nothing, in a thread, as the real work would be; a file is read."""
    job = JOBS[job_id]
    job.update(status="processing", updated_at=datetime.now(UTC))
    name = job["input"].get("file")
    words = len((FOLDER / name).read_text().split()) if name else 0
    job.update(status="success", result={"words": words}, updated_at=datetime.now(UTC))
