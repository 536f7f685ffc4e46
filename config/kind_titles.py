"""What people call the kinds of work, in their language. A kind's own title is for programs, and English.

Batches are called after what people handed over, not after the summing up that their own kind does.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from jobs.kinds import registry

TITLES = {
    "classifier.classify_batch": _("Classify documents"),
    "classifier.classify_document": _("Classify a document"),
    "classifier.collect_recurring": _("Collect what is new for a batch"),
    "imaging.generate_image": _("Paint a picture"),
    "jobs.prune_expired": _("Clear away what has expired"),
    "orders.draft_reply": _("Draft a reply"),
    "orders.fetch_mails": _("Fetch new mails"),
    "orders.fetch_order": _("Find the order of a mail"),
    "orders.prune_mails": _("Clear away old mails and orders"),
    "orders.refresh_order": _("Ask the shop about an order again"),
    "orders.send_reply": _("Send a reply"),
    "parsers.ingest_batch": _("Documents into a session"),
    "parsers.ingest_document": _("A document into a session"),
    "parsers.parse_cv": _("Read a CV"),
}


def title_of(name: str) -> str:
    """Return what to call a kind: by this table, else by the first line of its docstring, else by its name."""
    if name in TITLES:
        return str(TITLES[name])
    kind = registry.find(name)
    return kind.title.removesuffix(".") if kind else name
