"""What an operation is, and what it says about one job before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.models import Job

T = TypeVar("T")


class Risk(models.TextChoices):
    """How much a step may cost; the step's own words say what."""

    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")


@dataclass(frozen=True)
class Step:
    """One thing that can be done to a job. sentence: what is done; warning: what that risks."""

    code: str
    sentence: str | Promise
    risk: Risk
    warning: str | Promise


@dataclass(frozen=True)
class Plan:
    """What would happen to one job.

    step: None when nothing is to be done. evidence: why, or why not: {"code": …} and its values, JSON-able, which
    `words.say` turns into a sentence of the reader's language.
    """

    job: Job
    step: Step | None
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One thing an operator can do to jobs.

    name: also the action in the audit log. permission: on jobs of others. plan: looks at jobs and says for each what
    would happen. perform: does it to one job, in the caller's transaction, and returns how that stands afterwards,
    JSON-able; None when it turned out that nothing could be done.
    """

    name: str
    label: str | Promise
    question: str | Promise
    is_dangerous: bool
    permission: str
    steps: tuple[Step, ...]
    plan: Callable[[list[Job]], list[Plan]]
    perform: Callable[[Job, str, str], dict[str, Any] | None]

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        return self.name.replace("_", "-")


def evidence(code: str, **values: Any) -> dict[str, Any]:
    """Return evidence as it is stored: times become text."""
    return {"code": code, **{name: _storable(value) for name, value in values.items()}}


def _storable(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut items into lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
