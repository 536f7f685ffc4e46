"""The claim-and-run loop: what a worker does when the broker has rung.

claim ▶ perform ▶ record the ending ▶ claim the next … until nothing is due or the slice of time is over
"""

from __future__ import annotations

import logging
import multiprocessing.util
import signal
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from jobs import lifecycle, logs, tracing
from jobs.attempts import SUPERSEDED, UNRECORDED, log_end, outcome_of
from jobs.engine import claiming, devices, shutdown
from jobs.engine.watchdog import Watchdog, end_interrupted
from jobs.errors import Interrupt, JobError, RateLimited, Superseded, Unavailable
from jobs.kinds import JobKind, registry
from jobs.models import Job
from jobs.positions import DEVICE_BUSY, device_limit
from jobs.providers import rates
from jobs.queue_modes import at_work_in
from jobs.running import INTERRUPT_SIGNAL, RunningJob

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Records an ending and returns the job as it is then. Raises Superseded.
Ending = Callable[[], Job]

#: A provider that limits without saying for how long.
DEFAULT_SNOOZE = timedelta(seconds=5)
#: Between two tries to reach a database that is away.
RECONNECT_SECONDS = 0.5
PAUSE_AFTER_BUG_SECONDS = 1.0

_watchdog: Watchdog | None = None
_prepared: set[str] = set()


def set_up_process(**_: Any) -> None:
    """Prepare a new worker process: django-q2 calls this (signal `post_spawn`) before the first ring."""
    shutdown.settle_in_new_process()
    prepare()  # where processes are not forked, nothing was inherited
    # Only now is there a heartbeat: a worker that is still loading is not an idle one.
    # A forked process runs no atexit handlers, only these.
    multiprocessing.util.Finalize(None, own_watchdog().sign_off, exitpriority=10)
    multiprocessing.util.Finalize(None, tracing.flush, exitpriority=5)


def prepare() -> None:
    """Load what the served kinds need, once: processes that are forked afterwards have it, and share its memory."""
    for kind in registry.in_queues(claiming.served_queues()):
        if kind.prepare is not None and kind.name not in _prepared:
            _prepared.add(kind.name)
            try:
                kind.prepare()
            except Exception:
                logger.exception("preparing for %s failed; its first job will try again", kind.name)


def own_watchdog() -> Watchdog:
    """Return this process's watchdog, started on first use."""
    global _watchdog
    if _watchdog is None:
        _watchdog = Watchdog()
        _watchdog.start()
    return _watchdog


def work() -> int:
    """Claim and run due jobs for one slice of time. Returns how many ran.

    This is the function that the broker's ring calls in a django-q2 worker. It claims late: between the ring and
    the claim nothing is promised to this worker, so a ring that is lost, repeated or late does no harm.
    """
    watchdog = own_watchdog()
    ends = time.monotonic() + settings.SIRA_WORK_SLICE.total_seconds()

    def may_go_on() -> bool:
        return not shutdown.is_draining() and time.monotonic() <= ends

    ran, job = 0, None
    give_up = None
    while True:
        may_claim = may_go_on() if ran else not shutdown.is_draining()
        if job is None and not may_claim and not _answer_lost:
            break
        try:
            job = job or _next_job(watchdog.name, may_claim)
        except (OperationalError, InterfaceError) as error:
            # Whether something was claimed is not known. When the database is back, somebody has to look.
            logger.warning("cannot claim: %s", type(error).__name__)
            _lost_connection()
            give_up = give_up or time.monotonic() + settings.SIRA_LEASE.total_seconds()
            if shutdown.is_draining() or time.monotonic() > give_up:
                break
            time.sleep(RECONNECT_SECONDS)
            continue
        except Exception:
            # A bug of ours. The broker would ring again at once, and the log would drown in it.
            logger.exception("cannot claim")
            time.sleep(PAUSE_AFTER_BUG_SECONDS)
            break
        if job is None:
            break
        job = run(job, watchdog, may_go_on)
        ran += 1
    return ran


#: A connection broke. What was asked over it may have been done: the answer is lost, a claimed job need not be.
_answer_lost = False
#: Jobs whose end could not be recorded: their leases decide what becomes of them.
_unrecorded: set[uuid.UUID] = set()


def _lost_connection() -> None:
    global _answer_lost
    _answer_lost = True
    connection.close()


def _next_job(worker: str, may_claim: bool) -> Job | None:
    global _answer_lost
    if _answer_lost:
        found = claiming.find_unanswered(worker, besides=_unrecorded)
        _answer_lost = False
        if found is not None:
            return found
    return claiming.claim(worker) if may_claim else None


def run(job: Job, watchdog: Watchdog, may_go_on: Callable[[], bool] = lambda: False) -> Job | None:
    """Make one attempt at a claimed job and record how it ended.

    may_go_on: asked at the end whether the next job may be claimed along with it. Returns that job, claimed.
    """
    began = time.monotonic()
    with logs.about_attempt(job), tracing.attempt(job) as span:
        if span.trace_id:
            logs.add(trace_id=span.trace_id)
        turn = _Turn(may_go_on)
        outcome = _run(job, watchdog, turn)
        span.set(sira__outcome=outcome)
        log_end(outcome, time.monotonic() - began)
    return turn.next


