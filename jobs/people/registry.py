"""Who a person is, and what each app keeps about people. `jobs/` knows no app; each says it in its `people.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from django.utils.crypto import salted_hmac


class NotYet(Exception):
    """Something of the person cannot be erased at this moment. The message says what, and what to do."""


@dataclass(frozen=True)
class Person:
    """Somebody that data is about: by a label that a caller put on jobs, by the address that mails came from, or by an
    account of their own, to which all belongs that they sent or asked for.

    owner: whose callers' label it is; two owners may use the same one for two people. None: everybody's. Mails belong
    to no owner. Exactly one of user_id, session_id, email and account is set. Raises ValueError.
    """

    user_id: str = ""
    session_id: str = ""
    email: str = ""
    owner: Any = None
    account: Any = None

    def __post_init__(self) -> None:
        if sum(map(bool, (self.user_id, self.session_id, self.email, self.account))) != 1:
            raise ValueError("a person is named by one label, by an e-mail address or by an account")
        if self.account and self.owner:
            raise ValueError("what belongs to an account belongs to no other owner")

    @property
    def name(self) -> str:
        """Return what they are called, in the clear."""
        return self.user_id or self.session_id or self.email or self.account.get_username()

    @property
    def label(self) -> dict[str, str]:
        """Return the label as a filter of rows that have it; {} for who is known by an address or an account."""
        if self.email or self.account:
            return {}
        return {"user_id": self.user_id} if self.user_id else {"session_id": self.session_id}

    @property
    def key(self) -> str:
        """Return what receipts and the audit log call them: 64 hex digits that nobody can turn back into a name."""
        owner = self.owner.pk if self.owner is not None else None
        words = [owner, self.user_id, self.session_id, self.email.casefold()]
        about = json.dumps([*words, self.account.pk] if self.account else words)
        return salted_hmac("jobs.people", about, algorithm="sha256").hexdigest()

    def of_owner(self, rows: Any, field: str = "owner") -> Any:
        """Return those of `rows` (a queryset) that belong to the owner. field: the path to it."""
        return rows if self.owner is None else rows.filter(**{field: self.owner.pk})


@dataclass(frozen=True)
class HeldFile:
    """A file of a person. open: returns its bytes as a readable, or raises FileNotFoundError."""

    name: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Record:
    """One thing that is kept about a person. id: unlike all others of its holder. data: JSON-able."""

    id: str
    data: dict[str, Any]
    files: list[HeldFile] = field(default_factory=list)


class Note(Protocol):
    """Writes down what was erased, in the transaction that erases it. evidence: hashes, no content."""

    def __call__(self, counts: dict[str, int], evidence: str) -> None: ...


@dataclass(frozen=True)
class Holder:
    """What an app keeps about people, under one name.

    find: yields all of it. count: how many of each thing there are, {} for none. erase: deletes all of it in small
    transactions, each with its note; it may be killed and called again. Raises NotYet.
    stop: told first, and again until it returns False: ends what still runs, and says whether anything does.
    """

    name: str
    find: Callable[[Person], Iterator[Record]]
    count: Callable[[Person], dict[str, int]]
    erase: Callable[[Person, Note, str], None]
    stop: Callable[[Person, str], bool] | None = None


_holders: dict[str, Holder] = {}


def hold(holder: Holder) -> None:
    """Make known what an app keeps about people."""
    _holders[holder.name] = holder


def holders() -> list[Holder]:
    """Return all holders, the engine's first: what its workers could still write is gone before the rest."""
    return list(_holders.values())
