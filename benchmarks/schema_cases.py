"""Ask a server of our own everything that the API's description allows, and much that it does not.

    python -m benchmarks.schema_cases --examples 50

Starts a throw-away stack (SQLite, one worker), sends the requests that schemathesis makes from the description, once as
a user and once as staff, and prints how many there were and what was not as described. Ends with 1 if anything was not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.stacks import running
from tests.harness.schema_cases import send_cases

PHASES = ("examples", "coverage", "fuzzing", "stateful")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--examples", type=int, default=50, help="of each operation, when fuzzing (50)")
    parser.add_argument("--phases", default=",".join(PHASES), help="of examples, coverage, fuzzing, stateful (all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["user", "staff"], help="as one of them")
    parser.add_argument("--output", type=Path, help="a folder for what schemathesis says in detail")
    arguments = parser.parse_args()

    wrong = False
    with (
        tempfile.TemporaryDirectory(prefix="sira-schema-") as folder,
        running("sqlite", workers=1, env={"API_REQUESTS_PER_MINUTE": "0"}) as stack,
    ):
        for who, staff in (("ada", False), ("grace", True)):
            if arguments.only == ("user" if staff else "staff"):
                continue
            report = (arguments.output or Path(folder)).resolve() / who
            report.mkdir(parents=True, exist_ok=True)
            cases = send_cases(
                stack.base_url,
                stack.token(who, staff=staff),
                report,
                examples=arguments.examples,
                phases=arguments.phases.split(","),
                seed=arguments.seed,
            )
            (report / "output.txt").write_text(cases.output)
            print(f"{'staff' if staff else 'user'}: {cases}")
            for failure in [*cases.failures, *cases.errors]:
                print(f"  {failure}")
            wrong = wrong or bool(cases.failures or cases.errors)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
