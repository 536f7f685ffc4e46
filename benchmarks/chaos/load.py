"""Clients that send work of every kind over HTTP, and write down what was acknowledged.

A request that fails or gets no answer is sent again, with the same Idempotency-Key, to the other server, until it is
acknowledged: so at the end there is neither a job that its client does not know of, nor one too many.
"""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.chaos.comparing import Promise
from benchmarks.chaos.watching import Watcher
from tests.mixed import TEXTS
from tests.samples import text_pdf

OWNERS = ("ada", "ben", "eve")
#: Clients at once; jobs that are under way at most: this is about faults, not about depth.
SENDERS, DEPTH = 6, 90
#: What follows from a mail: its look-up and its draft.
JOBS_OF_A_MAIL = 2
#: Orders are numbered from here, one for each mail.
FIRST_ORDER, MOST_MAILS = 5000, 4000
#: Not now: the request is sent again.
TRANSIENT = {408, 429, 500, 502, 503, 504}
ANSWER_SECONDS = 15.0
#: The installation refuses prompts with this word, and the client knows it.
REFUSED_WORD = "forbiddenword"
#: What jobs of the workload do, and how often. The long ones are there to be frozen midway, and made again meanwhile.
ACTS: list[tuple[dict[str, Any], int]] = [
    ({"act": "ok"}, 66),
    ({"act": "sleep", "seconds": 0.1}, 10),
    ({"act": "steps", "seconds": 0.3}, 6),
    ({"act": "steps", "seconds": 4.0}, 6),
    ({"act": "unavailable", "until_attempt": 2}, 6),
    ({"act": "limited", "until_attempt": 2, "seconds": 0.2}, 3),
    ({"act": "invalid"}, 3),
]
CV = """Senior Data Engineer
Skills: Python, PostgreSQL, Docker, Kafka

Experience
Senior Data Engineer, Lumenwave Ltd
March {year} - Present
Built the pipeline number {n}.

Education
BSc Computer Science, University of Nowhereham, 2008 - 2012
"""


