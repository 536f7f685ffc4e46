"""What a kind's function holds while it runs: its job, and the few things it may do to it."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile

from jobs import files, lifecycle
from jobs.errors import Interrupt, InvalidInput, StorageAway
from jobs.models import Job, JobFile

#: Between two writes of the same stage's percentage: a bar looks smooth at ten a second.
PROGRESS_EVERY_SECONDS = 0.1

#: The code of a file of which only the name is there.
NOT_KEPT = "file_not_kept"

#: How the watchdog thread reaches the main thread. Nothing else in a worker uses it.
INTERRUPT_SIGNAL = signal.SIGUSR1


class RunningJob:
    """One attempt at a job, given to the kind's function as its first argument."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.saves: list[Callable[[], None]] = []
        self.interruption: Interrupt | None = None
        self._open = False  # whether an interruption may be raised right now
        self._written_at = 0.0

    @property
    def id(self) -> str:
        return str(self.job.pk)

    @property
    def attempt(self) -> int:
        return self.job.attempt

    @property
    def owner_id(self) -> int | None:
        return self.job.owner_id

    @property
    def metadata(self) -> dict[str, Any]:
        return self.job.metadata

    @property
    def children(self) -> Any:
        """The jobs of this batch, for a batch parent."""
        return self.job.children

    def progress(
        self, percent: float | None = None, stage: str = "", *, save: Callable[[], None] | None = None, **data: Any
    ) -> None:
        """Show how far the work is, 0–100 %. A new stage is written at once, percentages at most ten a second.

        save: run in the transaction that writes the step, under its fence, and left out with it. data: JSON-able, goes
        into the event, and makes it written at once.
        """
        now = time.monotonic()
        same_stage = not stage or stage == self.job.stage
        if same_stage and not data and now - self._written_at < PROGRESS_EVERY_SECONDS:
            return
        with self.shielded():
            self.job = lifecycle.progress(self.job, percent, stage, data, save)
        self._written_at = now

    def open(self, file_id: str) -> IO[bytes]:
        """Open one of this job's files for reading.

        Raises JobFile.DoesNotExist for a file of another job, InvalidInput for one that was refused when it was sent,
        StorageUnavailable.
        """
        stored = self._content(file_id)
        try:
            with files.room_for_files():  # what comes over the network is copied here
                return stored.open("rb")
        except FileNotFoundError as error:
            raise StorageAway from error  # a folder that is not mounted here; another attempt may be made elsewhere

    @contextmanager
    def local_path(self, file_id: str) -> Iterator[Path]:
        """Give one of this job's files a path, for tools that need one; a copy where the storage has none.

        Raises as `open` does.
        """
        stored = self._content(file_id)
        try:
            path = Path(stored.path)
        except NotImplementedError:
            with tempfile.NamedTemporaryFile(suffix=Path(str(stored.name)).suffix) as copy:
                with files.room_for_files(), stored.open("rb") as source:
                    shutil.copyfileobj(source, copy)
                    copy.flush()
                yield Path(copy.name)
            return
        if not path.is_file():
            raise StorageAway
        yield path

    def file(self, file_id: str) -> JobFile:
        return self.job.files.get(pk=file_id)

    def _content(self, file_id: str) -> FieldFile:
        stored = self.file(file_id).file
        if not stored:
            raise InvalidInput("The file was refused when it was sent, and not kept. Send it again.", code=NOT_KEPT)
        return stored

    def save_file(self, name: str, content: bytes, media_type: str) -> str:
        """Store an output file and return its id. It belongs to the job only if this attempt succeeds."""
        job_id, fence = self.job.pk, self.job.fence
        stored = files.store(
            ContentFile(content), name=name, media_type=media_type, role=JobFile.Role.OUTPUT, job_id=job_id
        )
        self.save_with_result(lambda: files.attach([stored], job_id=job_id, fence=fence))
        return str(stored.pk)

    def save_with_result(self, save: Callable[[], None]) -> None:
        """Run `save` in the transaction that stores the result: both happen, or neither."""
        self.saves.append(save)

    # --- interruptions: the engine's side -----------------------------------------------------------------------

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the watchdog's interruptions be raised in this block; hold them back everywhere else."""
        self._open = True
        try:
            self._raise_if_interrupted()
            yield
        finally:
            self._open = False

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Hold interruptions back for the length of a database transaction."""
        was_open, self._open = self._open, False
        try:
            yield
        finally:
            self._open = was_open
        if was_open:
            self._raise_if_interrupted()

    def interrupt(self, reason: Interrupt) -> None:
        """End the attempt from the watchdog's thread: `reason` is raised in the main thread as soon as that is safe."""
        if self.interruption is None:
            self.interruption = reason
        signal.pthread_kill(threading.main_thread().ident or 0, INTERRUPT_SIGNAL)

    def on_signal(self, *_: Any) -> None:
        if self._open:
            self._raise_if_interrupted()

    def _raise_if_interrupted(self) -> None:
        if self.interruption is not None:
            self._open = False
            raise self.interruption
