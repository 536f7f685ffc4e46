"""Which jobs somebody means: one filter for the API's list, the pages, the desk and the terminal.

Its text is a search line: words that all must fit, each bare or as `field:value`; in quotation marks when it has blanks
or is to be taken as it stands.

    cv                      a file's name has it, or an id begins with it, or it is a whole label, kind or error code
    file:"my cv"            the name of a file has it
    input.file_name:cv      the value under this path of the input has it; metadata.… and result.… likewise
    error:rate              the error's code or message has it
    user:u7 session:s1 worker:host.3 id:0193
"""

from __future__ import annotations

import difflib
import operator
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import CharField, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from jobs.models import JobFile, JobQuerySet
from jobs.states import State

#: The JSON columns that a search line can look into.
JSON_COLUMNS = ("input", "metadata", "result")
#: What people call the name of a file that was sent; in the row of the job stands only its id.
FILE_NAMES = frozenset({"file", "file_name", "filename"})
LONGEST_LINE = 500
MOST_WORDS = 10
#: Times that move on with the clock: an address that has one means the same tomorrow.
SINCE = ("hour", "today", "week")
#: An id has the time of the host that made it, `created_at` the database's. Ids that are older than this need no look.
CLOCKS_APART = timedelta(days=1)
#: Of an id, so that a search for it does not find everything.
FEWEST_DIGITS, ALL_DIGITS = 4, 32

WORD = re.compile(r'(?:(?P<name>[^\s":]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')


@dataclass(frozen=True)
class Word:
    """One word of a search line. name: the field or path that it names; "" for anywhere."""

    name: str
    value: str


@dataclass(frozen=True)
class Window:
    """A stretch of the table: `floor` <= id < `before`, None: no such bound; or just these ids."""

    floor: uuid.UUID | None = None
    before: uuid.UUID | None = None
    ids: Sequence[uuid.UUID] | None = None

    def holds(self, column: str) -> Q:
        """Return the condition that the id in `column` lies in it."""
        bounds = {f"{column}__gte": self.floor, f"{column}__lt": self.before, f"{column}__in": self.ids}
        return Q(**{bound: value for bound, value in bounds.items() if value is not None})


EVERYTHING = Window()