class Load:
    """rate: jobs a second, on average. watchers: are told of every job, in turn.

    promises: what was acknowledged; mails: how many were laid into the mailbox. answers: how often each status came.
    refused: answers that no client could have expected. is_acknowledged: the end has come, and nothing is unanswered.
    """

    def __init__(
        self,
        base_urls: Sequence[str],
        tokens: dict[str, str],
        staff_token: str,
        maildir: Path,
        watchers: Sequence[Watcher],
        rng: random.Random,
        *,
        rate: float,
    ) -> None:
        self.urls = list(base_urls)
        self.tokens, self.staff_token = tokens, staff_token
        self.maildir = mailbox.Maildir(str(maildir), create=True)
        self.watchers = deque(watchers)
        self.rng, self.rate = rng, rate
        self.promises: list[Promise] = []
        self.mails = 0
        self.answers: Counter[str] = Counter()
        self.refused: list[str] = []
        self._conversations: dict[str, str] = {}
        self._number = self._sent = 0
        self._over = False
        self.is_acknowledged = False

    # --- life ---------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Send until `end` is called, and then until all that was begun is acknowledged."""
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as self._http:
            for owner in OWNERS:
                made = await self._send("POST", "/api/v1/conversations", owner, json={"title": "chaos"})
                self._conversations[owner] = made["links"]["messages"]
            await asyncio.gather(*(self._sender() for _ in range(SENDERS)))
            await self._fetch()  # whatever lies in the mailbox
        self.is_acknowledged = True

    def end(self) -> None:
        self._over = True

    @property
    def under_way(self) -> int:
        return sum(len(watcher.seen) - len(watcher.ended) for watcher in self.watchers)

    async def _sender(self) -> None:
        errands: list[tuple[int, Callable[[str], Awaitable[None]]]] = [
            (30, self._bulk), (16, self._image), (9, self._classify), (7, self._ingest), (9, self._cv), (9, self._mail),
        ]  # fmt: skip
        began = time.monotonic()
        while not self._over:
            if self.under_way >= DEPTH or self._sent > self.rate * (time.monotonic() - began):
                await asyncio.sleep(0.05)
                continue
            weights, choices = zip(*errands, strict=True)
            errand = self.rng.choices(choices, weights)[0]
            with contextlib.suppress(Refused):  # it is written down
                await errand(self.rng.choice(OWNERS))

    # --- what is sent -------------------------------------------------------------------------------------------
    async def _bulk(self, owner: str) -> None:
        jobs, endings = [], []
        for _ in range(self.rng.randint(4, 10)):
            kind = "workload.use_gpu" if self.rng.random() < 0.15 else "workload.act_out"
            acts, weights = zip(*ACTS, strict=True)
            values = {**self.rng.choices(acts, weights)[0], "value": self._next()}
            jobs.append({"kind": kind, "input": values, "priority": self.rng.randrange(11)})
            endings.append((kind, "empty_file" if values["act"] == "invalid" else "succeeded"))
        answer = await self._submit("/api/v1/jobs/bulk/", owner, json={"jobs": jobs})
        for job, (kind, ending) in zip(answer["jobs"], endings, strict=True):
            self._promised(Promise(job["id"], kind, ending))

    async def _image(self, owner: str) -> None:
        is_refused = self.rng.random() < 0.05
        prompt = f"{REFUSED_WORD if is_refused else 'a quiet sea'}, number {self._next()}"
        wish = {"prompt": prompt, "width": 64, "height": 64, "steps": 3, "seed": self._next()}
        answer = await self._submit(self._conversations[owner], owner, json=wish)
        ending = "prompt_refused" if is_refused else "succeeded"
        self._promised(Promise(answer["job"]["id"], "imaging.generate_image", ending))

    async def _cv(self, owner: str) -> None:
        text = CV.format(year=self.rng.randint(2015, 2023), n=self._next())
        labels = {"user_id": owner, "session_id": "chaos"}
        if self.rng.random() < 0.5:
            answer = await self._submit("/api/v1/parser/parse-text-async", owner, json={"text": text, **labels})
        else:
            pdf = text_pdf([text]) if self.rng.random() < 0.3 else None
            file = ("cv.pdf", pdf) if pdf else ("cv.txt", text.encode())
            answer = await self._submit("/api/v1/parser/parse-file-async", owner, data=labels, files=[("file", file)])
        self._promised(Promise(answer["job_id"], "parsers.parse_cv"))

    async def _classify(self, owner: str) -> None:
        await self._batch("/batch/upload", owner, "classifier.classify_batch", {})

    async def _ingest(self, owner: str) -> None:
        labels = {"session_id": f"chaos-{self.rng.randrange(20)}"}
        await self._batch("/api/documents/process-and-store-batch", owner, "parsers.ingest_batch", labels)

    async def _batch(self, path: str, owner: str, kind: str, labels: dict[str, str]) -> None:
        files = []
        for _ in range(self.rng.randint(2, 5)):
            about = self.rng.choice(list(TEXTS))
            number = self._next()
            files.append(("files", (f"{number}-{about}.txt", TEXTS[about].format(n=number).encode())))
        children = {"succeeded": len(files)}
        if self.rng.random() < 0.2:
            files.append(("files", (f"{self._next()}-empty.txt", b"")))
            children["empty_file"] = 1
        answer = await self._submit(path, owner, data=labels, files=files)
        parent = answer["job_id"]
        self._promised(Promise(parent, kind, children=children))
        for job in (await self._send("GET", f"/api/v1/jobs/?parent={parent}&limit=100", owner))["results"]:
            self._watch(job["id"])

    async def _mail(self, owner: str) -> None:
        for _ in range(min(self.rng.randint(1, 3), MOST_MAILS - self.mails)):
            number = FIRST_ORDER + self.mails
            letter = EmailMessage()
            letter["From"], letter["To"] = f"customer{number}@example.com", "help@example.org"
            letter["Subject"], letter["Message-ID"] = f"Order {number}", f"<{number}@example.com>"
            letter.set_content(f"Where is my order {number}?")
            self.maildir.add(letter.as_bytes())  # written aside, then moved: it is whole when it is seen
            self.mails += 1
            self._sent += JOBS_OF_A_MAIL
        await self._fetch()

    async def _fetch(self) -> None:
        # Whoever asks twice has it fetched twice; each mail is stored once all the same.
        headers = {"Prefer": "wait=0"}
        answer = await self._send("POST", "/api/mails/fetch", "", token=self.staff_token, headers=headers)
        self._promised(Promise(answer["job_id"], "orders.fetch_mails"))

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- how it is sent -----------------------------------------------------------------------------------------
    def _promised(self, promise: Promise) -> None:
        self.promises.append(promise)
        self._sent += 1 + sum(promise.children.values())
        self._watch(promise.job)

    def _watch(self, job: str) -> None:
        self.watchers[0].watch(job)
        self.watchers.rotate()

    async def _submit(self, path: str, owner: str, **request: Any) -> dict[str, Any]:
        return await self._send("POST", path, owner, headers={"Idempotency-Key": str(uuid.uuid4())}, **request)

    async def _send(
        self,
        method: str,
        path: str,
        owner: str,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> dict[str, Any]:
        """Send until it is acknowledged, and return the answer. Raises Refused."""
        headers = {"Authorization": f"Token {token or self.tokens[owner]}", **(headers or {})}
        turn = self._next()
        began = time.monotonic()
        while True:
            turn += 1
            url = self.urls[turn % len(self.urls)] + path
            try:
                answer = await self._http.request(method, url, headers=headers, **request)
            except httpx2.RequestError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if answer.is_success:
                    return answer.json()
                if answer.status_code not in TRANSIENT:
                    self.refused.append(f"{method} {path.partition('?')[0]}: {answer.status_code} {answer.text[:300]}")
                    raise Refused
            await asyncio.sleep(min(2.0, 0.1 + (time.monotonic() - began) / 4))


class Refused(Exception):
    """The server answered what it should not have."""
