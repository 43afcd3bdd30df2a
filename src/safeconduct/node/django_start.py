"""Starting Django for a home, and bringing its two databases up to date."""

from __future__ import annotations

import os

from safeconduct.records.home import Home


def start_django(home: Home, process: str = "cli") -> None:
    """Make this process one of the home's: `process` is web, writer or cli."""
    os.environ["SAFECONDUCT_HOME"] = str(home.path)
    os.environ["SAFECONDUCT_PROCESS"] = process
    os.environ["DJANGO_SETTINGS_MODULE"] = "safeconduct.node.settings"
    import django

    django.setup()


def migrate() -> None:
    """Create or upgrade accounts and tables. Only the owner may read the files. Raises HomeError for a PostgreSQL
    database that cannot be the node's."""
    from django.core.management import call_command
    from django.db import connections

    from safeconduct.node import schemas
    from safeconduct.records import here

    shared = connections["tables"].vendor == "postgresql"
    before = os.umask(0o077)
    try:
        if shared:
            schemas.before_migrating()
        call_command("migrate", database="default", verbosity=0)
        call_command("migrate", database="tables", verbosity=0)
        call_command("createcachetable", database="default", verbosity=0)
        if shared:
            schemas.after_migrating(here.home())
    finally:
        os.umask(before)


def pending() -> bool:
    """Whether a database lacks something that this version makes."""
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    for alias in ("default", "tables"):
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return True
    return False
