"""Accounts and personal tokens: who may sign in. What they may then do is in the ledger, not here."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.agreement.vocabulary import LEVELS

SCOPES = [("read", _("read")), ("write", _("read and write"))]


def new_person() -> str:
    """An opaque person id: 32 hex digits that say nothing about who it is."""
    return uuid.uuid4().hex


class AccountManager(BaseUserManager["Account"]):
    def create_account(self, username: str, password: str | None = None, **fields: Any) -> Account:
        """Make an account. Without a password it can sign in only once somebody has set one."""
        account = self.model(username=username.lower(), **fields)
        account.set_password(password)
        account.full_clean(exclude=["password"])
        account.save(using=self._db)
        return account

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(username=(username or "").lower())


class Account(AbstractBaseUser):
    """One person's way in. Roles are not here: they are `role_assignment` records.

    `clearance` is a ceiling of this node (a level, 0 to 3): an assignment that says more is cut down to it.
    The primary key is random, so that a passkey of another node under the same host name never matches it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        _("user name"),
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[a-z0-9][a-z0-9._-]*\Z", _("Lower-case letters, digits, dot, hyphen, underscore.")
            )
        ],
    )
    display_name = models.CharField(_("name"), max_length=120, blank=True)
    person = models.CharField(max_length=32, unique=True, default=new_person, editable=False)
    clearance = models.PositiveSmallIntegerField(
        _("clearance"),
        default=0,
        choices=list(enumerate(LEVELS)),
        validators=[MaxValueValidator(len(LEVELS) - 1)],
    )
    language = models.CharField(_("language"), max_length=12, blank=True)
    locked = models.BooleanField(_("locked"), default=False)
    must_change_password = models.BooleanField(default=False, editable=False)
    passes_from = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = AccountManager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return str(self.display_name or self.username)

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """A locked account can neither sign in nor go on with a session or a token that it has."""
        return not self.locked


class Token(models.Model):
    """A personal key to the API. Only its SHA-256 is kept; `prefix` is what its owner recognises it by."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("what it is for"), max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32)
    roles = models.JSONField(_("roles"))
    scope = models.CharField(pgettext_lazy("permission", "may"), max_length=5, choices=SCOPES)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_on = models.DateField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("token")
        verbose_name_plural = _("tokens")

    def __str__(self) -> str:
        return f"{self.name} (sc_{self.prefix}…)"

    def valid_at(self, moment: Any) -> bool:
        return self.revoked_at is None and moment < self.expires_at and self.account.is_active


class DirectoryLink(models.Model):
    """Whom the office's own issuer means by a subject: the one account that signs in by it."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="directory_link")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("issuer", "subject", name="one_account_for_a_subject")
        ]

    def __str__(self) -> str:
        return f"{self.account} ({self.subject})"
