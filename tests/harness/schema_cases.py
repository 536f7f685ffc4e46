"""Requests of every kind, made by schemathesis from the API's description and sent to a running server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.processes import BASE_DIR

#: Some answers wait for a job, up to a minute.
LONGEST_ANSWER_SECONDS = 65.0


@dataclass(frozen=True)
class Cases:
    """What came of them. failures: one text for each; output: all that schemathesis wrote."""

    operations: int
    cases: int
    failures: list[str]
    errors: list[str]
    seconds: float
    output: str

    def __str__(self) -> str:
        return (
            f"{self.operations} operations, {self.cases:,} cases in {self.seconds:.0f} s, "
            f"{len(self.failures)} failures, {len(self.errors)} errors"
        )


def send_cases(
    base_url: str, token: str, report: Path, *, examples: int, phases: Sequence[str], seed: int = 1
) -> Cases:
    """Send them, and return what came of it. report: a folder to write to. examples: of each operation, when fuzzing.

    phases: of "examples" (the description's own), "coverage" (each limit of each field), "fuzzing", "stateful".
    """
    # One worker: in Python 3.11 two threads that parse at once, as hypothesis does, make each other fail.
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{base_url}/api/v1/schema/"),
        *("--header", f"Authorization: Token {token}", "--phases", ",".join(phases), "--seed", str(seed)),
        *("--max-examples", str(examples), "--workers", "1", "--continue-on-failure", "--no-shrink"),
        *("--checks", "all", "--request-timeout", "90", "--max-response-time", str(LONGEST_ANSWER_SECONDS)),
        *("--report", "json", "--report-json-path", str(report / "report.json"), "--no-color"),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.harness.schema_hooks", "PYTHONPATH": str(BASE_DIR)}
    run = subprocess.run(command, cwd=report, env=environment, capture_output=True, text=True, check=False)
    output = run.stdout + run.stderr
    try:
        told: dict[str, Any] = json.loads((report / "report.json").read_text())
    except FileNotFoundError:
        raise RuntimeError(f"schemathesis could not begin:\n{output}") from None
    return Cases(
        operations=told["operations"]["tested"],
        cases=told["test_cases"]["generated"],
        failures=[f"{one['title']}: {', '.join(one['operations'])}" for one in told["failures"]],
        errors=[json.dumps(error) for error in told["errors"]],
        seconds=told["running_time"],
        output=output,
    )
