"""What a device proves itself with: a digest, never the credential."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class DeviceCredential(models.Model):
    """One device's credential. `fingerprint` is the SHA-256 of its certificate, for a protocol that has one."""

    device = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32)
    fingerprint = models.BinaryField(max_length=32, null=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.device} (sd_{self.prefix}…)"
