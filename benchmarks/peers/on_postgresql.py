"""The same as `in_memory`, with the jobs in PostgreSQL: one row, committed before the answer, and two more commits.

Async from end to end with a pool of connections, and prepared statements, which is about the best that this
architecture can do. There is no queue: a restart forgets to run what was accepted.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Form, HTTPException, UploadFile
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

FOLDER = Path(os.environ["PEER_FOLDER"])
TABLE = """
CREATE TABLE IF NOT EXISTS peer_job (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'queued',
    input jsonb NOT NULL,
    result jsonb,
    user_id text NOT NULL,
    session_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = "INSERT INTO peer_job (id, kind, input, user_id, session_id) VALUES (%s, %s, %s, %s, %s) RETURNING *"
SELECT = "SELECT * FROM peer_job WHERE id = %s"
UPDATE = "UPDATE peer_job SET status = %s, result = %s, updated_at = now() WHERE id = %s"

# Autocommit: each statement is a transaction of its own.
pool = AsyncConnectionPool(
    os.environ["PEER_DATABASE_URL"],
    min_size=4,
    max_size=10,
    open=False,
    timeout=60,
    kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": 1},
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with pool:
        async with pool.connection() as connection:
            await connection.execute(TABLE)
        yield


app = FastAPI(lifespan=lifespan)


class NewJob(BaseModel):
    kind: str
    input: dict[str, Any] = {}
    user_id: str = ""
    session_id: str = ""


@app.post("/jobs", status_code=202)
async def submit(new: NewJob, tasks: BackgroundTasks) -> dict[str, Any]:
    return await _accept(tasks, new.kind, new.input, new.user_id, new.session_id)


@app.get("/jobs/{job_id}")
async def status(job_id: uuid.UUID) -> dict[str, Any]:
    async with pool.connection() as connection:
        job = await (await connection.execute(SELECT, [job_id])).fetchone()
    if job is None:
        raise HTTPException(404, "There is no such job.")
    return job


@app.post("/parse-file-async", status_code=202)
async def upload(
    file: UploadFile, tasks: BackgroundTasks, user_id: str = Form(""), session_id: str = Form("")
) -> dict[str, Any]:
    path = FOLDER / f"{uuid.uuid4()}.txt"
    path.write_bytes(await file.read())
    return await _accept(tasks, "parse", {"file": path.name}, user_id, session_id)


async def _accept(
    tasks: BackgroundTasks, kind: str, input: dict[str, Any], user_id: str, session_id: str
) -> dict[str, Any]:
    async with pool.connection() as connection:
        values = [uuid.uuid4(), kind, Jsonb(input), user_id, session_id]
        job: Any = await (await connection.execute(INSERT, values)).fetchone()
    tasks.add_task(_run, job["id"], input.get("file"))
    return job


async def _run(job_id: uuid.UUID, name: str | None) -> None:
    """Do nothing between two commits; a file is read."""
    async with pool.connection() as connection:
        await connection.execute(UPDATE, ["processing", None, job_id])
    words = len((await asyncio.to_thread((FOLDER / name).read_text)).split()) if name else 0
    async with pool.connection() as connection:
        await connection.execute(UPDATE, ["success", Jsonb({"words": words}), job_id])
