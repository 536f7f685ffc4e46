from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0007_erasures'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='kinds',
            field=models.JSONField(help_text='The kinds that it can run; empty: it does not say', null=True),
        ),
    ]
