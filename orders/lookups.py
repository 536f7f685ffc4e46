"""Which order is meant? Answers of the shop are kept for a while, and one question is asked by one job at a time.

A failure is never kept. "Not found" is, but not for long: the order may be a minute old.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, When
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from jobs.errors import RateLimited
from orders.models import Order, OrderLookup
from orders.providers import Shop
from orders.snapshot import Snapshot

FOUND_FOR = timedelta(hours=1)
NOT_FOUND_FOR = timedelta(minutes=10)
#: Orders of one customer that are looked at.
MOST_OF_A_CUSTOMER = 5
#: How soon one asks again whether another job has the answer by now.
LOOK_AGAIN = timedelta(seconds=1)


class Shielded(Protocol):
    """Holds the engine's interruptions back while the database is at work; see RunningJob.shielded."""

    def __call__(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Question:
    """What the shop is asked: the order of a number, or the latest orders of an e-mail address."""

    source: str
    number: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """Return what the answer is kept under; an address is not kept in the clear."""
        if self.number:
            return f"{self.source}:number:{self.number}"
        return f"{self.source}:email:{salted_hmac('orders.lookups', self.email, algorithm='sha256').hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """orders: [] for "not found". was_cached: whether nobody had to be asked."""

    orders: list[Order]
    was_cached: bool


def find_answer(question: Question) -> Answer | None:
    """Return the kept answer while it is fresh, else None."""
    lookup = OrderLookup.objects.filter(pk=question.key, expires_at__gt=Now()).first()
    return None if lookup is None else Answer(_orders(question.source, lookup.numbers), was_cached=True)


def answer(question: Question, shop: Shop, *, job_id: uuid.UUID, longest: timedelta, shield: Shielded) -> Answer:
    """Return the kept answer, or ask the shop.

    longest: after which an asking job is taken for dead. Raises RateLimited while another job asks the same, and what
    the shop raises.
    """
    with shield():
        kept = find_answer(question) or _take_turn(question, job_id, longest)
    if kept is not None:
        return kept
    try:
        found = shop.find_by_number(question.number) if question.number else _of_customer(shop, question.email)
        with shield():
            return Answer(_keep(question, found), was_cached=False)
    finally:
        with shield():
            OrderLookup.objects.filter(pk=question.key, asking_job=job_id).update(asking_job=None, asking_until=None)


def _take_turn(question: Question, job_id: uuid.UUID, longest: timedelta) -> Answer | None:
    """Be the one who asks: None. Returns the answer that came meanwhile; raises RateLimited while another job asks."""
    OrderLookup.objects.get_or_create(pk=question.key)
    nobody_asks = Q(asking_until__isnull=True) | Q(asking_until__lte=Now()) | Q(asking_job=job_id)
    is_old = Q(expires_at__isnull=True) | Q(expires_at__lte=Now())
    until = ExpressionWrapper(Now() + longest, output_field=DateTimeField())
    if OrderLookup.objects.filter(nobody_asks, is_old, pk=question.key).update(
        asking_job=job_id, asking_since=Now(), asking_until=until
    ):
        return None
    if (kept := find_answer(question)) is not None:
        return kept
    raise RateLimited(
        "The same order is being asked for right now; the job takes that answer.", code="same_order_asked",
        retry_after=LOOK_AGAIN,
    )  # fmt: skip


def _of_customer(shop: Shop, email: str) -> list[Snapshot]:
    return shop.find_by_email(email, MOST_OF_A_CUSTOMER)


@transaction.atomic
def _keep(question: Question, found: Sequence[Snapshot]) -> list[Order]:
    orders = [_keep_order(question.source, snapshot) for snapshot in found]
    kept_for = FOUND_FOR if orders else NOT_FOUND_FOR
    OrderLookup.objects.filter(pk=question.key).update(
        numbers=[order.number for order in orders],
        fetched_at=Now(),
        # The shop told of a change while it was being asked: whoever comes next asks again.
        expires_at=Case(
            When(stale_at__gte=F("asking_since"), then=Now()),
            default=ExpressionWrapper(Now() + kept_for, output_field=DateTimeField()),
        ),
    )
    return orders


def _keep_order(source: str, snapshot: Snapshot) -> Order:
    expires_at = ExpressionWrapper(Now() + FOUND_FOR, output_field=DateTimeField())
    order, is_new = Order.objects.select_for_update().get_or_create(
        source=source, number=snapshot["number"], defaults={"snapshot": snapshot, "expires_at": expires_at}
    )
    if not is_new:
        changes: dict[str, Any] = {"fetched_at": Now(), "expires_at": expires_at}
        if order.snapshot != snapshot and not _is_older(snapshot, order.snapshot):
            changes |= {"snapshot": snapshot, "version": F("version") + 1}
        Order.objects.filter(pk=order.pk).update(**changes)
    order.refresh_from_db()
    return order


def _is_older(snapshot: Snapshot, kept: Snapshot) -> bool:
    """Say whether an answer was overtaken by a later one on its way here."""
    return bool(snapshot["updated_at"] and kept["updated_at"] and snapshot["updated_at"] < kept["updated_at"])


def _orders(source: str, numbers: Iterable[str]) -> list[Order]:
    by_number = {order.number: order for order in Order.objects.filter(source=source, number__in=list(numbers))}
    return [by_number[number] for number in numbers if number in by_number]


def expire(questions: Iterable[Question]) -> int:
    """Have these asked again, whatever is kept or on its way. Returns how many of them anybody had ever asked."""
    keys = [question.key for question in questions]
    return OrderLookup.objects.filter(pk__in=keys).update(expires_at=Now(), stale_at=Now())
