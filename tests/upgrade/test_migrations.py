"""Migrations go back and forth, and none of them makes a running worker of the release before fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from jobs import lifecycle
from jobs.models import Job, JobFile
from tests.harness.databases import sqlite_url, use_database

#: Ours, those that stand on others first.
APPS = ("orders", "imaging", "classifier", "parsers", "jobs")
#: What was released before the rules of docs/upgrading.md were kept; what comes after them keeps the rules.
BEFORE_THE_RULES = {("jobs", "0001_initial"), ("jobs", "0002_operations_and_webhooks")}

ADDS_OR_CHANGES_NOTHING_OLD = (
    migrations.CreateModel,
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
)


def ours() -> list[migrations.Migration]:
    disk = MigrationLoader(None).disk_migrations
    return [migration for (app, _name), migration in sorted(disk.items()) if app in APPS]


def needs_a_note(operation: Any, new_models: set[str]) -> str:
    """Return why an operation may make the release before fail; "" when it cannot."""
    name = type(operation).__name__
    if isinstance(operation, ADDS_OR_CHANGES_NOTHING_OLD):
        return ""
    if isinstance(operation, migrations.RunPython):
        return "" if operation.reversible else f"{name} cannot be undone"
    model = getattr(operation, "model_name", "").lower()
    if model in new_models:
        return ""
    if isinstance(operation, migrations.AddField):
        has_value = operation.field.null or operation.field.db_default is not models.NOT_PROVIDED
        is_no_column = isinstance(operation.field, models.ManyToManyField)
        return "" if has_value or is_no_column else f"{name} {model}.{operation.name}: neither null nor db_default"
    return f"{name} {model}"


def problems_of(migration: migrations.Migration) -> list[str]:
    new_models = {
        operation.name_lower for operation in migration.operations if isinstance(operation, migrations.CreateModel)
    }
    found = [needs_a_note(operation, new_models) for operation in migration.operations]
    notes = getattr(migration, "beside_the_release_before", "")
    return [] if notes else [f"{migration.app_label}.{migration.name}: {problem}" for problem in found if problem]


def test_no_migration_makes_workers_of_the_release_before_fail() -> None:
    later = [
        migration
        for migration in ours()
        if not migration.name.startswith("0001") and (migration.app_label, migration.name) not in BEFORE_THE_RULES
    ]
    assert len(later) >= 4
    assert [problem for migration in later for problem in problems_of(migration)] == []


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("job", "colour", models.CharField(max_length=5, default="")),
        migrations.RenameField("job", "kind", "sort"),
        migrations.RemoveField("job", "kind"),
        migrations.DeleteModel("job"),
        migrations.RunSQL("SELECT 1"),
        migrations.RunPython(lambda apps, schema_editor: None),
        migrations.AddConstraint("job", models.UniqueConstraint(fields=["kind"], name="one")),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_breaks_the_release_before_is_found(operation: Any) -> None:
    migration = migrations.Migration("0099_rash", "jobs")
    migration.operations = [operation]
    assert problems_of(migration) != []
    vars(migration)["beside_the_release_before"] = "Nobody writes it since 0098."
    assert problems_of(migration) == []


def test_what_the_release_before_does_not_notice_is_let_through() -> None:
    migration = migrations.Migration("0099_calm", "jobs")
    migration.operations = [
        migrations.AddField("job", "colour", models.CharField(max_length=5, default="", db_default="")),
        migrations.AddField("job", "weight", models.FloatField(null=True)),
        migrations.CreateModel("Shelf", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("shelf", "height", models.FloatField()),
    ]
    assert problems_of(migration) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def own_database(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """A database with our tables, to be taken apart."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "own.sqlite3")
        url = sqlite_url(tmp_path / "own.sqlite3")
    else:
        url = request.getfixturevalue("postgresql_url")
    with django_db_blocker.unblock(), use_database(url):
        yield request.param


def migrate(*arguments: str) -> None:
    call_command("migrate", *arguments, interactive=False, verbosity=0)


def schema() -> dict[str, Any]:
    """Return our tables with their columns, constraints and indexes."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(tuple(f"{app}_" for app in APPS)):
                columns = connection.introspection.get_table_description(cursor, table)
                constraints = connection.introspection.get_constraints(cursor, table)
                found[table] = (
                    sorted((column.name, column.null_ok, str(column.type_code)) for column in columns),
                    sorted((str(it["columns"]), it["unique"], it["check"], it["index"]) for it in constraints.values()),
                )
    return found


def applied() -> set[str]:
    """Return those of our apps of which a migration is applied."""
    return {app for app, _name in MigrationRecorder(connection).applied_migrations()} & set(APPS)


def test_every_app_goes_back_to_nothing_and_comes_again_the_same(own_database: str) -> None:
    before = schema()
    assert len(before) > 20
    for app in reversed(APPS):  # what stands on an app goes with it
        if app in applied():
            migrate(app, "zero")
    assert applied() == set()
    assert schema() == {}
    migrate()
    assert schema() == before
    job = lifecycle.submit("workload.do_nothing", {})
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_jobs_and_files_survive_a_step_back_and_forward(own_database: str) -> None:
    job = lifecycle.submit("workload.do_nothing", {"a": 1})
    file = JobFile.objects.create(job=job, role="input", name="a", size=1, media_type="text/plain", sha256="0" * 64)
    migrate("jobs", "0002")
    migrate()
    job.refresh_from_db()
    assert (job.state, job.input) == ("queued", {"a": 1})
    assert job.deadline_at is not None
    assert JobFile.objects.get(pk=file.pk).job_id == job.pk