class _Turn:
    """What comes after an attempt. next: the job that was claimed with its end."""

    def __init__(self, may_go_on: Callable[[], bool]) -> None:
        self.may_go_on = may_go_on
        self.next: Job | None = None


def _run(job: Job, watchdog: Watchdog, turn: _Turn) -> str:
    """Return the outcome: the type of the event that ended the attempt, or what there is instead of one."""
    kind = registry.get(job.kind)
    running = RunningJob(job)
    signal.signal(INTERRUPT_SIGNAL, running.on_signal)
    watchdog.guard(running, kind)
    try:
        try:
            ending = _perform_on_device(kind, running, turn)
        finally:
            # The work is done: a cancel or a time-out that comes now is too late to mean anything.
            watchdog.leave()
        return outcome_of(_until_database_answers(ending, settings.SIRA_LEASE.total_seconds()))
    except Superseded:
        _until_database_answers(lambda: lifecycle.note_superseded(job), settings.SIRA_LEASE.total_seconds())
        return SUPERSEDED
    except (OperationalError, InterfaceError):
        # The lease runs out and the job is rescued: it is run again, never lost.
        logger.error("job %s (%s): its ending could not be recorded: the database is away", job.pk, job.kind)
        _unrecorded.add(job.pk)
        return UNRECORDED
    finally:
        signal.signal(INTERRUPT_SIGNAL, signal.SIG_IGN)


def _perform_on_device(kind: JobKind, running: RunningJob, turn: _Turn) -> Ending:
    """Run the kind's function while this process holds the device of its slot, if it has one."""
    job = running.job
    if job.slot is None:
        return _perform(kind, running, turn)
    with devices.held_by(job) as is_ours:
        if is_ours:
            return _perform(kind, running, turn)

    def give_back() -> Job:
        rates.block(device_limit(job.resource), devices.TRY_AGAIN_AFTER, reason=DEVICE_BUSY)
        return lifecycle.release(job, DEVICE_BUSY)  # to its place in the queue, so that nothing overtakes it

    return give_back


def _perform(kind: JobKind, running: RunningJob, turn: _Turn) -> Ending:
    """Run the kind's function. Returns the ending to record, as a call that may be repeated."""
    job = running.job
    try:
        with at_work_in(job.queue), running.interruptible():
            result = kind.run(running, **job.input)
    except Interrupt as interrupt:
        # It may have struck in the middle of a query: this connection is not to be trusted any more.
        connection.close()
        reason = interrupt
        return lambda: end_interrupted(running, kind, reason)
    except RateLimited as error:
        limited, wait = error, error.retry_after or DEFAULT_SNOOZE
        return lambda: lifecycle.snooze(running.job, wait, limited.code)
    except Unavailable as error:
        unavailable, delay = error, max(kind.backoff.delay(job.attempt), error.retry_after or timedelta())
        return lambda: lifecycle.retry_later(running.job, unavailable, delay)
    except JobError as error:
        refused = error
        return lambda: lifecycle.fail(running.job, refused)
    except (OperationalError, InterfaceError):
        connection.close()
        gone = Unavailable("The database did not answer while the job ran.", code="database_unavailable")
        return lambda: lifecycle.retry_later(running.job, gone, kind.backoff.delay(job.attempt))
    except Exception:
        trace = logs.without_messages(sys.exception())
        logger.error("job %s (%s) hit a bug in its kind\n%s", job.pk, job.kind, trace)
        return lambda: lifecycle.fail(running.job, _our_bug(), traceback=trace)
    return lambda: _succeed_or_fail(running, result, turn)


def _succeed_or_fail(running: RunningJob, result: Any, turn: _Turn) -> Job:
    try:
        ended, turn.next = claiming.finish(running, result, claim_next=turn.may_go_on())
        return ended
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # Its result cannot be stored (not JSON, say) or one of its saves is wrong: nothing was written.
        trace = logs.without_messages(sys.exception())
        logger.error("job %s (%s): its result could not be stored\n%s", running.job.pk, running.job.kind, trace)
        return lifecycle.fail(running.job, _our_bug(), traceback=trace)


def _our_bug() -> JobError:
    return JobError(
        "An error of ours stopped this job. It was logged; a retry may work once it is mended.", code="internal_error"
    )


def _until_database_answers(record: Callable[[], T], patience_seconds: float) -> T | None:
    """Record an ending, waiting for a database that is restarting.

    A commit whose answer was lost is no danger: the second try finds its fence gone and raises Superseded, unless it
    was this attempt itself that ended the job.
    """
    give_up = time.monotonic() + patience_seconds
    tried_before = False
    while True:
        try:
            return record()
        except Superseded:
            if tried_before:
                return None
            raise
        except (OperationalError, InterfaceError):
            _lost_connection()
            tried_before = True
            if time.monotonic() > give_up:
                raise
            time.sleep(RECONNECT_SECONDS)
