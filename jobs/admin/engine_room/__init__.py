"""The engine room: queues, resources, workers, schedules, limits, receipts. To look at, and to operate with a reason.

Each page shows what is, in words; each deed has a permission of its own, asks why, and is recorded in the transaction
in which it is done. Whoever may only look sees everything and is offered nothing.
"""

from jobs.admin.engine_room import limits, queues, receipts, workers
from jobs.admin.engine_room.pages import ReadOnlyAdmin

__all__ = ["ReadOnlyAdmin", "limits", "queues", "receipts", "workers"]
