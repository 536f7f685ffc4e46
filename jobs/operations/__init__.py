"""What an operator can do to jobs: run again, cancel, repair, take a resource, delete. Each has its own permission.

To a few jobs it is done at once (`at_once.py`); to many by a plan that is looked at first (`plans.py`):

    made = plan("repair", {}, actor=user, via="desk", reason="the host burnt down")
    for step in made.steps.all(): ...      # words: describe_step(step)
    job = carry_out(made)                  # runs as a job; made.steps then say what came of each
"""

from jobs.operations.at_once import Outcome, run_at_once
from jobs.operations.base import Operation, Plan, Risk, Step
from jobs.operations.plans import (
    CARRY_OUT,
    MOST_AT_ONCE,
    MOST_PLANNED,
    OPERATIONS,
    NotPlanned,
    TooMany,
    carry_out,
    carry_out_here,
    count_matching,
    counts,
    find_operation,
    is_allowed,
    plan,
    steps_to_do,
    take_step,
    to_do,
)
from jobs.operations.words import StepInWords, describe_plan, describe_step, say

__all__ = [
    "CARRY_OUT",
    "MOST_AT_ONCE",
    "MOST_PLANNED",
    "OPERATIONS",
    "NotPlanned",
    "Operation",
    "Outcome",
    "Plan",
    "Risk",
    "Step",
    "StepInWords",
    "TooMany",
    "carry_out",
    "carry_out_here",
    "count_matching",
    "counts",
    "describe_plan",
    "describe_step",
    "find_operation",
    "is_allowed",
    "plan",
    "run_at_once",
    "say",
    "steps_to_do",
    "take_step",
    "to_do",
]
