"""What the other parties hold of this party's records, as the ledger explains it."""

from __future__ import annotations

from django.db import models


class Holding(models.Model):
    """One version of an own record that a partner was given. Masks have one bit a part, in the kind's order.

    `parts` were given, `withdrawn` must not be used any more, `asked` should be destroyed; of those `removed`
    were, and `retained` were not, `because` of something. `sealed` parts were given in a sealed bundle, ahead of
    the feed. Times are seconds since 1970.
    """

    key = models.CharField(primary_key=True, max_length=128)
    partner = models.CharField(max_length=64)
    record = models.CharField(max_length=64)
    kind = models.CharField(max_length=64)
    version = models.IntegerField()
    sent_as = models.CharField(max_length=64)
    sent_version = models.IntegerField()
    parts = models.BigIntegerField()
    withdrawn = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    retained = models.BigIntegerField(default=0)
    because = models.TextField(default="")
    clauses = models.TextField(default="")
    sealed = models.BigIntegerField(default=0)
    since = models.FloatField()
    asked_at = models.FloatField(null=True)
    answered_at = models.FloatField(null=True)
    ledger_index = models.BigIntegerField()
    feed_index = models.BigIntegerField()

    class Meta:
        app_label = "exchange"
        db_table = "exchange_holding"
        indexes = [
            models.Index("partner", "since", "key", name="holding_partner_since"),
            models.Index("record", "partner", name="holding_record"),
        ]


class Passing(models.Model):
    """Parts of a version of a record that passed between this node and a partner's at `at` (seconds since 1970),
    by which clauses; where they stand in the ledger and in the feed."""

    ledger_index = models.BigIntegerField(primary_key=True)
    partner = models.CharField(max_length=64)
    record = models.CharField(max_length=64)
    kind = models.CharField(max_length=64)
    version = models.IntegerField()
    mask = models.BigIntegerField()
    clauses = models.TextField(default="")
    at = models.FloatField()
    feed_index = models.BigIntegerField()

    class Meta:
        abstract = True


class Disclosure(Passing):
    """One act of giving: parts of a version of an own record put into a partner's feed."""

    class Meta:
        app_label = "exchange"
        db_table = "exchange_disclosure"
        indexes = [models.Index("record", "ledger_index", name="disclosure_record")]


class Taken(Passing):
    """What came of a partner's record with one entry of its feed; `mask` is what is held of the version since."""

    class Meta:
        app_label = "exchange"
        db_table = "exchange_taken"
        indexes = [models.Index("record", "ledger_index", name="taken_record")]


class CosignedBy(models.Model):
    """A partner's cosignature on this node's ledger, as it was written into it: up to `size`, at `at`."""

    ledger_index = models.BigIntegerField(primary_key=True)
    partner = models.CharField(max_length=64)
    size = models.BigIntegerField()
    at = models.FloatField()

    class Meta:
        app_label = "exchange"
        db_table = "exchange_cosigned"
        indexes = [models.Index("partner", "size", name="cosigned_partner")]
