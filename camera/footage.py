"""What is kept: rows that point at files. Columns are the engine's to write unless they are marked as web's."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from camera import paths
from camera.packets import Reason

if TYPE_CHECKING:
    from camera.access import Actor


def told(at: datetime) -> str:
    """By the house's clock, as the columns beside it in the admin site."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"


class Storage(models.Model):
    """A folder that recordings are or were put in."""

    path = models.CharField(max_length=500, unique=True)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.path


class RecordingQuerySet(models.QuerySet["Recording"]):
    def remaining(self) -> "RecordingQuerySet":
        """Those that are not about to be deleted.

        Not `=None`: SQLite would read all of these, which are nearly all there are, by the index of that column and
        sort them, instead of reading a page by the order it is shown in.
        """
        return self.exclude(delete_requested_at__isnull=False)

    def allowed(self, actor: "Actor", right: str) -> "RecordingQuerySet":
        """Those of cameras on which `actor` has `right`; what is about to be deleted is nobody's any more."""
        from camera.access import footage_filter

        return self.filter(footage_filter(actor, right)).remaining()


class EventQuerySet(models.QuerySet["Event"]):
    def remaining(self) -> "EventQuerySet":
        """Those that are not about to be deleted; worded as for recordings."""
        return self.exclude(delete_requested_at__isnull=False)

    def allowed(self, actor: "Actor", right: str) -> "EventQuerySet":
        """Those of cameras on which `actor` has `right`; the house's own (without a camera) are its owners'."""
        from camera.access import footage_filter

        return self.filter(footage_filter(actor, right)).remaining()


class Recording(models.Model):
    """One video file. While it is `open` it is called `file` + .part."""

    class State(models.TextChoices):
        OPEN = "open", "being recorded"
        CLOSED = "closed", "complete"
        INTERRUPTED = "interrupted", "interrupted"
        MISSING = "missing", "file missing"
        DAMAGED = "damaged", "file damaged"

    class Trigger(models.TextChoices):
        ALWAYS = "always", "always on"
        MOTION = "motion", "motion"
        WATCHED = "watched", "somebody watched"
        SESSION = "session", "asked for while watching"
        MANUAL = "manual", "asked for"
        RING = "ring", "somebody rang"

    class Playable(models.TextChoices):
        NO = "", "no"
        WORKING = "working", "being made"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    # Empty once the camera has gone; its name and slug stay.
    camera = models.ForeignKey("camera.Camera", null=True, on_delete=models.SET_NULL, related_name="recordings")
    camera_name = models.CharField(max_length=60)
    camera_slug = models.CharField(max_length=60)
    storage = models.ForeignKey(Storage, on_delete=models.PROTECT, related_name="recordings")
    uid = models.CharField(max_length=8, unique=True)
    file = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    # Why it is not simply closed, in words.
    detail = models.CharField(max_length=200, blank=True)
    trigger = models.CharField(max_length=8, choices=Trigger.choices)
    # Every reason it ever had: always, motion, watched, session:12, manual:bob.
    reasons = models.JSONField(default=list)
    # Ids of the people whose sessions and requests are among the reasons.
    people = models.JSONField(default=list)
    codec = models.CharField(max_length=20, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    audio = models.BooleanField(default=False)
    thumbnail = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # Of video in the file.
    seconds = models.FloatField(default=0.0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    # The camera process that writes it, by the token the engine gave it.
    writer = models.CharField(max_length=32, blank=True)
    playable = models.CharField(max_length=8, choices=Playable.choices, default=Playable.NO, blank=True)
    playable_percent = models.PositiveSmallIntegerField(default=0)

    # Web's columns.
    kept_at = models.DateTimeField("kept since", null=True, blank=True)
    kept_by = models.CharField(max_length=150, blank=True)
    # The engine takes a wish back that it could not fulfil, and marks what retention takes: both by conditional UPDATE.
    playable_wanted_at = models.DateTimeField(null=True, blank=True)
    delete_requested_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["camera", "-started_at", "-id"]),
            models.Index(fields=["-started_at", "-id"]),
            models.Index(fields=["state", "started_at"]),
        ]
        constraints = [models.UniqueConstraint(fields=["storage", "file"], name="one_row_for_each_file")]

    def __str__(self) -> str:
        return f"{self.camera_name} {told(self.started_at)}"

    @property
    def path(self) -> Path:
        """Where the file is now. Raises UnsafePathError."""
        return paths.inside(self.storage.path, self.file + (paths.PART if self.state == self.State.OPEN else ""))

    @property
    def thumbnail_path(self) -> Path:
        return paths.inside(self.storage.path, paths.thumbnail_of(self.file))

    @property
    def playable_path(self) -> Path:
        return paths.inside(self.storage.path, paths.playable_of(self.file))

    @property
    def kept(self) -> bool:
        return self.kept_at is not None


