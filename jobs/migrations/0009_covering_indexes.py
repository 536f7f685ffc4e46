from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class BesideWriters:
    """On PostgreSQL concurrently: no write of a running worker waits. If it is broken off, drop the invalid index."""

    plain = None

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == 'postgresql':
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            self.plain.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == 'postgresql':
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            self.plain.database_backwards(self, app_label, schema_editor, from_state, to_state)


class AddIndex(BesideWriters, AddIndexConcurrently):
    plain = migrations.AddIndex


class RemoveIndex(BesideWriters, RemoveIndexConcurrently):
    plain = migrations.RemoveIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0008_what_workers_know'),
    ]

    # The new one first: no worker is ever without an index to claim by.
    operations = [
        AddIndex(
            model_name='job',
            index=models.Index(
                models.F('queue'), models.F('kind'), models.OrderBy(models.F('priority'), descending=True),
                models.F('turn'), models.F('id'), models.F('queued_at'),
                condition=models.Q(('state', 'queued')), name='job_heads',
            ),
        ),
        RemoveIndex(
            model_name='job',
            name='job_claim',
        ),
        AddIndex(
            model_name='job',
            index=models.Index(fields=['owner', '-id', 'state'], name='job_owner_states'),
        ),
        RemoveIndex(
            model_name='job',
            name='job_owner',
        ),
    ]
