"""Erasing a person: what runs is stopped, then each app deletes what it holds, and a receipt stays.

Every deletion commits with its line in the receipt. So an erasure that was killed leaves a receipt without an end, and
the next one for the same person goes on with it.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from jobs import audit
from jobs.models import AuditEntry, Erasure
from jobs.people.registry import NotYet, Person, holders

#: Between two looks at what is being stopped, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
#: A caller may go on sending jobs with the label; so often is looked for new ones.
ROUNDS = 5


def plan(person: Person) -> dict[str, dict[str, int]]:
    """Return how many of each thing an erasure would delete, by holder. Nothing is changed."""
    return {holder.name: counts for holder in holders() if (counts := holder.count(person))}


def erase(
    person: Person, *, actor: Any = None, via: str = AuditEntry.Via.TERMINAL, reason: str = "", seconds: float = 30
) -> Erasure:
    """Delete all that is kept about a person; return the receipt. Repeatable: with nothing left it says 0.

    actor: a user, None for the terminal. seconds: how long to wait for running attempts to stop.
    Raises NotYet when something still runs then; what was erased until then is, and erasing again goes on.
    """
    by = audit.name_of(actor)
    receipt = _open(person, by, reason)
    for _ in range(ROUNDS):
        _stop(person, by, seconds)
        for holder in holders():
            holder.erase(person, lambda counts, evidence: _note(receipt.pk, counts, evidence), by)
        if not plan(person):
            break
    else:
        raise NotYet("New jobs of this person keep coming. Stop their caller, then erase again.")
    with transaction.atomic():
        done = Erasure.objects.select_for_update().get(pk=receipt.pk)
        Erasure.objects.filter(pk=done.pk, finished_at__isnull=True).update(finished_at=Now())
        audit.record(
            "erase_person", "person", person.key, actor=actor, via=via, reason=reason, after={"erased": done.counts}
        )
    receipt.refresh_from_db()
    return receipt


def _open(person: Person, by: str, reason: str) -> Erasure:
    """Return the receipt of an erasure that broke off, or a new one."""
    unfinished = Erasure.objects.filter(person=person.key, finished_at__isnull=True)
    if (found := unfinished.first()) is not None:
        return found
    try:
        with transaction.atomic():
            return Erasure.objects.create(person=person.key, owner=person.owner, erased_by=by, reason=reason)
    except IntegrityError:  # somebody erases them at this moment as well
        return unfinished.get()


def _note(receipt: int, counts: dict[str, int], evidence: str) -> None:
    held = Erasure.objects.select_for_update().get(pk=receipt)
    held.counts = dict(Counter(held.counts) + Counter(counts))
    held.digest = hashlib.sha256(f"{held.digest}{evidence}".encode()).hexdigest()
    held.save(update_fields=["counts", "digest"])


def _still_runs(person: Person, by: str) -> bool:
    running = [holder.stop(person, by) for holder in holders() if holder.stop is not None]  # each is told
    return any(running)


def _stop(person: Person, by: str, seconds: float) -> None:
    ends, pause = time.monotonic() + seconds, FIRST_PAUSE
    while _still_runs(person, by):
        if (left := ends - time.monotonic()) <= 0:
            raise NotYet(
                "Something still runs: it was told to stop, and nothing was erased of it. Erase again; if no worker is "
                "alive, after its lease has run out."
            )
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
