"""What has no row of its own for each picture: a camera's hours in figures, and its days as films."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

from camera import paths


class HourUsage(models.Model):
    """Files and bytes of one camera in one hour (UTC), by kind; stills have no other row."""

    class Kind(models.TextChoices):
        RECORDINGS = "recordings", "recordings"
        STILLS = "stills", "stills"
        EVENTS = "events", "pictures of events"

    # Empty once the camera has gone; its slug stays and names its folder.
    camera = models.ForeignKey("camera.Camera", null=True, on_delete=models.SET_NULL, related_name="usage")
    camera_slug = models.CharField(max_length=60)
    hour = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    files = models.PositiveIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    # Stills alone. Web's column, and retention's by conditional UPDATE: the engine unlinks the hour, then the row goes.
    delete_requested_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-hour", "camera_slug", "kind"]
        indexes = [models.Index(fields=["kind", "hour"]), models.Index(fields=["camera", "kind", "hour"])]
        constraints = [
            models.UniqueConstraint(fields=["camera_slug", "hour", "kind"], name="one_row_for_each_camera_hour_kind")
        ]

    def __str__(self) -> str:
        return f"{self.camera_slug} {timezone.localtime(self.hour):%Y-%m-%d %H:%M} {self.kind}"


class TimeLapse(models.Model):
    """A day of stills as one film. Web makes the row, the engine the film."""

    class State(models.TextChoices):
        WANTED = "wanted", "asked for"
        WORKING = "working", "being made"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    camera = models.ForeignKey("camera.Camera", null=True, on_delete=models.SET_NULL, related_name="timelapses")
    camera_name = models.CharField(max_length=60)
    camera_slug = models.CharField(max_length=60)
    # By the house's calendar when it was asked for: from `begin` up to `end`, both UTC.
    day = models.DateField()
    begin = models.DateTimeField()
    end = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WANTED)
    percent = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=200, blank=True)
    # Under MEDIA_ROOT; empty until it is ready.
    file = models.CharField(max_length=200, blank=True)
    uid = models.CharField(max_length=8, unique=True)
    bytes = models.BigIntegerField(default=0)
    pictures = models.PositiveIntegerField(default=0)
    wanted_by = models.CharField(max_length=150)
    wanted_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True, blank=True)
    # Web's column, and retention's by conditional UPDATE.
    delete_requested_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-day", "-pk"]

    def __str__(self) -> str:
        return f"{self.camera_name} {self.day}"

    @property
    def path(self) -> Path:
        """Raises UnsafePathError, also while there is none."""
        return paths.inside(settings.MEDIA_ROOT, self.file)
