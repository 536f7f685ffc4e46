from datetime import timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest, Now

#: JOB_DEADLINE_DAYS, as it is when nobody sets it.
DEADLINE = timedelta(days=7)


def give_deadlines(apps, schema_editor):
    """Every job ends: those that came before there were deadlines as well, counted from now or from when they are due."""
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    jobs.filter(state__in=["pending", "queued", "processing"], deadline_at__isnull=True).update(
        deadline_at=Greatest(Now(), Coalesce("run_after", Now())) + DEADLINE
    )


def give_owners(apps, schema_editor):
    """A file belongs to the owner of its job."""
    alias = schema_editor.connection.alias
    owner = apps.get_model("jobs", "Job").objects.filter(pk=OuterRef("job_id")).values("owner_id")
    files = apps.get_model("jobs", "JobFile").objects.using(alias)
    files.filter(job__isnull=False).update(owner_id=Subquery(owner))


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_api_tokens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='jobfile',
            name='owner',
            field=models.ForeignKey(db_index=False, help_text="The job's; of a file that no job has taken yet, who sent it", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='jobfile',
            index=models.Index(fields=['owner', '-id'], name='job_file_owner'),
        ),
        migrations.AddIndex(
            model_name='jobfile',
            index=models.Index(condition=models.Q(('job__isnull', True)), fields=['owner'], name='job_file_untaken'),
        ),
        # Last: PostgreSQL changes no table of which rows were changed in the same transaction.
        migrations.RunPython(give_owners, migrations.RunPython.noop),
        migrations.RunPython(give_deadlines, migrations.RunPython.noop),
    ]
