"""The index of words, which is made by each database's own means."""

from django.db import migrations

from catalog import words


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [migrations.RunPython(lambda apps, editor: words.create(), lambda apps, editor: words.drop())]
