"""What people meet of the house: its settings, and the log of who has looked."""

import hashlib
import json
import zoneinfo
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.utils import timezone

from camera.models import Camera, Recording, RecordMode
from main.notify_models import Announcement, Channel, Delivery, NotifyChoice, PushKeys, Rule
from main.ring_models import Attention, RingAnswer

__all__ = [
    "Announcement", "AppendOnlyError", "Attention", "AuditEntry", "Channel", "Delivery", "LogLine", "NotifyChoice",
    "PushKeys", "RingAnswer", "Rule", "SiteSettings", "ViewingSession", "WallChoice",
]  # fmt: skip


def check_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError("There is no time zone of that name; write it like Europe/Berlin.")


def default_time_zone() -> str:
    return str(settings.TIME_ZONE)


class SiteSettings(models.Model):
    """The house's settings: one row, read afresh by everyone who needs it."""

    site_name = models.CharField(max_length=60, default="Fairwatch")
    viewer_fps = models.FloatField(
        "pictures a second for each viewer",
        default=15,
        validators=[MinValueValidator(0.2), MaxValueValidator(60)],
        help_text="Faster cameras are thinned out for viewers by skipping; recordings are not touched.",
    )
    signups_open = models.BooleanField(
        "anybody may sign up",
        default=False,
        help_text="Otherwise people come in by invitation. Newcomers become guests.",
    )
    time_zone = models.CharField(max_length=64, default=default_time_zone, validators=[check_time_zone])
    record = models.CharField(
        "cameras are recorded",
        max_length=8,
        choices=RecordMode.choices,
        default=RecordMode.OFF,
        help_text="For every camera that has no choice of its own.",
    )
    pre_roll = models.FloatField(
        "seconds kept from before a motion", default=5, validators=[MinValueValidator(0), MaxValueValidator(60)]
    )
    post_roll = models.FloatField(
        "seconds kept after a motion", default=10, validators=[MinValueValidator(0), MaxValueValidator(600)]
    )
    manual_hours = models.FloatField(
        "hours a recording that was started by hand lasts at most",
        default=4,
        validators=[MinValueValidator(0.01), MaxValueValidator(24)],
    )
    # Empty: MEDIA_ROOT. Written by web after main/recordings_folder.py has checked it.
    recordings_path = models.CharField("folder for new recordings", max_length=500, blank=True)
    recording_days = models.PositiveIntegerField(
        "days recordings are kept", default=14, validators=[MinValueValidator(1), MaxValueValidator(36500)]
    )
    event_days = models.PositiveIntegerField(
        "days events and their pictures are kept",
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(36500)],
    )
    still_days = models.PositiveIntegerField(
        "days stills are kept", default=2, validators=[MinValueValidator(1), MaxValueValidator(36500)]
    )
    gigabytes_kept = models.FloatField(
        "gigabytes of recordings kept",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01), MaxValueValidator(1e6)],
        help_text="Empty: as much as fits, up to 80 % of the disk.",
    )
    ring_replies = models.TextField(
        "quick replies at the door",
        blank=True,
        max_length=1000,
        default="Coming!\nOne moment, please.\nPlease leave it at the door.\nSorry, nobody can come to the door now.",
        help_text="One on each line. Whoever answers a ring may also write their own.",
    )
    kiosk_texts = models.TextField(
        "notice on the screens of the house",
        blank=True,
        max_length=2000,
        default="",
        help_text="One language after another, each line with its code first, as in «en: Please ring once.» "
        "Empty: only the notice that is always there, who watches and what is recorded.",
    )
    house_url = models.URLField(
        "address of the house in messages",
        blank=True,
        default="",
        help_text="Such as https://home.example.org: what a message links to. Empty: messages have no link.",
    )
    first_run_done = models.BooleanField(default=False, editable=False)
    # What was last asked of the compatible stream at /stream; empty before anybody asked: then the first picture opens
    # it.
    videostream_open = models.BooleanField(null=True, default=None, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "site settings"

    def __str__(self) -> str:
        return self.site_name

    @classmethod
    def load(cls) -> "SiteSettings":
        return cls.objects.get_or_create(pk=1)[0]


class WallChoice(models.Model):
    """How somebody has laid out the wall; without a row it stands as the house orders it. Web's alone to write."""

    class Layout(models.TextChoices):
        ONE = "1", "1"
        FOUR = "4", "4"
        NINE = "9", "9"
        AUTO = "auto", "Auto"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="wall_choice")
    layout = models.CharField(max_length=4, choices=Layout.choices, default=Layout.AUTO)
    # Ids of cameras; those that stand not in it come after these, as the house orders them.
    order = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"the wall of {self.user_id}: {self.layout}"


