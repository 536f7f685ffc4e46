"""Where personal data might come to lie: every column of every table, and which of them hold it on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

#: Columns that are content, each with why. All of it goes with the job, document, session, conversation or mail.
CONTENT = {
    "jobs_jobfile.name": "the uploader's name of a file, made safe",
    "jobs_jobfile.file": "seed 001 wants the file stored under a name made from the uploader's",
    "parsers_document.name": "the same name, in the session's list of documents",
    "parsers_chunk.text": "a document's text is what a session is for",
    "parsers_chunk.terms": "its full-text index",
    "imaging_message.content": "the prompt, in the owner's conversation",
    "imaging_conversation.title": "the owner's own words",
    "orders_mail.sender": "a mail is answered to it",
    "orders_mail.sender_name": "a reply greets with it",
    "orders_mail.reply_to": "a mail is answered to it",
    "orders_mail.subject": "the customer's words",
    "orders_mail.text": "the customer's words",
    "orders_draft.subject": "a reply quotes the customer's",
    "orders_draft.body": "a reply greets by name",
    "orders_draft.recipient": "whom a reply goes to",
    "orders_order.snapshot": "e-mail and name of the customer, to tell whose order it is",
}
#: Tables that an index keeps by itself.
INDEXES = ("parsers_chunk_index",)
#: The prompt is the input of this kind alone.
PROMPT_KIND = "imaging.generate_image"


def columns() -> Iterator[tuple[str, list[str | bytes]]]:
    """Yield each column as "table.column" with the text or bytes of all its values, content left out."""
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table.startswith(INDEXES):
                continue
            names = [column.name for column in connection.introspection.get_table_description(cursor, table)]
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            for place, name in enumerate(names):
                if f"{table}.{name}" not in CONTENT:
                    yield (
                        f"{table}.{name}",
                        [_plain(row[place]) for row in rows if not _is_prompt(table, name, row, names)],
                    )


def _is_prompt(table: str, name: str, row: tuple, names: list[str]) -> bool:
    return (table, name) == ("jobs_job", "input") and row[names.index("kind")] == PROMPT_KIND


def _plain(value: object) -> str | bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value)