class Event(models.Model):
    """Something that happened, with a beginning and an end. Pictures lie under MEDIA_ROOT."""

    class Kind(models.TextChoices):
        MOTION = "motion", "motion"
        PERSON = "person", "person"
        VEHICLE = "vehicle", "vehicle"
        ANIMAL = "animal", "animal"
        SPILL = "spill", "spill"
        RING = "ring", "ring"
        CAMERA_OFFLINE = "camera_offline", "camera offline"
        SYSTEM = "system", "system"

    # Empty for the house's own (kind system), and once the camera has gone.
    camera = models.ForeignKey("camera.Camera", null=True, blank=True, on_delete=models.SET_NULL, related_name="events")
    camera_name = models.CharField(max_length=60, blank=True)
    camera_slug = models.CharField(max_length=60, blank=True)
    uid = models.CharField(max_length=8, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    score = models.FloatField(default=0.0)
    label = models.CharField(max_length=60, blank=True)
    # [left, top, width, height], each 0 … 1 of the picture.
    boxes = models.JSONField(default=list)
    image = models.CharField(max_length=200, blank=True)
    # The same picture without boxes.
    clean_image = models.CharField(max_length=200, blank=True)
    recording = models.ForeignKey(Recording, null=True, blank=True, on_delete=models.SET_NULL, related_name="events")
    writer = models.CharField(max_length=32, blank=True)
    changed_at = models.DateTimeField(db_index=True)

    # What a sender calls it (X-Event-Id): the same name twice is the same event.
    sender_id = models.CharField(max_length=100, blank=True, default="")

    # Web's columns.
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    delete_requested_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["camera", "-started_at", "-id"]),
            models.Index(fields=["-started_at", "-id"]),
            models.Index(fields=["kind", "-started_at", "-id"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["camera", "sender_id"], condition=~Q(sender_id=""), name="one_event_for_each_senders_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.camera_name} {told(self.started_at)}"

    def picture_path(self, *, clean: bool = False) -> Path:
        """Raises UnsafePathError, also when there is none."""
        return paths.inside(settings.MEDIA_ROOT, self.clean_image if clean else self.image)


class RecordRequest(models.Model):
    """Somebody asked for a recording: while their viewing session lasts, or by hand until a time."""

    camera = models.ForeignKey("camera.Camera", on_delete=models.CASCADE, related_name="record_requests")
    # The viewing session's id; empty when asked for by hand.
    session = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField()
    user_name = models.CharField(max_length=150)
    made_at = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(session=None, until__isnull=False) | Q(session__isnull=False, until=None),
                name="by_session_or_until",
            ),
            models.UniqueConstraint(fields=["camera", "session"], name="one_request_for_each_session"),
            models.UniqueConstraint(
                fields=["camera", "user_id"], condition=Q(session=None), name="one_request_by_hand_for_each_person"
            ),
        ]

    def __str__(self) -> str:
        return self.reason

    @property
    def reason(self) -> str:
        return f"session:{self.session}" if self.session is not None else f"manual:{self.user_name}"


class EventStill(models.Model):
    """A picture that a sender flagged. Each is kept; the first is its event's picture as well."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="stills")
    uid = models.CharField(max_length=8, unique=True)
    captured_at = models.DateTimeField()
    # Under MEDIA_ROOT.
    image = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["captured_at", "pk"]
        indexes = [models.Index(fields=["event", "captured_at"])]

    def __str__(self) -> str:
        return f"{self.event_id} {told(self.captured_at)}"

    @property
    def path(self) -> Path:
        """Raises UnsafePathError."""
        return paths.inside(settings.MEDIA_ROOT, self.image)


class RingPress(models.Model):
    """One press of a doorbell. Presses that come soon after each other belong to one event."""

    class Way(models.TextChoices):
        KEY = "key", "a program with the camera's key"
        KIOSK = "kiosk", "the button on a screen"
        PIN = "pin", "a button on a pin"
        CAMERA = "camera", "the camera's own button"
        PERSON = "person", "somebody of the house"

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="presses")
    camera = models.ForeignKey("camera.Camera", null=True, on_delete=models.SET_NULL, related_name="ring_presses")
    at = models.DateTimeField()
    way = models.CharField(max_length=8, choices=Way.choices)
    # What the sender calls this press: sent again under the same name it is the same one.
    sender_id = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["camera", "sender_id"], condition=~Q(sender_id=""), name="one_press_for_each_senders_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {told(self.at)}"


class Gap(models.Model):
    """A time of which there are no pictures, and why. The engine's; without an end while it goes on."""

    camera = models.ForeignKey("camera.Camera", on_delete=models.CASCADE, related_name="gaps")
    cause = models.CharField(max_length=20, choices=[(one, one) for one in Reason])
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [models.Index(fields=["camera", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.camera}: {self.cause} from {self.started_at:%Y-%m-%d %H:%M:%S}"
