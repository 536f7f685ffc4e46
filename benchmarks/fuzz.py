"""Feed what reads strangers' bytes with bytes that nobody thought of: `python -m benchmarks.fuzz --target mail`.

    python -m benchmarks.fuzz [--target extraction|mail|merge|order_numbers|claims] [--seconds 60] [--corpus FOLDER]

Atheris (libFuzzer) looks which lines a try has reached and builds on it. It is not among the requirements, because it
has wheels for some systems only: `pip install atheris`. --corpus: where inputs are kept that reached something new, and
what is tried first; a temporary folder without it. The exit status is not 0 when something did not hold; the input is
then in the folder, as crash-….
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

#: Of one input, in bytes. Larger ones are slow, and find no more.
LONGEST_INPUT = 8_192
#: An input that takes longer is a fault.
LONGEST_SECONDS = 20
TARGETS = ("extraction", "mail", "merge", "order_numbers", "claims")
#: Whose lines guide the search; libraries are called, and not looked into.
OURS = ["parsers", "orders", "jobs.merge"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("Atheris is not installed here: pip install atheris (Linux, CPython 3.11 to 3.13).", file=sys.stderr)
        return 2
    if options.alone:
        return _fuzz(atheris, options.target[0], options.seconds, options.corpus)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="sira-fuzz-") as made:
        for target in options.target or TARGETS:
            folder = options.corpus or Path(made)
            command = [sys.executable, "-m", "benchmarks.fuzz", "--alone", "--target", target]
            command += ["--seconds", str(options.seconds), "--corpus", str(folder / target)]
            # libFuzzer ends its process, so each target has its own.
            done = subprocess.run(command, check=False)
            print(f"{target}: {'holds' if done.returncode == 0 else f'DOES NOT HOLD ({done.returncode})'}", flush=True)
            failed += done.returncode != 0
            for crash in folder.glob(f"{target}/crash-*"):
                print(f"  {crash.name}: {crash.read_bytes()[:200]!r}")
    return 1 if failed else 0


def _fuzz(atheris: object, target: str, seconds: int, corpus: Path) -> int:
    """Fuzz one target in this process, which libFuzzer ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with atheris.instrument_imports(include=OURS):  # type: ignore[attr-defined]
        import django

        django.setup()
        from tests.hostile.seeds import SEEDS
        from tests.hostile.targets import TARGETS as functions

    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]()):
        (corpus / f"seed-{number}").write_bytes(seed)
    arguments = [
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1",
        f"-timeout={LONGEST_SECONDS}", "-rss_limit_mb=2048", f"-artifact_prefix={corpus}/", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup(arguments, functions[target])  # type: ignore[attr-defined]
    atheris.Fuzz()  # type: ignore[attr-defined]
    return 0


if __name__ == "__main__":
    sys.exit(main())
