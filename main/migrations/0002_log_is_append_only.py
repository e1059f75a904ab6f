"""Triggers that make the log append-only beneath the ORM, the row of settings, and the rate limits' cache table."""

from typing import Any

from django.core.management import call_command
from django.db import migrations

SQLITE = [
    f"""CREATE TRIGGER main_logline_no_{act} BEFORE {act.upper()} ON main_logline
    BEGIN SELECT RAISE(ABORT, 'log lines are append-only'); END"""
    for act in ("update", "delete")
]
POSTGRESQL = [
    """CREATE FUNCTION main_logline_refuse() RETURNS trigger AS
    $$ BEGIN RAISE EXCEPTION 'log lines are append-only'; END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER main_logline_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON main_logline
    FOR EACH STATEMENT EXECUTE FUNCTION main_logline_refuse()""",
]


def make_triggers(apps: Any, editor: Any) -> None:
    for statement in POSTGRESQL if editor.connection.vendor == "postgresql" else SQLITE:
        editor.execute(statement)


def make_cache_table(apps: Any, editor: Any) -> None:
    call_command("createcachetable", database=editor.connection.alias, verbosity=0)


def make_settings(apps: Any, editor: Any) -> None:
    """The house's one row of settings, so that nobody needs to write it while only reading."""
    apps.get_model("main", "SiteSettings").objects.using(editor.connection.alias).get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("main", "0001_initial")]
    operations = [
        migrations.RunPython(make_triggers, migrations.RunPython.noop),
        migrations.RunPython(make_settings, migrations.RunPython.noop),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]
