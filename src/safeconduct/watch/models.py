"""What a person and the node alone know: the words that end an SOS, or only seem to."""

from __future__ import annotations

from django.db import models


class SafeWords(models.Model):
    """Two words of one person, kept as slow hashes. `wrong` counts guesses since `wrong_since` (epoch seconds)."""

    person = models.CharField(max_length=64, unique=True)
    safe = models.CharField(max_length=256)
    duress = models.CharField(max_length=256)
    wrong = models.PositiveIntegerField(default=0)
    wrong_since = models.FloatField(default=0.0)

    class Meta:
        verbose_name = "safe words"
        verbose_name_plural = "safe words"
