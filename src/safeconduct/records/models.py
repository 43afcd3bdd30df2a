"""The tables: the latest version of each record, as the ledger explains it. Only `projection` writes here."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower


class Row(models.Model):
    """One record at its latest version. `levels` holds two bits a part, masks one bit a part; the tiers are those of
    `records.tiers`."""

    id = models.CharField(primary_key=True, max_length=64)
    version = models.IntegerField()
    kind = models.CharField(max_length=64)
    originator = models.CharField(max_length=64)
    agreement = models.CharField(max_length=64, default="")
    state = models.CharField(max_length=64)
    about = models.CharField(max_length=64, default="")
    at = models.FloatField()
    ledger_index = models.BigIntegerField()
    born = models.BigIntegerField(unique=True)
    levels = models.BigIntegerField()
    time_tier = models.SmallIntegerField(null=True)
    least_tier = models.SmallIntegerField(null=True)
    releasable = models.TextField(default="")
    orcon = models.BooleanField(default=False)
    assigned = models.TextField(default="")
    bearers = models.TextField(default="")
    opens = models.FloatField(null=True)
    present = models.BigIntegerField()
    withdrawn = models.BooleanField(default=False)
    erased = models.BigIntegerField(default=0)
    time = models.FloatField(null=True)
    until = models.FloatField(null=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    category = models.TextField(null=True)
    place = models.TextField(null=True)
    external = models.TextField(null=True)
    figure = models.FloatField(null=True)
    parts = models.TextField(default="{}")
    header = models.CharField(max_length=64)

    class Meta:
        app_label = "records"
        db_table = "records_row"
        indexes = [
            models.Index("kind", "time", "id", name="row_kind_time"),
            models.Index("kind", "at", "id", name="row_kind_at"),
            models.Index("kind", "time_tier", "time", "id", name="row_tier_time"),
            models.Index("kind", "least_tier", "at", "id", name="row_tier_at"),
            models.Index("about", "kind", name="row_about"),
            models.Index("kind", "external", name="row_external"),
            # By an expression that nobody else asks for: a plain column would be preferred to what finds fewer.
            models.Index("kind", Lower("state"), name="row_state"),
            models.Index("kind", "latitude", "longitude", name="row_place"),
        ]


class VersionRow(models.Model):
    """Where each version of a record stands in the ledger."""

    record = models.CharField(max_length=64)
    version = models.IntegerField()
    ledger_index = models.BigIntegerField()
    at = models.FloatField()
    act = models.CharField(max_length=32)

    class Meta:
        app_label = "records"
        db_table = "records_version"
        constraints = [models.UniqueConstraint("record", "version", name="one_version")]


class ShownRow(models.Model):
    """What a reading says was shown of one record of this node's: which version, which parts (`|a|b|`)."""

    reading = models.CharField(max_length=64)
    record = models.CharField(max_length=64)
    version = models.IntegerField()
    parts = models.TextField()

    class Meta:
        app_label = "records"
        db_table = "records_shown"
        indexes = [
            models.Index("record", "reading", name="shown_record"),
            models.Index("reading", name="shown_reading"),
        ]


class RefusalRow(models.Model):
    """An attempt that was refused, where the ledger has it; `record` "" when it named none."""

    ledger_index = models.BigIntegerField(primary_key=True)
    at = models.FloatField()
    person = models.CharField(max_length=64)
    act = models.CharField(max_length=32)
    record = models.CharField(max_length=64)

    class Meta:
        app_label = "records"
        db_table = "records_refusal"
        indexes = [models.Index("record", name="refusal_record")]


class DerivedRow(models.Model):
    """A record that was made from another: it is to be looked at when that one is erased."""

    source = models.CharField(max_length=64)
    record = models.CharField(max_length=64)

    class Meta:
        app_label = "records"
        db_table = "records_derived"
        constraints = [models.UniqueConstraint("source", "record", name="derived_once")]


class PastRow(models.Model):
    """What the latest version of a record does not tell: that an entry of a version was `replaced` by another of the
    same version (a partner released more of it), that the record was `withdrawn`, or parts of it (`mask`) `erased`."""

    ledger_index = models.BigIntegerField()
    record = models.CharField(max_length=64)
    what = models.CharField(max_length=16)
    version = models.IntegerField(default=0)
    mask = models.BigIntegerField(default=0)
    at = models.FloatField()

    class Meta:
        app_label = "records"
        db_table = "records_past"
        indexes = [models.Index("record", "ledger_index", name="past_record")]


class Applied(models.Model):
    """How far the tables have followed the ledger: one row."""

    id = models.IntegerField(primary_key=True)
    size = models.BigIntegerField()

    class Meta:
        app_label = "records"
        db_table = "records_applied"
