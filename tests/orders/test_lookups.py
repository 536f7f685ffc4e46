"""What is kept of the shop's answers when questions, changes and older answers cross."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from jobs.errors import RateLimited
from orders import lookups
from orders.lookups import Question
from orders.models import Order
from orders.shops.ikas_orders import snapshot_of
from orders.snapshot import Snapshot
from tests.standins.ikas_server import order_of

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = Question("ikas", number="1028")


class Shop:
    """Answers with what it is given, after `meanwhile` has happened."""

    name = "ikas"

    def __init__(self, told: Snapshot, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.told, self.meanwhile, self.asked = told, meanwhile, 0

    def find_by_number(self, number: str) -> list[Snapshot]:
        self.asked += 1
        self.meanwhile()
        return [self.told]

    def find_by_email(self, email: str, most: int) -> list[Snapshot]:
        raise AssertionError("nobody asks by address here")


def told(updated_at: str, status: str = "CREATED") -> Snapshot:
    snapshot = snapshot_of(order_of("1028", "ayse.demir@example.com"))
    return {**snapshot, "updated_at": updated_at, "status": status}


def ask(shop: Shop) -> lookups.Answer:
    return lookups.answer(
        QUESTION, shop, job_id=uuid.uuid4(), longest=timedelta(minutes=1), shield=contextlib.nullcontext
    )


def test_while_one_job_asks_another_waits_for_its_answer() -> None:
    second = Shop(told("2026-11-20T09:00:00Z"))

    def meanwhile() -> None:
        with pytest.raises(RateLimited):
            ask(second)

    assert ask(Shop(told("2026-11-20T09:00:00Z"), meanwhile)).was_cached is False
    assert ask(second).was_cached is True
    assert second.asked == 0


def test_an_answer_that_a_change_overtook_is_asked_for_again() -> None:
    ask(Shop(told("2026-11-20T09:00:00Z"), lambda: lookups.expire([QUESTION])))
    later = Shop(told("2026-11-20T10:00:00Z", "CANCELLED"))
    assert ask(later).was_cached is False
    assert Order.objects.get().snapshot["status"] == "CANCELLED"


def test_an_older_answer_that_comes_late_undoes_nothing() -> None:
    ask(Shop(told("2026-11-20T10:00:00Z", "CANCELLED")))
    lookups.expire([QUESTION])
    ask(Shop(told("2026-11-20T09:00:00Z")))
    order = Order.objects.get()
    assert (order.snapshot["status"], order.version) == ("CANCELLED", 1)
