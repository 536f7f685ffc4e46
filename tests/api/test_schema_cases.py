"""A running server answers as its description says, whatever it is asked.

Few requests of each operation, always the same ones; `python -m benchmarks.schema_cases --examples 50` sends many.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.description import describe
from tests.harness.schema_cases import send_cases


def test_no_request_that_the_description_suggests_meets_what_it_does_not_say(
    server_stack: Callable[..., Any], tmp_path: Path
):
    stack = server_stack(workers=1, env={"API_REQUESTS_PER_MINUTE": "0"})
    operations = len(list(describe().operations()))
    for who, staff in (("ada", False), ("grace", True)):
        report = tmp_path / who
        report.mkdir()
        cases = send_cases(
            stack.base_url, stack.token(who, staff=staff), report, examples=1, phases=["examples", "fuzzing"]
        )
        assert cases.failures == [], cases.output
        assert cases.errors == [], cases.output
        # All but the address that the description itself was read from.
        assert cases.operations == operations - 1
        assert cases.cases > operations
