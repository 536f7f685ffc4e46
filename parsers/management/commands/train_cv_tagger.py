"""`manage.py train_cv_tagger PATH`: make parsers/cv/tagger.json.gz again from labelled English CVs.

The committed model: resume-dataset-NER-annotations of dotin-inc @052429f (`545_cvs_train_v2.zip`, 310 CVs, CC0; the
names and addresses in it are invented), trained 2026-11-22 with python-crfsuite 0.9.12 on the 242 CVs that
`evaluate_cv --held-out` leaves out (split by the SHA-256 of the file name, see parsers/cv/labelled.py). L1 and L2
were chosen by cross-validation within those 242. The same CVs give the same bytes.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import InvalidInput
from parsers.cv.labelled import is_held_out, read_labelled
from parsers.cv.tagger import MODEL
from parsers.cv.tagger_features import see
from parsers.cv.tagger_training import as_bytes, kept_features, personal_words, states_of

L1, L2, ROUNDS = 1.0, 0.01, 80
# "Present" ends on a fixed day, so that the same CVs give the same model on any day.
TODAY = date(2026, 11, 22)
SOURCE = "dotin-inc/resume-dataset-NER-annotations @052429f, 545_cvs_train_v2.zip"
LICENCE = "CC0-1.0"


class Command(BaseCommand):
    help = (
        "Train the local CV provider's tagger on labelled CVs (dotin's inline XML, a zip or a folder) without the "
        "held-out fifth, and write the model. Needs python-crfsuite, which is no requirement of Sıra."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a zip or a folder of labelled CVs (*.xml)")
        parser.add_argument("--output", type=Path, default=MODEL, metavar="FILE", help="default: %(default)s")

    def handle(self, *, path: Path, output: Path, **options: Any) -> None:
        try:
            import pycrfsuite
        except ImportError as error:
            raise CommandError(
                "Training needs python-crfsuite, reading CVs does not. Install it (pip install python-crfsuite) and "
                "try again.",
                returncode=2,
            ) from error
        try:
            cvs = [cv for cv in read_labelled(path) if not is_held_out(cv.name)]
        except InvalidInput as error:
            raise CommandError(error.message, returncode=2) from error
        seen = [see(cv.text, today=TODAY) for cv in cvs]
        kept = kept_features((one.features for one in seen), personal_words(cvs))
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        trainer.set_params({"c1": L1, "c2": L2, "max_iterations": ROUNDS, "feature.possible_transitions": False})
        for cv, one in zip(cvs, seen, strict=True):
            trainer.append(
                [[name for name in found if name in kept] for found in one.features], states_of(cv, one.tokens)
            )
        with tempfile.TemporaryDirectory() as folder:
            trained = str(Path(folder) / "model")
            trainer.train(trained)
            tagger = pycrfsuite.Tagger()
            tagger.open(trained)
            info = tagger.info()
            tagger.close()
        about = {
            "source": SOURCE,
            "licence": LICENCE,
            "trained_at": TODAY.isoformat(),
            "cvs": len(cvs),
            "split": "without the fifth whose file names' SHA-256 begins with a byte divisible by 5",
        }
        data = as_bytes(about, info.transitions, info.state_features)
        output.write_bytes(data)
        self.stdout.write(f"{output}: {len(cvs)} CVs, {len(info.state_features)} weights, {len(data) / 1000:.0f} KB")
