import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone


def trace_all(apps, schema_editor):
    """What was taken in before is traced, too."""
    apps.get_model("catalog", "Project").objects.update(to_trace=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_words")]

    operations = [
        migrations.AddField(model_name="project", name="to_trace", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="project", name="tracing", field=models.DateTimeField(blank=True, null=True)),
        migrations.CreateModel(
            name="Trace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("unique_id", models.CharField(max_length=500)),
                ("key", models.CharField(max_length=64)),
                ("names", models.JSONField(null=True)),
                ("wrong", models.CharField(blank=True, max_length=500)),
                ("rest", models.JSONField(default=list)),
                ("columns", models.JSONField(default=list)),
                ("project", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="traces", to="catalog.project")),
            ],
            options={"constraints": [models.UniqueConstraint(fields=["project", "unique_id"], name="one_trace_per_node")]},
        ),
        migrations.RunPython(trace_all, migrations.RunPython.noop),
    ]
