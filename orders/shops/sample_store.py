"""A shop in a file, for trying Sıra out: orders as İkas tells them, their dates counted from now."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from jobs.errors import JobError
from orders.providers import SAMPLE
from orders.shops.ikas_orders import snapshot_of
from orders.snapshot import Snapshot

DEFAULT = Path(__file__).parent / "sample_store.json"
_DAY_MS = 24 * 60 * 60 * 1000
_TIMES = {"orderedDaysAgo": "orderedAt", "updatedDaysAgo": "updatedAt", "cancelledDaysAgo": "cancelledAt"}


class SampleStore:
    """A Shop. path: a JSON list of orders; the one that comes with Sıra for None."""

    name = SAMPLE

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or DEFAULT

    def find_by_number(self, number: str) -> list[Snapshot]:
        """Return the orders of that number. Raises JobError for a file that cannot be read."""
        return [order for order in self._orders() if order["number"].lower() == number.lower()]

    def find_by_email(self, email: str, most: int) -> list[Snapshot]:
        """Return the customer's latest orders, newest first. Raises as above."""
        own = [order for order in self._orders() if order["customer"]["email"] == email.lower()]
        return sorted(own, key=lambda order: order["ordered_at"] or "", reverse=True)[:most]

    def _orders(self) -> list[Snapshot]:
        try:
            orders: Any = json.loads(self._path.read_text(encoding="utf-8"))
            return [snapshot_of(_dated(order)) for order in orders]
        except (OSError, ValueError, TypeError):
            pass
        raise JobError("The file of sample orders cannot be read. Check ORDER_SAMPLE_FILE.", code="bad_sample_file")


def _dated(order: dict[str, Any]) -> dict[str, Any]:
    # Noon of a whole day: the same order tells the same date all day long, so that it does not seem to change.
    today = int(time.time() * 1000) // _DAY_MS * _DAY_MS + _DAY_MS // 2
    dates = {name: today - order[days] * _DAY_MS for days, name in _TIMES.items() if days in order}
    return order | dates
