"""From a mail to its orders: what is asked, what is kept of the answer, and what follows from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs import lifecycle
from jobs.models import Job
from jobs.states import State
from orders.drafts import find_live, is_fresh, orders_to_tell
from orders.lookups import Answer, Question, Shielded, answer, expire, find_answer
from orders.models import Draft, Mail, MailOrder, Order
from orders.providers import Shop

DRAFT_REPLY, REFRESH_ORDER = "orders.draft_reply", "orders.refresh_order"
#: Numbers of one mail that are looked up.
MOST_NUMBERS = 3
#: Requests for one answer: with a new token, and with a second try.
REQUESTS = 4


@dataclass
class Found:
    """orders: with how each was found, the best first. was_cached: whether the shop did not have to be asked."""

    outcome: str
    orders: list[tuple[Order, str]] = field(default_factory=list)
    was_cached: bool = True
    is_choice: bool = False  # of a person: what was found before stays beside it


def questions_of(mail: Mail, number: str = "") -> list[tuple[Question, str]]:
    """Return what the shop is asked for a mail, and how each is called (MailOrder.By). number: a person's choice."""
    source = settings.ORDER_PROVIDER
    if number:
        return [(Question(source, number=number), MailOrder.By.PERSON)]
    if mail.order_numbers:
        return [(Question(source, number=named), MailOrder.By.NUMBER) for named in mail.order_numbers[:MOST_NUMBERS]]
    # What a machine wrote and names no order is about none: nobody is asked.
    if mail.sender and not mail.is_automatic:
        return [(Question(source, email=mail.sender), MailOrder.By.EMAIL)]
    return []


def find_orders(mail: Mail, shop: Shop, *, number: str, job_id: uuid.UUID, shield: Shielded) -> Found:
    """Find a mail's orders, in what is kept or at the shop. Raises what `lookups.answer` raises."""
    questions = questions_of(mail, number)
    found = Found(outcome="", is_choice=bool(number))
    for question, by in questions:
        got = _ask(question, shop, job_id, shield)
        found.was_cached &= got.was_cached
        # Of a customer's orders the latest is meant, as a rule; a person can choose another.
        orders = got.orders[:1] if by == MailOrder.By.EMAIL else got.orders
        known = {order.pk for order, _ in found.orders}
        found.orders += [(order, by) for order in orders if order.pk not in known]
    found.orders.sort(key=lambda pair: not _belongs(pair[0], mail))
    found.outcome = _outcome(mail, found, asked_by_number=any(question.number for question, _ in questions))
    return found


def ask(*, number: str, shop: Shop, job_id: uuid.UUID, shield: Shielded) -> Answer:
    """Find one order by its number. Raises what `lookups.answer` raises."""
    return _ask(Question(settings.ORDER_PROVIDER, number=number), shop, job_id, shield)


def _ask(question: Question, shop: Shop, job_id: uuid.UUID, shield: Shielded) -> Answer:
    longest = settings.IKAS_TIMEOUT * REQUESTS
    return answer(question, shop, job_id=job_id, longest=longest, shield=shield)


def _belongs(order: Order, mail: Mail) -> bool:
    """Say whether an answer to the mail would go to the order's own customer. A From can be forged; who gets the
    answer cannot."""
    email = (order.snapshot["customer"]["email"] or "").lower()
    return bool(email) and email == mail.answer_to.lower()


def _outcome(mail: Mail, found: Found, *, asked_by_number: bool) -> str:
    if not found.orders:
        return Mail.Outcome.NOT_FOUND if asked_by_number else Mail.Outcome.NO_REFERENCE
    return Mail.Outcome.FOUND if _belongs(found.orders[0][0], mail) else Mail.Outcome.OTHER_CUSTOMER