class CommaSeparated(serializers.CharField):
    """Several values in one parameter, `?state=queued,processing`, or in several of that name.

    words: what the values may be, for the API's description.
    """

    def __init__(self, *, words: Sequence[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def get_value(self, dictionary: Any) -> Any:
        if hasattr(dictionary, "getlist") and self.field_name in dictionary:
            return ",".join(dictionary.getlist(self.field_name))
        return super().get_value(dictionary)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return [part for part in super().run_validation(data).split(",") if part]


class JobFilter(serializers.Serializer):
    """Which jobs: what a list, a bulk action or a command may ask for. All that is given must fit.

    context: {"user": who asks}; without one, somebody who may see every job.
    """

    state = CommaSeparated(words=State.values, required=False, help_text="states, separated by commas")
    kind = CommaSeparated(required=False, help_text="kinds, separated by commas")
    queue = CommaSeparated(required=False, help_text="queues, separated by commas")
    owner = serializers.CharField(
        required=False, max_length=150, help_text="me: only own jobs, for staff as well; or a user name"
    )
    user_id = serializers.CharField(required=False, max_length=200, help_text="the caller's own label, as it is")
    session_id = serializers.CharField(required=False, max_length=200, help_text="the caller's own label, as it is")
    parent = serializers.UUIDField(required=False, help_text="children of this batch")  # type: ignore[assignment]
    since = serializers.ChoiceField(
        SINCE, required=False, help_text="created in the last hour, since midnight, or in the last seven days"
    )
    created_after = serializers.DateTimeField(required=False, help_text="created at this time or later")
    created_before = serializers.DateTimeField(required=False, help_text="created before this time")
    q = serializers.CharField(
        required=False, max_length=LONGEST_LINE, help_text="a search line, such as input.file_name:cv"
    )

    def validate_state(self, states: list[str]) -> list[str]:
        for state in states:
            _check_state(state)
        return states

    def validate_owner(self, name: str) -> str:
        if name == "me":
            return name
        if "user" in self.context and not self.context["user"].is_staff:
            raise serializers.ValidationError(_("Only staff see the jobs of others."), code="forbidden")
        if not get_user_model().objects.filter(username=name).exists():
            raise serializers.ValidationError(_("There is no user of this name."), code="no_user")
        return name

    def validate_q(self, line: str) -> list[Word]:
        return words_of(line)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        begin, end = given.get("created_after"), given.get("created_before")
        if begin and end and begin >= end:
            raise serializers.ValidationError(
                {"created_before": _("The end must lie after the beginning.")}, code="empty_range"
            )
        return given

    @property
    def looks_closely(self) -> bool:
        """Whether no index finds the jobs that match: each has to be looked at."""
        return any(not _is_indexed(word) for word in self.validated_data.get("q", []))

    def find(self, jobs: JobQuerySet, user: Any, window: Window = EVERYTHING) -> JobQuerySet:
        """Return the jobs of a window that match, newest first. Call is_valid before.

        jobs: those that `user` may see.
        """
        jobs = self.narrow(jobs, user).filter(window.holds("pk"))
        files = JobFile.objects.filter(window.holds("job_id"), job__isnull=False)
        for word in self.validated_data.get("q", []):
            jobs = _match(jobs, word, files)
        return jobs.order_by("-id")

    def narrow(self, jobs: JobQuerySet, user: Any) -> JobQuerySet:
        """Return the jobs that match all but the search line."""
        given = self.validated_data
        if "owner" in given:
            jobs = jobs.filter(owner=user) if given["owner"] == "me" else jobs.filter(owner__username=given["owner"])
        for name in ("state", "kind", "queue"):
            if name in given:
                jobs = jobs.filter(**{f"{name}__in": given[name]})
        for name in ("user_id", "session_id", "parent"):
            if name in given:
                jobs = jobs.filter(**{name: given[name]})
        if "since" in given:
            begin = _beginning_of(given["since"])
            jobs = jobs.filter(created_at__gte=begin, pk__gte=_first_id_of(begin - CLOCKS_APART))
        if "created_after" in given:
            begin = given["created_after"]
            jobs = jobs.filter(created_at__gt=begin, pk__gte=_first_id_of(begin - CLOCKS_APART))
        if "created_before" in given:
            jobs = jobs.filter(created_at__lt=given["created_before"])
        return jobs


def words_of(line: str) -> list[Word]:
    """Split a search line into its words. Raises ValidationError for one that could find nothing."""
    words = [
        Word(found["name"] or "", found["bare"] if found["quoted"] is None else found["quoted"])
        for found in WORD.finditer(line)
    ]
    words = [word for word in words if word.value]
    if len(words) > MOST_WORDS:
        raise serializers.ValidationError(
            _("At most %(n)s words can be searched for at once.") % {"n": MOST_WORDS}, code="too_many"
        )
    for word in words:
        if word.name in CHECKS:
            CHECKS[word.name](word.value)
        elif word.name and not _is_known(word.name):
            raise _unknown_field(word.name)
    return words


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the first and last id that begin with `text`; None when no id does."""
    digits = text.replace("-", "").lower()
    if not FEWEST_DIGITS <= len(digits) <= ALL_DIGITS or set(digits) - set("0123456789abcdef"):
        return None
    return uuid.UUID(digits.ljust(ALL_DIGITS, "0")), uuid.UUID(digits.ljust(ALL_DIGITS, "f"))


# --- what can be wrong ----------------------------------------------------------------------------------------


def _unknown_field(name: str) -> serializers.ValidationError:
    near = difflib.get_close_matches(name, FIELDS, n=1)
    hint = _("Did you mean %(field)s:?") % {"field": near[0]} if near else ""
    sentence = _(
        "There is no field %(name)s to search in. Use %(fields)s, or a path such as input.file_name:cv. "
        "Put the word into quotation marks to search for it as it is."
    ) % {"name": name, "fields": ", ".join(sorted(FIELDS))}
    return serializers.ValidationError(f"{sentence} {hint}".rstrip(), code="unknown_field")


def _check_state(state: str) -> None:
    if state not in State.values:
        raise serializers.ValidationError(
            _("Unknown state %(state)s; there are %(states)s.") % {"state": state, "states": ", ".join(State.values)},
            code="invalid_choice",
        )


def _check_id(text: str) -> None:
    if id_range(text) is None:
        raise serializers.ValidationError(
            _("No id begins with %(text)s. Give its first %(n)s or more digits: 0–9 and a–f.")
            % {"text": text, "n": FEWEST_DIGITS},
            code="no_id",
        )


#: What the values of a field are held against, before anything is searched for.
CHECKS: dict[str, Callable[[str], None]] = {"state": _check_state, "id": _check_id}


# --- what each word filters by --------------------------------------------------------------------------------


def _beginning_of(since: str) -> datetime:
    now = timezone.localtime()
    if since == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now - {"hour": timedelta(hours=1), "week": timedelta(days=7)}[since]


def _first_id_of(moment: datetime) -> uuid.UUID:
    """Return what no id of this moment or later lies below: a UUIDv7 begins with its milliseconds."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _is_known(name: str) -> bool:
    return name in FIELDS or (name.partition(".")[0] in JSON_COLUMNS and "." in name)


def _is_indexed(word: Word) -> bool:
    return word.name in EXACT_FIELDS or _is_whole_id(word)


def _is_whole_id(word: Word) -> bool:
    return not word.name and len(word.value.replace("-", "")) == ALL_DIGITS and id_range(word.value) is not None


def _match(jobs: JobQuerySet, word: Word, files: QuerySet[JobFile]) -> JobQuerySet:
    if _is_whole_id(word):
        return jobs.filter(_id(word.value))  # whoever pastes one means that job, however old
    if not word.name:
        return jobs.filter(_anywhere(word.value, files))
    if word.name in EXACT_FIELDS:
        return jobs.filter(EXACT_FIELDS[word.name](word.value))
    if word.name == "file":
        return jobs.filter(_file(word.value, files))
    if word.name in PART_FIELDS:
        return jobs.filter(PART_FIELDS[word.name](word.value))
    return _match_json(jobs, word, files)


def _match_json(jobs: JobQuerySet, word: Word, files: QuerySet[JobFile]) -> JobQuerySet:
    column, *keys = word.name.split(".")
    found: Any = column
    for key in keys[:-1]:
        found = KeyTransform(key, found)
    alias = f"_{len(jobs.query.annotations)}"
    jobs = jobs.alias(**{alias: Cast(KeyTextTransform(keys[-1], found), CharField())})
    fits = Q(**{f"{alias}__icontains": word.value})
    return jobs.filter(fits | _file(word.value, files) if column == "input" and keys[-1] in FILE_NAMES else fits)


def _file(value: str, files: QuerySet[JobFile]) -> Q:
    # A set of ids, not a look into the files of each job: it is found once.
    return Q(pk__in=files.filter(name__icontains=value).values("job_id"))


def _id(value: str) -> Q:
    bounds = id_range(value)
    return Q(pk__range=bounds) if bounds else Q(pk__in=[])


def _anywhere(value: str, files: QuerySet[JobFile]) -> Q:
    whole = [Q(user_id=value), Q(session_id=value), Q(error_code=value), Q(kind=value)]
    return reduce(operator.or_, [*whole, _file(value, files), _id(value)])


#: Fields of a search line that are compared as they are: quick, and for the id and the session an index finds them.
EXACT_FIELDS: dict[str, Callable[[str], Q]] = {
    "id": _id,
    "user": lambda value: Q(user_id=value),
    "session": lambda value: Q(session_id=value),
    "owner": lambda value: Q(owner__username=value),
    "queue": lambda value: Q(queue=value),
    "state": lambda value: Q(state=value),
}
#: Fields of a search line that need only have the value somewhere in them.
PART_FIELDS: dict[str, Callable[[str], Q]] = {
    "kind": lambda value: Q(kind__icontains=value),
    "worker": lambda value: Q(worker__icontains=value),
    "error": lambda value: Q(error_code__icontains=value) | Q(error_message__icontains=value),
}
#: All of them, besides paths into JSON.
FIELDS = (*EXACT_FIELDS, *PART_FIELDS, "file")
