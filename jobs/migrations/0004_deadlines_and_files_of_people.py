from datetime import timedelta

from django.db import migrations
from django.db.models.functions import Coalesce, Greatest, Now

#: JOB_DEADLINE_DAYS, as it is when nobody sets it.
DEADLINE = timedelta(days=7)


def give_deadlines(apps, schema_editor):
    """Every job ends: those that came before there were deadlines as well, counted from now or from when they are due."""
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    jobs.filter(state__in=["pending", "queued", "processing"], deadline_at__isnull=True).update(
        deadline_at=Greatest(Now(), Coalesce("run_after", Now())) + DEADLINE
    )


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0002_operations_and_webhooks'),
    ]

    operations = [
        migrations.RunPython(give_deadlines, migrations.RunPython.noop),
    ]
