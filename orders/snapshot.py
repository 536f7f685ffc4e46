"""An order as Sıra keeps it: what an answer to its customer may need, and nothing else.

A snapshot is JSON, so that it can be stored, compared and pointed into. Addresses, phone numbers and payment details
of the shop's own record are never taken over.
"""

from __future__ import annotations

from typing import TypedDict


class Customer(TypedDict):
    email: str | None  # lower case
    first_name: str | None
    full_name: str | None


class Line(TypedDict):
    """Something that was ordered. price: of all its pieces, a decimal such as "1249.90"."""

    name: str
    quantity: int
    price: str | None
    status: str


class Package(TypedDict):
    """What was, or will be, sent. lines: indices into the order's lines.
    status: the shop's word, also an unknown one.
    """

    number: str
    status: str
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None  # http or https
    lines: list[int]


class Snapshot(TypedDict):
    """See above. number: as the customer knows it, "1028". Times: ISO 8601 in UTC, "2026-11-20T09:30:00Z".

    status, payment_status, package_status: İkas's enums (CREATED, PAID, FULFILLED, …); unknown values are kept.
    total: what the customer pays in the end, a decimal such as "1249.90". currency: ISO 4217.
    """

    id: str
    number: str
    status: str
    payment_status: str
    package_status: str
    ordered_at: str | None
    updated_at: str | None
    cancelled_at: str | None
    cancel_reason: str | None
    currency: str
    total: str
    customer: Customer
    city: str | None
    lines: list[Line]
    packages: list[Package]
