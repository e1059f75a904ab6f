"""Who uses the house: people, their invitations and the tokens of their programs."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.digests import digest
from accounts.paired import Device, Pairing

__all__ = ["ApiToken", "Device", "Invite", "JoinLink", "Pairing", "Role", "User", "digest"]


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    MEMBER = "member", "Member"
    GUEST = "guest", "Guest"
    KIOSK = "kiosk", "Kiosk"


class UserManager(DjangoUserManager["User"]):
    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> "User":
        """An owner: in this house the superuser and the owner are one and the same."""
        extra["role"] = Role.OWNER
        return super().create_superuser(username, email, password, **extra)

    def owners(self) -> models.QuerySet["User"]:
        return self.filter(role=Role.OWNER, is_active=True).order_by("pk")


class User(AbstractUser):
    """A person of the house. The role alone decides who may enter the admin site."""

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("username"), name="username_without_case")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_staff = self.is_superuser = self.role == Role.OWNER
        fields = kwargs.get("update_fields")
        if fields is not None and "role" in fields:
            kwargs["update_fields"] = {*fields, "is_staff", "is_superuser"}
        super().save(*args, **kwargs)

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def initials(self) -> str:
        return self.username[:2].upper()


class InviteManager(models.Manager["Invite"]):
    def issue(self, role: str, made_by: User | None, days: int = 7) -> tuple["Invite", str]:
        """A new invitation and the secret for its link, which is not kept."""
        secret = secrets.token_urlsafe(32)
        invite = self.create(
            role=role, made_by=made_by, digest=digest(secret), expires_at=timezone.now() + timedelta(days=days)
        )
        return invite, secret

    def valid(self, secret: str) -> "Invite | None":
        return self.filter(digest=digest(secret), used_at=None, expires_at__gt=timezone.now()).first()


class Invite(models.Model):
    """A link that lets one person make an account; the set-up link is the owner's, made by nobody."""

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="invites")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar[InviteManager] = InviteManager()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"invitation of a {self.role}, {self.made_at:%Y-%m-%d}"

    def use(self, user: User) -> bool:
        """Claim the invitation for `user`; False when somebody was faster."""
        now = timezone.now()
        mine = Invite.objects.filter(pk=self.pk, used_at=None, expires_at__gt=now)
        return mine.update(used_at=now, used_by=user) == 1


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(self, user: User, name: str, scopes: Iterable[str] | None = None) -> tuple["ApiToken", str]:
        """A new token and its secret, which is shown once and not kept. `scopes`: the rights it may use of its user's,
        None for all of them."""
        secret = "fw_" + secrets.token_urlsafe(32)
        kept = None if scopes is None else sorted(set(scopes))
        return self.create(user=user, name=name, digest=digest(secret), scopes=kept), secret

    def valid(self, secret: str) -> "ApiToken | None":
        return self.valid_digest(digest(secret))

    def valid_digest(self, hexdigest: str) -> "ApiToken | None":
        found = self.select_related("user").filter(digest=hexdigest, user__is_active=True).first()
        return found if found and (found.expires_at is None or found.expires_at > timezone.now()) else None


class ApiToken(models.Model):
    """Lets a program act as its user: may do what the user may as far as `scopes` go, and stands in the log under the
    user's name."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # Names of rights on cameras: what is not among them it may not do, whatever its user may. Empty: as its user.
    scopes = models.JSONField(null=True, blank=True, default=None)
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ApiTokenManager] = ApiTokenManager()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"


class JoinLinkManager(models.Manager["JoinLink"]):
    def issue(self, camera: int, made_by: User, hours: float) -> tuple["JoinLink", str]:
        """A new link and the secret for its QR code, which is not kept."""
        secret = secrets.token_urlsafe(32)
        until = timezone.now() + timedelta(hours=hours)
        return self.create(camera=camera, made_by=made_by, digest=digest(secret), expires_at=until), secret

    def open(self) -> models.QuerySet["JoinLink"]:
        """Those that may be used now: their maker may still log in, too."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), made_by__is_active=True)

    def valid(self, secret: str) -> "JoinLink | None":
        return self.valid_digest(digest(secret))

    def valid_digest(self, hexdigest: str) -> "JoinLink | None":
        return self.open().select_related("made_by").filter(digest=hexdigest).first()


class JoinLink(models.Model):
    """Lets whoever holds it send pictures as one camera from a browser, without an account, until it ends."""

    # The camera's id: this room knows nothing of cameras.
    camera = models.BigIntegerField(db_index=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="join_links")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[JoinLinkManager] = JoinLinkManager()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"join link of camera {self.camera}, {self.made_at:%Y-%m-%d}"
