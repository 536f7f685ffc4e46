from django.db import models


class LedgerEntry(models.Model):
    """Written in the transaction of a result: two rows for one job would mean that it was committed twice."""

    job_id = models.UUIDField(db_index=True)
    attempt = models.IntegerField()
    fence = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=150)
    written_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.attempt}"
