"""Screens of the house: each is paired once by a code that an owner types, and has no password."""

import secrets
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.digests import digest

# Letters and digits that nobody mistakes for each other, read from a screen and typed on a phone.
ALPHABET = "ACDEFHJKLMNPRTUVWXY34679"
CODE_LENGTH = 6
CODE_MINUTES = 10


class DeviceManager(models.Manager["Device"]):
    def valid(self, secret: str) -> "Device | None":
        """The device that keeps this secret, unless it was revoked. One whose user has become more than a screen is
        none any more: its cookie must not open what was given to a person."""
        if not secret:
            return None
        found = self.filter(digest=digest(secret), revoked_at=None, user__is_active=True, user__role="kiosk")
        return found.select_related("user").first()

    def paired(self) -> models.QuerySet["Device"]:
        return self.filter(revoked_at=None)


class Device(models.Model):
    """A paired screen, such as the one at the door. It acts as its own user of the role kiosk, whose grants are the
    cameras it is bound to."""

    name = models.CharField(max_length=60)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="paired_device")
    # SHA-256 of the secret in its cookie.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # The id of the camera its button rings at: this room knows nothing of cameras.
    camera = models.BigIntegerField(null=True, blank=True)
    language = models.CharField(max_length=10, default="en", help_text="In which it speaks, such as en, de or pt-BR.")
    silent = models.BooleanField(default=False, help_text="It shows what is answered and does not speak it.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="devices_paired"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[DeviceManager] = DeviceManager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class PairingManager(models.Manager["Pairing"]):
    def begin(self, agent: str, address: str) -> tuple["Pairing", str]:
        """A new wish to be paired, and the secret that the screen keeps in its cookie."""
        secret = secrets.token_urlsafe(32)
        made = self.create(
            code="".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)),
            digest=digest(secret),
            agent=agent[:60],
            address=address or None,
            expires_at=timezone.now() + timedelta(minutes=CODE_MINUTES),
        )
        return made, secret

    def open(self) -> models.QuerySet["Pairing"]:
        return self.filter(expires_at__gt=timezone.now(), device=None)


class Pairing(models.Model):
    """A screen shows `code` and waits until an owner types it. Its secret becomes the device's."""

    code = models.CharField(max_length=CODE_LENGTH, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    agent = models.CharField(max_length=60, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="pairings")

    objects: ClassVar[PairingManager] = PairingManager()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"a screen that wants to be paired, {self.made_at:%Y-%m-%d %H:%M}"
