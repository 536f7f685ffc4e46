"""`manage.py evaluate_cv PATH`: precision, recall and F1 of a CV provider on labelled CVs, and its leaks.

Two tables: the finished profile after the gate (cv/evaluation.py), and, for the local provider, the spans of its tagger
and rules beside the baselines (cv/span_evaluation.py).
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import InvalidInput, JobError
from parsers.chosen import chosen_cv_provider
from parsers.cv import parse_cv_text
from parsers.cv.evaluation import Evaluation, table
from parsers.cv.labelled import read_labelled
from parsers.cv.span_evaluation import SpanEvaluation
from parsers.cv.span_evaluation import table as span_table
from parsers.providers import LOCAL, PROVIDERS


class Command(BaseCommand):
    help = (
        "Read labelled CVs (dotin's inline XML, a zip or a folder), run the provider and the privacy gate as the real "
        "flow does, and print precision, recall and F1 of each field, and how many CVs leak a name, e-mail or phone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a zip or a folder of labelled CVs (*.xml)")
        parser.add_argument("--provider", choices=PROVIDERS, default=LOCAL)
        parser.add_argument("--held-out", action="store_true", help="only the fifth that nothing was tuned on")
        parser.add_argument("--limit", type=int, metavar="N", help="at most so many CVs")

    def handle(self, *, path: Path, provider: str, held_out: bool, limit: int | None, **options: Any) -> None:
        evaluation, spans = Evaluation(), SpanEvaluation()
        today = datetime.now().astimezone().date()
        slowest = total = 0.0
        try:
            reader = chosen_cv_provider(provider)
            for cv in read_labelled(path, held_out=held_out, limit=limit):
                started = time.perf_counter()
                # A file name such as "12.xml" says nothing; a real upload's does, and the gate would use it.
                parsed = parse_cv_text(cv.text, reader, file_name=cv.name)
                seconds = time.perf_counter() - started
                total, slowest = total + seconds, max(slowest, seconds)
                evaluation.add(cv, parsed["profile"], today=today)
                if provider == LOCAL:
                    spans.add(cv, today=today)
        except InvalidInput as error:
            raise CommandError(error.message, returncode=2) from error
        except JobError as error:
            raise CommandError(error.message) from error
        self.stdout.write("Finished profile, after the privacy gate")
        self.stdout.write(table(evaluation))
        self.stdout.write(f"Milliseconds a CV: mean {total / evaluation.cvs * 1000:.1f}, slowest {slowest * 1000:.1f}")
        if provider == LOCAL:
            self.stdout.write("\nSpans of the tagger and the rules, beside the baselines' F1 (another split)")
            self.stdout.write(span_table(spans))
