"""Two versions side by side while machines are upgraded: what migrations may do, so that pages of the version before
go on reading what the newer writer keeps."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from django.db import migrations
from django.db.models import NOT_PROVIDED

import safeconduct
from safeconduct.node.router import EXPLAINED
from safeconduct.records.hello import earlier_than

ADDING = (migrations.CreateModel, migrations.AddField, migrations.AddIndex, migrations.RunPython)


def test_migrations_only_add() -> None:
    seen = 0
    for file in sorted(Path(safeconduct.__file__).parent.glob("*/migrations/[0-9]*.py")):
        name = f"safeconduct.{file.parent.parent.name}.migrations.{file.stem}"
        for operation in import_module(name).Migration.operations:
            seen += 1
            assert isinstance(operation, ADDING), f"{name}: {operation.describe()} takes something away"
            if isinstance(operation, migrations.AddField):
                field = operation.field
                given = field.null or field.db_default is not NOT_PROVIDED
                # What the ledger explains is written by the holder of the sequencer alone, which is the newest.
                given = given or (file.parent.parent.name in EXPLAINED and field.default is not NOT_PROVIDED)
                assert given, f"{name}: pages of the version before could not leave {operation.name} out"
    assert seen > 20


@pytest.mark.parametrize(
    ("there", "own", "earlier"),
    [
        ("2.0", "1.9", True),
        ("1.10", "1.9", True),
        ("1.9", "1.9", False),
        ("1.9", "2.0", False),
        ("", "1", False),
    ],
)
def test_a_writer_does_not_take_over_what_a_later_version_held(there: str, own: str, earlier: bool) -> None:
    assert earlier_than(own, there) is earlier
