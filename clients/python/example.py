"""SIRA_URL=http://127.0.0.1:8000 SIRA_TOKEN=… python example.py cv.pdf"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from sira_client import Event, Sira


@dataclass
class Basics:
    profession: str | None
    skills: list[str]


@dataclass
class Profile:
    basics: Basics


@dataclass
class Parsed:
    profile: Profile


@dataclass
class CvResult:
    """What `parsers.parse_cv` makes, as far as this example looks."""

    parsed_data: Parsed


def show(event: Event) -> None:
    sys.stdout.write(f"{event.progress:3.0f} % {event.stage}\n")


with Sira() as sira:
    job = sira.submit("parsers.parse_cv", files={"file": sys.argv[1]})
    sira.wait(job, on_progress=show)
    found = sira.result(job, type=CvResult)

sys.stdout.write(f"{found.parsed_data.profile.basics}\n")
