"""What has a benchmark of its own, in short: places in deep queues, one batch of many documents."""

from __future__ import annotations

from benchmarks import batch, positions
from benchmarks.sections.scale import Scale
from jobs.models import Job
from tests.harness.processes import ServerStack
from tests.mixed import documents

#: Broken documents of a batch, in how many.
BROKEN_ONE_IN = 20


def places(database: str, scale: Scale) -> dict[str, float]:
    """Measure the place of one job and of 100 jobs among all that wait, and a submit that is told its place."""
    figures = {}
    with positions.own_database(database):
        for waiting in scale.waiting:
            Job.objects.all().delete()
            positions.fill(waiting)
            positions.vacuum()
            measured = positions.measure(waiting, rounds=9)
            figures |= {f"position_{name}_of_{waiting}_ms": measured[name] for name in ("one", "hundred", "submit")}
    return figures


def documents_of_a_batch(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure one request with many files, from its first byte to the last result; each document is looked at."""
    files = list(documents(scale.documents, broken=scale.documents // BROKEN_ONE_IN))
    run = batch.send_and_watch(stack, "classify", files, kill=False)
    assert not run.problems, run.problems[:20]
    return {
        f"batch_of_{scale.documents}_submit_s": run.figures["submit_s"],
        f"batch_of_{scale.documents}_total_s": run.figures["total_s"],
        "batch_documents_per_s": run.figures["documents_per_s"],
        "batch_status_p99_ms": run.figures["status_p99_ms"],
    }
