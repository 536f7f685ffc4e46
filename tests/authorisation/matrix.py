"""The matrix as it is run: what each cell should answer, and what is wrong with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs.api.scopes import needed_scope
from tests.authorisation import declared, declared_desk
from tests.authorisation.asking import Answer, ask
from tests.authorisation.calls import Call, body_of, call_of, parts_of, path_of
from tests.authorisation.people import ALIKE, CLERK, ROLES
from tests.authorisation.routes import METHODS, SAFE, Route, every_route
from tests.authorisation.world import World

#: Who tries the methods that are not declared as well.
TRIES_EVERYTHING = ("anonymous", "other", "administrator")
REFUSED = ("401", "403", "404", "405", "login")
#: Ids of nobody, in the shapes that ids have here.
UNKNOWN_UUID = "0192aaaa-0000-7000-8000-00000000dead"
UNKNOWN_NUMBER = "987654321"
UNKNOWN_LABEL = "no-such-label"


def table_of(area: str) -> dict[tuple[str, str], str]:
    return {"api": declared.API, "pages": declared.PAGES, "desk": declared_desk.rows()}[area]


@dataclass(frozen=True)
class Cell:
    """One role at one address with one method. expected: the declared word, "" for a method that is not declared."""

    route: Route
    method: str
    role: str
    expected: str
    #: What the role is told before anybody looks at the method: what it gets for every method that there is.
    first: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.role}: {self.method} {self.route.shown} ({self.route.name})"

    @property
    def call(self) -> Call:
        return call_of(self.route, self.method)


def expected_of(row: str, role: str, name: str) -> str:
    """Return the word of a role, also of those that have no column. name: of the address."""
    words = dict(zip(ROLES, row.split(), strict=True))
    if role == CLERK:
        if name in declared_desk.CLERK:
            return declared_desk.CLERK[name]
        is_of_a_model = name.startswith("admin:") and words["viewer"] == "2xx" and words["other"] == "login"
        return "403" if is_of_a_model else words["viewer"]
    return words[ALIKE.get(role, role)]


def cells(area: str, role: str) -> Iterator[Cell]:
    """Yield every cell of a role: each method at each address."""
    table = table_of(area)
    for route in every_route():
        if route.area != area:
            continue
        expected = {
            method: expected_of(row, role, route.name) for method in METHODS if (row := table.get((route.name, method)))
        }
        first = tuple({word for word in expected.values() if word in ("401", "403", "login", "3xx")})
        for method in METHODS:
            if method in expected:
                yield Cell(route, method, role, expected[method])
            elif role in TRIES_EVERYTHING:
                yield Cell(route, method, role, "", first)


def client_for(cell: Cell, world: World) -> Any:
    """Programs have tokens, people have sessions."""
    visitors = world.visitors
    return visitors.with_token(cell.role) if cell.route.area == "api" else visitors.with_session(cell.role)


def scope_of(route: Route, method: str) -> str:
    """Return the scope that a token needs there; "" where none is asked for."""
    view = getattr(route.callback, "cls", None)
    return needed_scope(view, method) if view is not None and view.authentication_classes else ""


def put(cell: Cell, world: World, ids: dict[str, str], *, client: Any = None) -> Answer:
    """Ask what the cell asks, for the things of these ids. client: instead of the role's own."""
    call = cell.call
    path, body = path_of(cell.route, call, ids), body_of(call, ids)
    options: dict[str, Any] = {}
    if cell.method not in SAFE:
        if cell.route.area == "api":
            options = {"data": body, "format": call.format}
        elif cell.method == "POST":
            options = {"data": body}
    return ask(client or client_for(cell, world), cell.method, path, **options)


def wrong_with(cell: Cell, answer: Answer) -> Iterator[str]:
    """Yield what is wrong with the answer, in sentences."""
    if not cell.expected:
        yield from _wrong_with_undeclared(cell, answer)
        return
    got_through = answer.word == cell.expected or (cell.expected == "2xx" and answer.status in cell.call.also)
    if not got_through:
        yield f"{cell.name}: {answer.word} and not {cell.expected}: {answer.location}{answer.body[:200]}"
    elif answer.word in REFUSED or cell.method in SAFE:
        if answer.writes:
            yield f"{cell.name}: {answer.word}, and yet it wrote: {answer.writes[0]}"
    elif cell.route.area == "api" and not answer.writes and not cell.call.only_asks:
        yield f"{cell.name}: {answer.status}, and nothing was done"


def _wrong_with_undeclared(cell: Cell, answer: Answer) -> Iterator[str]:
    if answer.writes:
        yield f"{cell.name}: not declared, and it wrote: {answer.writes[0]}"
    elif cell.route.area == "desk" and cell.method == "POST" and answer.status < 500:
        return  # Django's pages look at no method: it was a GET
    elif answer.word not in ("405", *cell.first):
        where = "declare it in tests/authorisation/, or let the view refuse it with 405"
        yield f"{cell.name}: {answer.word} and not 405; {where}"


def unknown_ids(ids: dict[str, str]) -> dict[str, str]:
    """Return ids of the same shapes of which there are none."""

    def unknown(word: str, value: str) -> str:
        if word in ("queue", "paused_queue") or word.startswith("="):
            return value
        if value.isdigit():
            return UNKNOWN_NUMBER
        return UNKNOWN_UUID if value.count("-") == 4 else UNKNOWN_LABEL

    return {word: unknown(word, value) for word, value in ids.items()}


def ids_in(cell: Cell, ids: dict[str, str]) -> list[str]:
    """Return the ids that the cell's address holds."""
    return list(parts_of(cell.route, cell.call, ids).values())
