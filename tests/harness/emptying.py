"""Emptying a database after a test with real transactions: only the tables that hold something.

Django's own way empties all sixty tables and then makes content types, permissions, roles and schedules anew: a fifth
of a second on PostgreSQL, for hundreds of tests. What a migration makes stays, as long as a test left it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

#: Made after each migration, and the same after each test; schedules without the time at which they are due.
_MADE_BY_MIGRATION = {
    "django_content_type": "id, app_label, model",
    "auth_permission": "id, content_type_id, codename",
    "auth_group": "id, name",
    "auth_group_permissions": "group_id, permission_id",
    "django_q_schedule": "id, name, func, args, schedule_type, minutes, repeats, cluster",
}

Snapshot = dict[str, set[tuple[Any, ...]]]
#: What a migration has made in each database, by its name.
_fresh: dict[str, Snapshot] = {}

_empty_by_django: Callable[[Any], None] = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def empty_database(test_case: Any) -> None:
    """Stand in for `TransactionTestCase._fixture_teardown`."""
    name = str(connection.settings_dict["NAME"])
    if name not in _fresh or read_snapshot() != _fresh[name]:
        _empty_by_django(test_case)
        _fresh[name] = read_snapshot()
        return
    empty_tables()


def empty_tables(but: Collection[str] = ()) -> None:
    """Empty every table but what migrations made. but: names of others that stay as they are."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [connection.ops.quote_name(table) for table in tables if table not in (*_MADE_BY_MIGRATION, *but)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {table})" for number, table in enumerate(quoted)
            )
        )
        filled = [quoted[number] for (number,) in cursor.fetchall()]
        if filled and connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
        else:
            for table in filled:  # foreign keys are looked at when the transaction ends
                cursor.execute(f"DELETE FROM {table}")


def read_snapshot() -> Snapshot:
    """Return what migrations have made, as it is now."""
    snapshot: Snapshot = {}
    with connection.cursor() as cursor:
        for table, columns in _MADE_BY_MIGRATION.items():
            cursor.execute(f"SELECT {columns} FROM {table}")
            snapshot[table] = set(cursor.fetchall())
    return snapshot
