"""docs/authorisation.md, written from the declarations: `python -m tests.authorisation.document`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "authorisation.md"

INTRODUCTION = """\
# Who may do what

Every address and every topic of the WebSocket, for every role. This page is written from the declarations that the
tests run (`tests/authorisation/`), and a test keeps it the same: `python -m tests.authorisation.document` writes it
anew. An address that is not declared fails a test, so it cannot be forgotten.

| column | who |
|---|---|
| anonymous | nobody is signed in; the same for who was deactivated, whatever token or session they hold |
| other | a user, who asks for things of somebody else; the same for who is no longer staff, though still in a group |
| owner | the user whose things they are |
| viewer, operator, administrator | staff of that group (`jobs/roles.py`), who ask for things of others |

A superuser is as an administrator. Staff without a role are as a viewer in the API, and have an empty desk.

| word | what it means |
|---|---|
| 2xx, 3xx | it is answered, or led on to another page |
| login | sent to the page where one signs in |
| 401 | asked to say who it is |
| 403 | refused; nothing was changed |
| 404 | word for word the answer for an id that does not exist; nothing was changed |

What holds everywhere, and is run with the tables: a method that is not listed is refused with 405 (a POST to a page of
the desk that takes none shows it); GET changes nothing; a session needs the token of a form (CSRF) for every method
that changes something; in lists and numbers nobody finds ids, names or labels of others; a token opens no page.
*scope*: what a token needs to have besides (`docs/api-tokens.md`).
"""


def text() -> str:
    return "\n".join([INTRODUCTION, *_api(), *_pages(), *_desk(), *_sockets()])


def _api() -> Iterator[str]:
    from tests.authorisation.declared import API
    from tests.authorisation.matrix import scope_of
    from tests.authorisation.routes import every_route

    routes = {route.name: route for route in every_route()}
    yield "## The API\n"
    yield from _head("method", "address", "scope")
    for (name, method), row in API.items():
        yield _line([method, f"`{routes[name].shown}`", scope_of(routes[name], method) or "–"], row)


def _pages() -> Iterator[str]:
    from tests.authorisation.declared import PAGES
    from tests.authorisation.routes import every_route

    routes = {route.name: route for route in every_route()}
    yield "\n## Pages\n"
    yield from _head("method", "address")
    for (name, method), row in PAGES.items():
        yield _line([method, f"`{routes[name].shown}`"], row)


def _desk() -> Iterator[str]:
    from tests.authorisation.declared_desk import DESK, KINDS, MODELS
    from tests.authorisation.routes import every_route

    routes = {route.name: route for route in every_route()}
    yield "\n## The desk\n"
    yield "Each model has the same addresses below `/admin/{app}/{model}/`; who gets what depends on its kind.\n"
    for kind, rows in KINDS.items():
        names = sorted(model.replace("_", ".", 1) for model, its in MODELS.items() if its == kind)
        yield f"### Models: {kind}\n\n{', '.join(f'`{name}`' for name in names)}\n"
        yield from _head("method", "page")
        for (page, method), row in rows.items():
            yield _line([method, page.replace("_", " ")], row)
        yield ""
    yield "### Other pages, and deeds\n"
    yield from _head("method", "address")
    for (name, method), row in DESK.items():
        yield _line([method, f"`{routes[name].shown}`"], row)


def _sockets() -> Iterator[str]:
    from tests.authorisation.declared import SOCKETS

    yield "\n## The WebSocket, `/ws/live/`\n"
    yield "2xx: a snapshot, then what happens. 401: closed with 4401. 404: the error `not_found`, as for no such id.\n"
    yield from _head("topic")
    for topic, row in SOCKETS.items():
        yield _line([f"`{topic}`" if topic == "jobs" else f"`{topic}:<id>`"], row)
    yield ""


def _head(*first: str) -> Iterator[str]:
    from tests.authorisation.people import ROLES

    columns = [*first, *ROLES]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"


def _line(first: Iterable[str], row: str) -> str:
    return f"| {' | '.join([*first, *row.split()])} |"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    PAGE.write_text(text())