class ViewingSession(models.Model):
    """One log-in or token on one page looking at one camera, from open to close.

    Web writes everything but `ended_at`, which is the engine's. `left_at` is set when the last connection closes and
    cleared when one comes back in time.
    """

    class Transport(models.TextChoices):
        PAGE = "page", "page"
        WEBSOCKET = "websocket", "WebSocket"
        MJPEG = "mjpeg", "MJPEG"
        FRAME = "frame", "single pictures"
        # Not live: somebody looked at or took away what was recorded. Begins and ends when asked for.
        PLAYBACK = "playback", "looking back"
        EXPORT = "export", "download"

    class Footage(models.TextChoices):
        RECORDING = "", "a recording"
        STILLS = "stills", "stills"
        TIMELAPSE = "timelapse", "a time-lapse"
        EVENT = "event", "a picture of an event"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="viewings")
    user_name = models.CharField(max_length=150)
    camera = models.ForeignKey(Camera, null=True, on_delete=models.SET_NULL, related_name="viewings")
    camera_name = models.CharField(max_length=60)
    camera_slug = models.CharField(max_length=60)
    # Who and which page, as a digest: what later connections must show to join.
    key = models.CharField(max_length=64, db_index=True)
    transport = models.CharField(max_length=10, choices=Transport.choices)
    address = models.GenericIPAddressField(null=True, blank=True)
    device = models.CharField(max_length=60, blank=True)
    bytes = models.BigIntegerField(default=0)
    # A camera that is recorded while watched is recorded for this one: a live page, a full-size tile or MJPEG.
    counts = models.BooleanField(default=True)
    # Its user or an owner has deleted it: gone from every page. The log lines stay.
    hidden_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What was looked at, when it was not live. The time stays when the recording has gone.
    recording = models.ForeignKey(Recording, null=True, blank=True, on_delete=models.SET_NULL, related_name="lookbacks")
    footage_at = models.DateTimeField(null=True, blank=True)
    # What it was, when it was no recording.
    footage = models.CharField(max_length=10, choices=Footage.choices, blank=True, default="")
    started_at = models.DateTimeField(db_index=True)
    last_seen_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    delay_median = models.FloatField(
        null=True, blank=True, help_text="Seconds from capture to screen, as the page measured it."
    )
    delay_max = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [models.Index(fields=["camera", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.user_name} watched {self.camera_name}"

    @property
    def seconds(self) -> float:
        return max(0.0, ((self.ended_at or self.left_at or self.last_seen_at) - self.started_at).total_seconds())


class AppendOnlyError(TypeError):
    """Somebody tried to change or remove a log line."""


class LogLineQuerySet(models.QuerySet["LogLine"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Log lines are never changed.")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("Log lines are never deleted.")


class LogLine(models.Model):
    """What happened, for ever: append-only and hash-chained. Names are copied, so nothing that goes takes them along.

    hash = SHA-256 of the previous line's hash and this line's canonical JSON. Triggers refuse UPDATE and DELETE.
    """

    class What(models.TextChoices):
        OPENED = "opened", "opened"
        CLOSED = "closed", "closed"
        PLAYED = "played", "looked back"
        EXPORTED = "exported", "exported"
        DELETED = "deleted", "deleted"

    at = models.DateTimeField(db_index=True)
    what = models.CharField(max_length=10, choices=What.choices)
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=150)
    camera_id = models.BigIntegerField(null=True)
    camera_name = models.CharField(max_length=60)
    viewing_id = models.BigIntegerField(null=True)
    details = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    objects = LogLineQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        # Newest lines are read by camera and by user.
        indexes = [models.Index(fields=["camera_id", "-id"]), models.Index(fields=["user_id", "-id"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.user_name} {self.what} {self.camera_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError("Log lines are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Log lines are never deleted.")

    def digest(self) -> str:
        """The hash this line should have, hex."""
        names = ("what", "user_id", "user_name", "camera_id", "camera_name", "viewing_id", "details")
        body = {name: getattr(self, name) for name in names} | {"at": self.at.isoformat(timespec="microseconds")}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256((self.previous + text).encode()).hexdigest()

    @classmethod
    def about(cls, what: str, viewing: ViewingSession, at: datetime, **details: Any) -> Self:
        """A line about `viewing` that is in no chain yet."""
        return cls(
            at=at,
            what=what,
            user_id=viewing.user_id,
            user_name=viewing.user_name,
            camera_id=viewing.camera_id,
            camera_name=viewing.camera_name,
            viewing_id=viewing.pk,
            details=details,
        )

    @classmethod
    def append(cls, what: str, viewing: ViewingSession, at: datetime | None = None, **details: Any) -> Self:
        """Add a line about `viewing` to the chain."""
        return cls.append_all([cls.about(what, viewing, at or timezone.now(), **details)])[0]

    @classmethod
    def append_all(cls, lines: Iterable[Self]) -> list[Self]:
        """Add these to the chain, in their order, all or none."""
        with transaction.atomic():
            # SQLite serialises writers by itself (IMMEDIATE); PostgreSQL needs a lock so that the chain does not fork.
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(7423001)")
            last = cls.objects.order_by("-pk").values_list("hash", flat=True).first() or "0" * 64
            chained = []
            for line in lines:
                line.previous = last
                line.hash = last = line.digest()
                chained.append(line)
            return cls.objects.bulk_create(chained)


class AuditEntry(models.Model):
    """Who changed what in the house's settings, cameras, people and sharing. Passwords stand as «changed»."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=150)
    what = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects: ClassVar[models.Manager["AuditEntry"]] = models.Manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.what}"
