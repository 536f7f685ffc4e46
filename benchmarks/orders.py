"""Many mails while everything goes wrong: `python -m benchmarks.orders --mails 500`.

    python -m benchmarks.orders [--database postgresql] [--mails 500] [--rate 10] [--sends 20] [--outage 30]

A real IMAP server, a stand-in of İkas with a real limit, a mail server, two workers. Of the mails a tenth are copies of
others, some are broken, some name no order, many ask for the same one. Midway the whole cluster is killed with SIGKILL
and, later, İkas is away for a while. At the end all is counted: every mail stored once, looked up and drafted; no
question beyond the limit, as İkas saw it; every approved reply sent once. The exit status is 1 when anything is not so.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from email.message import EmailMessage
from typing import Any

import requests

from benchmarks.stacks import DATABASES, running
from jobs.models import Job
from orders.models import Draft, Mail
from tests.harness.processes import ServerStack
from tests.standins.ikas_server import IkasServer, orders_for
from tests.standins.imap_server import ImapServer
from tests.standins.smtp_server import SmtpServer

FIRST = 5000
LONGEST_SECONDS = 900.0
BROKEN = b"From: customer5000@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\xff\xfe%d"


def mails(count: int) -> list[bytes]:
    """Return the mails: of ten, six about an order of their own, two about one of the first, one without a number, one
    a copy; and a few that are broken."""
    made: list[bytes] = []
    for n in range(count):
        if n % 25 == 24:
            made.append(BROKEN % n)
        elif n % 10 == 9:
            made.append(b"Received: from another server\r\n" + made[n - 3])
        else:
            number = FIRST + (n % 20 if n % 10 in (7, 8) else n)
            text = "Kargom nerede, yardımcı olur musunuz?" if n % 10 == 6 else f"{number} numaralı siparişim nerede?"
            made.append(_letter(n, number, text))
    return made


def _letter(n: int, number: int, text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = f"customer{number}@example.com", "destek@example.org"
    message["Subject"], message["Message-ID"] = f"Soru {n}", f"<{n}@example.com>"
    message.set_content(text)
    return message.as_bytes()


def run(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    raw = mails(arguments.mails)
    shop = IkasServer(orders=orders_for(arguments.mails, FIRST), limit=(arguments.rate, 1.0), latency=0.01)
    with ImapServer() as imap, shop, SmtpServer() as smtp:
        imap.append_many(raw)
        env = shop.environment | {
            "MAIL_PROVIDER": "imap", "IMAP_HOST": imap.host, "IMAP_PORT": str(imap.port), "IMAP_USER": imap.user,
            "IMAP_PASSWORD": imap.password, "IMAP_SECURITY": "none", "IKAS_REQUESTS_PER_SECOND": str(arguments.rate),
            "IKAS_REQUESTS_PER_WINDOW": "1000000", "IKAS_TIMEOUT_SECONDS": "5", "OUTBOX_PROVIDER": "smtp",
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp.port), "SMTP_SECURITY": "none", "LEASE_SECONDS": "6",
            "HEARTBEAT_SECONDS": "2",
        }  # fmt: skip
        with running(arguments.database, workers=2, env=env) as stack:
            return _through_it_all(stack, shop, smtp, raw, arguments)


def _through_it_all(
    stack: ServerStack, shop: IkasServer, smtp: SmtpServer, raw: list[bytes], arguments: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    unique = len({mail.split(b"\n", 1)[1] if mail.startswith(b"Received") else mail for mail in raw})
    api = requests.Session()
    api.headers["Authorization"] = f"Token {stack.token('agent', staff=True)}"
    began = time.monotonic()
    api.post(f"{stack.base_url}/api/mails/fetch", headers={"Prefer": "wait=0"}, timeout=30)
    killed = away = back = 0.0
    ended = 0
    with stack.database():
        while time.monotonic() - began < LONGEST_SECONDS:
            lookups = Job.objects.filter(kind="orders.fetch_order")
            ended = lookups.filter(state="succeeded").count()
            now = time.monotonic() - began
            if not killed and (ended >= unique * 0.3):
                stack.kill_whole("sira")
                killed = now
                stack.start("sira")
            elif killed and not away and ended >= unique * 0.5:
                shop.outage, away = True, now
            elif away and not back and now - away >= arguments.outage:
                shop.outage, back = False, now
            if ended >= unique and not Job.objects.unfinished().exclude(kind__startswith="jobs.").exists():
                break
            time.sleep(0.3)
        took = time.monotonic() - began
        # A second look at the mailbox finds nothing new.
        api.post(f"{stack.base_url}/api/mails/fetch", timeout=90)
        sent = _approve(api, stack, arguments.sends)
        until = time.monotonic() + 60
        while time.monotonic() < until and Draft.objects.filter(state="sending").exists():
            time.sleep(0.2)
        figures, problems = _count(shop, smtp, unique, sent)
    figures |= {
        "mails": len(raw), "took_s": round(took, 1), "killed_at_s": round(killed, 1), "away_at_s": round(away, 1),
        "back_at_s": round(back, 1), "looked_up": ended,
    }  # fmt: skip
    if not (killed and back):
        problems.append("the kill or the outage did not happen midway")
    return figures, problems


def _approve(api: requests.Session, stack: ServerStack, most: int) -> int:
    sent = 0
    for draft in Draft.objects.filter(state="open").order_by("id")[:most]:
        mail = f"{stack.base_url}/api/mails/{draft.mail_id}"
        version = api.get(mail, timeout=30).json()["draft"]["version"]
        sent += api.post(f"{mail}/draft/approve", json={"version": version}, timeout=30).status_code == 202
    return sent


def _count(shop: IkasServer, smtp: SmtpServer, unique: int, sent: int) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []

    def check(holds: bool, problem: str) -> None:
        if not holds:
            problems.append(problem)

    stored = Mail.objects.count()
    check(stored == unique, f"{stored} mails stored instead of {unique}")
    lookups = Counter(Job.objects.filter(kind="orders.fetch_order").values_list("state", flat=True))
    check(lookups == {"succeeded": unique}, f"look-ups ended as {dict(lookups)}")
    outcomes = Counter(Mail.objects.values_list("outcome", flat=True))
    drafts = Counter(Draft.objects.values_list("state", flat=True))
    without = Mail.objects.exclude(sender="").exclude(drafts__state__in=["open", "sent"]).count()
    check(without == 0, f"{without} mails without a draft")
    blocked = sum(any(claim["field"] is None for claim in draft.claims) for draft in Draft.objects.all())
    check(blocked == 0, f"{blocked} drafts with statements that no order bears out")
    answered = Counter(str(call.asked) for call in shop.calls if call.status == 200)
    again = sum(times - 1 for times in answered.values())
    check(again <= 2, f"{again} questions were asked again; two workers were killed")
    refused = sum(call.status == 429 for call in shop.calls)
    check(refused == 0, f"{refused} requests above the limit")
    requests_limit, seconds = shop.limit or (0, 1.0)
    times = sorted(call.at for call in shop.calls)
    most = max(
        (sum(at <= other < at + seconds for other in times[n : n + 100]) for n, at in enumerate(times)), default=0
    )
    check(most <= requests_limit, f"{most} requests in {seconds} s, the limit is {requests_limit}")
    arrived = Counter(
        message.recipients[0] + message.content.split(b"Message-ID: ")[1][:45].decode() for message in smtp.messages
    )
    check(len(smtp.messages) == sent, f"{len(smtp.messages)} messages arrived of {sent} that were approved")
    check(max(arrived.values(), default=1) == 1, "a message arrived twice")
    figures = {
        "stored": stored, "outcomes": dict(outcomes), "drafts": dict(drafts), "requests": len(shop.calls),
        "asked_again": again, "above_limit": refused, "most_in_a_second": most, "sent": sent,
        "during_the_outage": sum(call.status == 503 for call in shop.calls), "tokens": shop.minted,
    }  # fmt: skip
    return figures, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--mails", type=int, default=500)
    parser.add_argument("--rate", type=int, default=10, help="requests a second that İkas takes")
    parser.add_argument("--sends", type=int, default=20, help="drafts that are approved in the end")
    parser.add_argument("--outage", type=float, default=30, help="seconds")
    for noisy in ("mail.log", "imapclient"):  # the stand-ins' own
        logging.getLogger(noisy).setLevel(logging.WARNING)
    figures, problems = run(parser.parse_args())
    print(json.dumps(figures, ensure_ascii=False))
    for problem in problems:
        print(f"NOT SO: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
