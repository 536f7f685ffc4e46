"""An order as İkas tells it, to a snapshot.
Known values are checked, unknown words kept, everything else left behind.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from orders.snapshot import Line, Package, Snapshot

#: What a snapshot is made of, as İkas's listOrder calls it.
FIELDS = """\
id orderNumber status orderPaymentStatus orderPackageStatus orderedAt updatedAt cancelledAt cancelReason
currencyCode totalFinalPrice
customer { email firstName fullName }
shippingAddress { city { name } }
orderLineItems { id quantity finalPrice price status variant { name } }
orderPackages {
  id orderPackageNumber orderPackageFulfillStatus orderLineItemIds
  trackingInfo { cargoCompany trackingNumber trackingLink }
}"""

LONGEST_TEXT = 300
MOST_LINES = 200


def snapshot_of(order: Any) -> Snapshot:
    """Return the snapshot of one order of listOrder. Raises ValueError for what is no order."""
    if not isinstance(order, dict):
        raise ValueError("an order is no object")
    items = _list(order.get("orderLineItems"))
    return Snapshot(
        id=_required(order, "id"),
        number=_required(order, "orderNumber"),
        status=_required(order, "status"),
        payment_status=_word(order.get("orderPaymentStatus")),
        package_status=_word(order.get("orderPackageStatus")),
        ordered_at=_moment(order.get("orderedAt")),
        updated_at=_moment(order.get("updatedAt")),
        cancelled_at=_moment(order.get("cancelledAt")),
        cancel_reason=_text(order.get("cancelReason")),
        currency=_required(order, "currencyCode"),
        total=_money(order.get("totalFinalPrice")) or "0.00",
        customer=_customer(order.get("customer")),
        city=_city(order.get("shippingAddress")),
        lines=[_line(item) for item in items],
        packages=[_package(package, items) for package in _list(order.get("orderPackages"))],
    )


def _customer(customer: Any) -> Any:
    customer = customer if isinstance(customer, dict) else {}
    email = _text(customer.get("email"))
    return {
        "email": email.lower() if email else None,
        "first_name": _text(customer.get("firstName")),
        "full_name": _text(customer.get("fullName")),
    }


def _city(address: Any) -> str | None:
    city = address.get("city") if isinstance(address, dict) else None
    return _text(city.get("name")) if isinstance(city, dict) else None


def _line(item: Any) -> Line:
    if not isinstance(item, dict):
        raise ValueError("a line is no object")
    variant = item.get("variant")
    name = _text(variant.get("name")) if isinstance(variant, dict) else None
    quantity = item.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | float) or not 0 <= quantity < 1_000_000:
        raise ValueError("a line has no quantity")
    price = item.get("finalPrice") if item.get("finalPrice") is not None else item.get("price")
    return Line(name=name or "?", quantity=int(quantity), price=_money(price), status=_word(item.get("status")))


def _package(package: Any, items: list[Any]) -> Package:
    if not isinstance(package, dict):
        raise ValueError("a package is no object")
    tracking = package.get("trackingInfo")
    tracking = tracking if isinstance(tracking, dict) else {}
    places = {item.get("id"): index for index, item in enumerate(items)}
    ids = [one for one in _list(package.get("orderLineItemIds")) if isinstance(one, str)]
    return Package(
        number=_text(package.get("orderPackageNumber")) or "?",
        status=_word(package.get("orderPackageFulfillStatus")),
        carrier=_text(tracking.get("cargoCompany")),
        tracking_number=_text(tracking.get("trackingNumber")),
        tracking_url=_link(tracking.get("trackingLink")),
        lines=[places[one] for one in ids if one in places],
    )


def _required(order: dict[str, Any], name: str) -> str:
    text = _text(order.get(name))
    if not text:
        raise ValueError(f"an order has no {name}")
    return text


def _text(value: Any) -> str | None:
    """Return a text in one line, None for none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a text is none")
    line = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return line[:LONGEST_TEXT] or None


def _word(value: Any) -> str:
    return (_text(value) or "UNKNOWN")[:60]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("a list is none")
    return value[:MOST_LINES]


def _money(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("an amount is none")
    try:
        amount = Decimal(str(value))
        if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
            raise ValueError("an amount is none")
        return str(amount.quantize(Decimal("0.01")))
    except InvalidOperation:
        raise ValueError("an amount is none") from None


def _moment(value: Any) -> str | None:
    """Return Unix milliseconds as ISO 8601 in UTC."""
    if value is None:
        return None
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a time is none")
    try:
        return datetime.fromtimestamp(value // 1000, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        raise ValueError("a time is none") from None


def _link(value: Any) -> str | None:
    text = _text(value)
    return text if text and text.lower().startswith(("http://", "https://")) and " " not in text else None
