"""A plan of the operators on a screen: which jobs, the evidence, the step, its risk, and later what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table

from jobs.models import PlannedStep
from jobs.operations import describe_step
from jobs.operations import say as in_words
from jobs.operations.base import Risk
from jobs.states import State
from jobs.terminal import words
from jobs.terminal.console import say, shorten

#: Ids of jobs of which the same is said.
SHOWN_IDS = 6
#: How a step's evidence says that it stands for others as well.
ALIKE = "alike"
_RISKS = {Risk.LOW: "green", Risk.MEDIUM: "yellow", Risk.HIGH: "red"}


def picture(operation: str, steps: Sequence[PlannedStep], *, limit: int) -> Group:
    """Return a block for all of which the same is said, what can be done first, and below a line that counts them."""
    groups: dict[tuple[Any, ...], list[PlannedStep]] = {}
    for step in sorted(steps, key=lambda step: not step.step):
        told = describe_step(operation, step)
        groups.setdefault((step.kind, step.state, step.step, _evidence(step), told.came), []).append(step)
    short = shorten(step.job_id for step in steps)
    parts: list[Any] = []
    for alike in list(groups.values())[:limit]:
        parts += [_block(operation, alike, [short[step.job_id] for step in alike]), ""]
    if len(groups) > limit:
        parts.append(say(f"… and {len(groups) - limit:,} more like these; --limit shows them.", "dim"))
    return Group(*parts, say(summary(steps), "bold"))


def _evidence(step: PlannedStep) -> str:
    return in_words({name: value for name, value in step.evidence.items() if name != ALIKE})


def _block(operation: str, alike: list[PlannedStep], ids: list[str]) -> Table:
    step, told = alike[0], describe_step(operation, alike[0])
    count = sum(_stands_for(one) for one in alike)
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    head = say(f"{count:,} × " if count > 1 else "").append_text(say(f"{step.kind} "))
    table.add_row("job", head.append_text(say(step.state, words.STYLES[State(step.state)])))
    table.add_row("id", say(" ".join(ids[:SHOWN_IDS]) + (" …" if count > SHOWN_IDS else "")))
    table.add_row("why", say(_evidence(step)))
    if told.what:
        table.add_row("step", say(told.what))
        table.add_row("risk", say(told.risk, _RISKS[Risk(step.risk)]).append_text(say(f": {told.warning}", "default")))
    else:
        table.add_row("step", say("None: nothing can be done about it from here.", "dim"))
    if told.came:
        table.add_row("now", say(told.came, "green" if step.outcome == PlannedStep.Outcome.DONE else "yellow"))
    return table


def _stands_for(step: PlannedStep) -> int:
    """Return for how many jobs a step is written: some stand for others that wait for the same."""
    return 1 + int(step.evidence.get(ALIKE, 0))


def summary(steps: Sequence[PlannedStep]) -> str:
    """Return how many jobs there are, what can be done to them, and what has come of it."""
    if not steps:
        return "Nothing is stuck."
    doable = Counter(step.step for step in steps if step.step)
    outcomes = Counter(step.outcome for step in steps if step.step)
    if done := outcomes[PlannedStep.Outcome.DONE] + outcomes[PlannedStep.Outcome.SKIPPED]:
        left = outcomes[PlannedStep.Outcome.SKIPPED]
        waits = f", {doable.total() - done:,} still to do" if done < doable.total() else ""
        return f"{outcomes[PlannedStep.Outcome.DONE]:,} repaired, {left:,} left alone{waits}."
    kinds = ", ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in doable.most_common())
    others = sum(_stands_for(step) for step in steps if not step.step)
    parts = [f"{doable.total():,} can be repaired ({kinds})" if doable else "None can be repaired from here"]
    parts += [f"{others:,} {'waits' if others == 1 else 'wait'} for something else"] if others else []
    return f"{'; '.join(parts)}."


def as_json(operation: str, step: PlannedStep) -> dict[str, Any]:
    """Return a step for programs; `outcome` is "" before it was taken."""
    told = describe_step(operation, step)
    return {
        "type": "step",
        "job_id": str(step.job_id),
        "kind": step.kind,
        "state": step.state,
        "step": step.step or None,
        "risk": step.risk or None,
        "evidence": step.evidence,
        "why": told.evidence,
        "what": told.what,
        "warning": told.warning,
        "outcome": step.outcome,
        "came": told.came,
    }
