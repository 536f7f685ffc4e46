"""A mail's bytes to what people read, whatever was sent: strangers write mails.

Nothing here raises, fetches anything or opens an attachment, and every step is bounded. The standard library's parsers
of whole mails and of structured headers are not used: their time grows with the square of what a stranger sends.
"""

from __future__ import annotations

from orders.reading.mail import ParsedMail, read_mail
from orders.reading.quotes import without_quotes

__all__ = ["ParsedMail", "read_mail", "without_quotes"]
