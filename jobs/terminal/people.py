"""Which person a command is about, and why."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobs.people.registry import Person
from jobs.terminal import given

LONGEST_LABEL, LONGEST_ADDRESS = 200, 320


def add_person(parser: ArgumentParser) -> None:
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument("--user-id", metavar="LABEL", default="", help="the label that a caller put on the jobs")
    named.add_argument("--session", metavar="LABEL", default="", help="the same, where a session is a person")
    named.add_argument("--email", metavar="ADDRESS", default="", help="where a customer's mails came from")
    named.add_argument("--account", metavar="NAME", help="all that belongs to this account, whatever its label")
    parser.add_argument(
        "--owner", metavar="NAME", help="only what this user's callers sent; without it, everybody's with this label"
    )


def asked_for(options: dict[str, Any]) -> Person:
    """Return the person that was asked for. Raises CommandError."""
    label, email = options["user_id"] or options["session"], options["email"].strip()
    if options["account"] is not None:
        if options["owner"] is not None:
            raise given.nonsense("What belongs to an account belongs to no other owner: leave out --owner.")
        return Person(account=given.find_user(options["account"], "--account: "))
    if not label and not email:
        raise given.nonsense("--user-id, --session and --email must not be empty.")
    if len(label) > LONGEST_LABEL or len(email) > LONGEST_ADDRESS or (email and "@" not in email):
        raise given.nonsense("That is no label of at most 200 characters, or no e-mail address.")
    if email and options["owner"] is not None:
        raise given.nonsense("Mails belong to no owner: leave out --owner.")
    owner = given.find_user(options["owner"], "--owner: ") if options["owner"] is not None else None
    return Person(user_id=options["user_id"], session_id=options["session"], email=email, owner=owner)


def reason_without(person: Person, reason: str) -> str:
    """Return the reason as it is kept. Raises CommandError for none, and for one that names the person."""
    reason = reason.strip()
    if not reason:
        raise given.nonsense("--reason is missing: it is kept with the receipt and in the audit log.")
    if person.name.casefold() in reason.casefold():
        raise given.nonsense(
            "--reason names the person, and it outlives the erasure. Give a ticket number or the like."
        )
    return reason[:300]
