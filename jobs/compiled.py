"""Querysets whose SQL is written once: for the few that are asked with every request.

Django writes the SQL of a queryset anew each time it is evaluated; for a model of forty columns that takes longer than
the answer does. Here it is written once for each connection, and only the values change:

    by_id = Compiled(lambda id: Job.objects.filter(pk=id), id=(Job._meta.pk, uuid.UUID(int=1)))
    by_id.first(id=job_id)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model, QuerySet
from django.db.models.query import get_related_populators

from jobs import asking

M = TypeVar("M", bound=Model)


@dataclass
class Statement:
    """What is kept of a queryset. places: which of the parameters each value is."""

    sql: str
    parameters: list[Any]
    places: dict[str, list[int]]
    compiler: Any
    converters: Any
    first: int
    last: int
    names: list[str]
    related: list[Any]

    @property
    def width(self) -> int:
        """How many columns its rows have."""
        return len(self.compiler.select)


class Compiled(Generic[M]):
    """A queryset of whole model instances, with `select_related` and annotations as it likes, or of `values_list`.

    make: returns it for values by name. values: for each name the field with which it is compared, and a sample: one
    that is not among the queryset's other parameters.
    """

    def __init__(self, make: Callable[..., QuerySet[M, Any]], **values: tuple[Field, Any]) -> None:
        self.make = make
        self.values = values

    def all(self, **values: Any) -> list[M]:
        """Return the instances for these values."""
        statement, rows = self._ask(values)
        return [self._instance(statement, row) for row in rows]

    def first(self, **values: Any) -> M | None:
        """Return the first of them, or None."""
        return next(iter(self.all(**values)), None)

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a queryset of `values_list`."""
        return [tuple(row) for row in self._ask(values)[1]]

    def _ask(self, values: dict[str, Any]) -> tuple[Statement, Any]:
        if (answers := asking.beforehand()) is not None:
            return answers.find(self, tuple(values.items()))
        statement = self.statement()
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(statement.sql, self.parameters(statement, values))
            return statement, self.converted(statement, cursor.fetchall())

    def statement(self) -> Statement:
        """Return what is asked over this thread's connection."""
        connection = connections[DEFAULT_DB_ALIAS]
        kept: dict[Compiled[M], Statement] = connection.__dict__.setdefault("_compiled_querysets", {})
        if (statement := kept.get(self)) is None:
            statement = kept[self] = self._compile(connection)
        return statement

    def parameters(self, statement: Statement, values: dict[str, Any]) -> list[Any]:
        """Return the parameters of its SQL for these values."""
        parameters = statement.parameters.copy()
        for name, places in statement.places.items():
            value = self._prepare(name, values[name], statement.compiler.connection)
            for place in places:
                parameters[place] = value
        return parameters

    @staticmethod
    def converted(statement: Statement, rows: Any) -> Any:
        """Return rows that came from the database with their values as Django's fields have them."""
        return statement.compiler.apply_converters(rows, statement.converters) if statement.converters else rows

    def _prepare(self, name: str, value: Any, connection: Any) -> Any:
        return self.values[name][0].get_db_prep_value(value, connection)

    def _compile(self, connection: Any) -> Statement:
        queryset = self.make(**{name: sample for name, (_, sample) in self.values.items()})
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        samples = {name: self._prepare(name, sample, connection) for name, (_, sample) in self.values.items()}
        places = {
            name: [place for place, one in enumerate(parameters) if type(one) is type(sample) and one == sample]
            for name, sample in samples.items()
        }
        assert all(places.values()), f"a value is not among the parameters: {places}"
        info = compiler.klass_info  # None for values_list
        first, last = (info["select_fields"][0], info["select_fields"][-1] + 1) if info else (0, 0)
        return Statement(
            sql=sql,
            parameters=list(parameters),
            places=places,
            compiler=compiler,
            converters=compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]]),
            first=first,
            last=last,
            names=[column[0].target.attname for column in compiler.select[first:last]],
            related=(
                get_related_populators(info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # of Django 6
                if info
                else []
            ),
        )

    @staticmethod
    def _instance(statement: Statement, row: Any) -> Any:
        """Make one instance as `django.db.models.query.ModelIterable` does."""
        model = statement.compiler.klass_info["model"]
        instance = model.from_db(DEFAULT_DB_ALIAS, statement.names, row[statement.first : statement.last])
        for populator in statement.related:
            populator.populate(row, instance)
        for name, place in statement.compiler.annotation_col_map.items():
            setattr(instance, name, row[place])
        return instance
