"""What the API remembers between requests: which writes were made under which key."""

from __future__ import annotations

from django.db import models

from safeconduct.people.models import Token


class Write(models.Model):
    """One write under an Idempotency-Key. `status` is 0 until the answer is known.

    The answer names a record and its version, never what is in it, and `fingerprint` is keyed with the token,
    which is not kept: a part that is erased leaves no trace here.
    """

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    at = models.FloatField(db_index=True)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    answer = models.TextField(default="")

    class Meta:
        app_label = "api"
        constraints = [models.UniqueConstraint("token", "key", name="one_write_a_key")]
