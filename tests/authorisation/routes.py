"""Every address that there is, read from Django's resolver; nobody keeps a list of them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLResolver, get_resolver

#: What is tried at each address. HEAD is GET without a body, and OPTIONS says nothing of anybody's.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """One address. name: with its namespace; pattern: as it stands in the list of addresses; args: fixed ones."""

    name: str
    pattern: str
    callback: Any
    converters: tuple[str, ...]

    @property
    def area(self) -> str:
        """Which of the three tables declares it: "desk", "pages" or "api"."""
        if self.name.startswith("admin:"):
            return "desk"
        return "pages" if self.name.startswith("pages:") else "api"

    @property
    def shown(self) -> str:
        """The pattern without the grammar of regular expressions, for people."""
        return readable(self.pattern)


def every_route() -> list[Route]:
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: Any, pattern: str, namespace: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        whole = pattern + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry, whole, inner)
        else:
            name = entry.name or _nameless(whole)
            yield Route(f"{namespace}{name}", whole, entry.callback, tuple(entry.pattern.regex.groupindex))


def _nameless(pattern: str) -> str:
    """Name what Django leaves without a name: the old addresses of an object on the desk, and the rest of the desk."""
    if pattern.endswith("<path:object_id>/"):
        app, model = pattern.split("/")[1:3]
        return f"{app}_{model}_old_address"
    return "anything_else" if pattern.startswith("admin/") else pattern


def readable(pattern: str) -> str:
    text, depth, shown = pattern, 0, []
    # (?P<name>…) and <type:name> both become {name}.
    index = 0
    while index < len(text):
        if text.startswith("(?P<", index):
            end = text.index(">", index)
            shown.append("{" + text[index + 4 : end] + "}")
            depth, index = 1, end + 1
            while depth:
                depth += {"(": 1, ")": -1}.get(text[index], 0)
                index += 1
        elif text[index] == "<":
            end = text.index(">", index)
            shown.append("{" + text[index + 1 : end].split(":")[-1] + "}")
            index = end + 1
        elif text[index] in "^$":
            index += 1
        elif text.startswith("/?", index):
            index += 2
        else:
            shown.append(text[index])
            index += 1
    return "/" + "".join(shown)
