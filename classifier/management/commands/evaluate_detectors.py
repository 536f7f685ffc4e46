"""`manage.py evaluate_detectors PATH`: how well the detectors find what a set says (classifier/evaluation.py)."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.evaluation import ENTITIES, Evaluation, read_labelled, table


class Command(BaseCommand):
    help = (
        "Read a JSON list of texts with labelled spans, as presidio-research writes it, and print recall and precision "
        "of each kind of personal data that a detector looks for (a match is an overlap of half or more)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="such as presidio-research's generated_large.json")
        parser.add_argument(
            "--show", choices=ENTITIES, metavar="ENTITY", help="print what was missed and what was wrong"
        )

    def handle(self, *, path: Path, show: str | None, **options: Any) -> None:
        evaluation = Evaluation(keep=show)
        began = time.perf_counter()
        try:
            for text, labels in read_labelled(path):
                evaluation.add(text, labels)
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from None
        seconds = time.perf_counter() - began
        self.stdout.write(table(evaluation))
        self.stdout.write(f"{evaluation.texts} texts, {seconds / max(evaluation.texts, 1) * 1000:.2f} ms each")
        for line in evaluation.kept:
            self.stdout.write(line)