@transaction.atomic
def keep(mail_id: uuid.UUID, found: Found) -> None:
    """Store what was found for a mail, unless it was deleted. What a person vouched for before stays vouched for."""
    mail = Mail.objects.select_for_update().filter(pk=mail_id).first()
    if mail is None:
        return
    if not found.is_choice:
        # What was found before and is not found now was another answer; what a person chose stays.
        gone = mail.mail_orders.exclude(by=MailOrder.By.PERSON).filter(confirmed_by="")
        gone.exclude(order__in=[order.pk for order, _ in found.orders]).delete()
    for rank, (order, by) in enumerate(found.orders):
        link, is_new = MailOrder.objects.get_or_create(
            mail=mail, order=order, defaults={"by": by, "rank": rank, "belongs": _belongs(order, mail)}
        )
        if not is_new:
            MailOrder.objects.filter(pk=link.pk).update(
                rank=rank, belongs=_belongs(order, mail), **({"by": by} if found.is_choice else {})
            )
    links = list(mail.mail_orders.all())
    choice = _choose(mail, links, found)
    outcome = found.outcome
    if choice is not None:
        outcome = Mail.Outcome.FOUND if choice.may_be_told else Mail.Outcome.OTHER_CUSTOMER
    Mail.objects.filter(pk=mail.pk).update(order=choice.order_id if choice else None, outcome=outcome)


def _choose(mail: Mail, links: list[MailOrder], found: Found) -> MailOrder | None:
    """Return the order that the mail is taken to be about. A person's choice stands until a person chooses again."""
    by_order = {link.order_id: link for link in links}
    if found.is_choice and found.orders:
        return by_order[found.orders[0][0].pk]
    now = by_order.get(mail.order_id) if mail.order_id else None
    if now is not None and (now.by == MailOrder.By.PERSON or now.confirmed_by):
        return now
    return next((link for link in links if link.may_be_told), links[0] if links else None)


def mirror_lookup(jobs: list[Job]) -> None:
    """Keep what mails say of their look-up level with the job: called in the transaction of each of its events."""
    for job in sorted(jobs, key=lambda job: job.pk):
        mine = Mail.objects.filter(lookup_job=job)
        if job.state in (State.FAILED, State.CANCELLED):
            mine.filter(outcome=Mail.Outcome.PENDING).update(outcome=Mail.Outcome.UNAVAILABLE)
        elif job.state != State.SUCCEEDED:
            mine.filter(outcome=Mail.Outcome.UNAVAILABLE).update(outcome=Mail.Outcome.PENDING)


# --- what follows -----------------------------------------------------------------------------------------------


def wants_draft(mail_id: uuid.UUID) -> bool:
    """Say whether a draft is to be written by itself: for an open mail of a person, unless somebody works on one."""
    mail = Mail.objects.filter(pk=mail_id, box=Mail.Box.OPEN, is_automatic=False).exclude(sender="").first()
    if mail is None:
        return False
    live = find_live(mail)
    return live is None or (live.state == Draft.State.OPEN and not live.edited_by)


def ask_for_draft(mail_id: uuid.UUID, *, priority: int, replace: bool = False, owner: Any = None) -> Job:
    """Submit the job that drafts a reply."""
    given: dict[str, Any] = {"mail_id": str(mail_id), "replace": replace}
    return lifecycle.submit(DRAFT_REPLY, given, priority=priority, owner=owner)


def is_kept(mail: Mail) -> bool:
    """Say whether all that a reply needs is known and fresh, so that the shop need not be asked."""
    if mail.outcome in (Mail.Outcome.PENDING, Mail.Outcome.UNAVAILABLE):
        return False
    if told := orders_to_tell(mail):
        return all(is_fresh(order) for order in told)
    return all(find_answer(question) is not None for question, _ in questions_of(mail))


def forget_answers(mail: Mail) -> None:
    """Have the next look-up of a mail ask the shop, whatever is kept."""
    numbers = list(mail.mail_orders.values_list("order__number", flat=True))
    asked = [Question(settings.ORDER_PROVIDER, number=number) for number in numbers]
    expire([*asked, *(question for question, _ in questions_of(mail))])


@transaction.atomic
def note_change(number: str) -> Job | None:
    """Ask again for an order that the shop says has changed. None for one that nobody here has ever asked for."""
    was_asked = expire([Question(settings.ORDER_PROVIDER, number=number)]) > 0
    if not was_asked and not Order.objects.filter(source=settings.ORDER_PROVIDER, number=number).exists():
        return None
    waiting = Job.objects.queued().filter(kind=REFRESH_ORDER, input__number=number).first()
    return waiting or lifecycle.submit(REFRESH_ORDER, {"number": number})
