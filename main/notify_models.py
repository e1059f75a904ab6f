"""Who is told of what, on which ways, and the outbox of messages that are on their way.

Announcement is written with its event, in the engine's transaction; the notifier makes deliveries of it by everybody's
rules, and sends those.
"""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from camera.models import Event


class Topic(models.TextChoices):
    """What a rule may be about: kinds of events, and the house's own faults one by one."""

    RING = "ring", "somebody rings"
    SPILL = "spill", "a spill"
    PERSON = "person", "a person"
    VEHICLE = "vehicle", "a vehicle"
    ANIMAL = "animal", "an animal"
    MOTION = "motion", "motion"
    CAMERA_OFFLINE = "camera_offline", "a camera is offline"
    SENDER_SILENT = "sender_silent", "a program that sends pictures is silent"
    DISK_LOW = "disk_low", "a disk is nearly full"
    SYSTEM = "system", "another fault of the house"


# What everybody who may watch is told of without having asked for it.
BY_DEFAULT = (
    Topic.RING, Topic.SPILL, Topic.CAMERA_OFFLINE, Topic.SENDER_SILENT, Topic.DISK_LOW, Topic.SYSTEM,
)  # fmt: skip


class PushKeys(models.Model):
    """The house's pair of keys for Web Push (RFC 8292), made once. `public`: base64url of the uncompressed point."""

    sealed_private = models.TextField()
    public = models.CharField(max_length=100)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "push keys"

    def __str__(self) -> str:
        return f"push keys of {self.made_at:%Y-%m-%d}"


class Channel(models.Model):
    """One way to reach one person: a browser, a mail address, or what an owner has set up."""

    class Kind(models.TextChoices):
        WEBPUSH = "webpush", "Web Push"
        EMAIL = "email", "e-mail"
        APPRISE = "apprise", "Apprise"
        WEBHOOK = "webhook", "webhook"

    # Whose rights say which pictures may go there.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=80)
    # The address, which may hold secrets: a subscription as JSON, a mail address, a URL.
    sealed_target = models.TextField(editable=False)
    # Of a webhook: what its messages are signed with.
    sealed_secret = models.TextField(blank=True, default="", editable=False)
    # SHA-256 of the target: the same one twice is one channel.
    digest = models.CharField(max_length=64, editable=False)
    # Of a browser: the log-in it was subscribed in (accounts.logins.name_of); it ends with that.
    login = models.CharField(max_length=32, blank=True, default="", editable=False)
    enabled = models.BooleanField(default=True)
    made_at = models.DateTimeField(auto_now_add=True)
    # The notifier's columns.
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(max_length=200, blank=True, default="", editable=False)

    class Meta:
        ordering = ["user", "kind", "name", "pk"]
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="one_channel_for_each_target")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"


class NotifyChoice(models.Model):
    """What somebody has chosen for all of their messages; without a row everything stands as for newcomers."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notify_choice")
    # By the house's clock; both empty: never quiet. From 22:00 to 7:00 goes over midnight.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    # Days of the week on which it is quiet at these hours, Monday 0; empty: on all.
    quiet_days = models.JSONField(default=list, blank=True)
    rings_anyway = models.BooleanField("rings come through in quiet hours", default=True)
    # Once rules were made or removed by hand, those that everybody begins with do not count any more.
    own_rules = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"choices of {self.user_id}"


class Rule(models.Model):
    """Of what somebody wants to be told, when and where."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="rules")
    topics = models.JSONField(default=list)
    # Ids of cameras; empty: all that they may watch.
    cameras = models.JSONField(default=list, blank=True)
    # Ids of channels; empty: all of theirs.
    channels = models.JSONField(default=list, blank=True)
    # Days of the week, Monday 0; empty: all.
    days = models.JSONField(default=list, blank=True)
    from_time = models.TimeField(null=True, blank=True)
    to_time = models.TimeField(null=True, blank=True)
    # At most one message in so many minutes for a camera and a topic; what comes meanwhile is told with the next.
    minutes = models.PositiveIntegerField(default=5, validators=[MaxValueValidator(1440)])
    pictures = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user", "pk"]

    def __str__(self) -> str:
        return ", ".join(map(str, self.topics))


class Announcement(models.Model):
    """An event is to be told of. Written in the transaction of its row, once for each topic it comes to have."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="announcements")
    topic = models.CharField(max_length=20, choices=Topic.choices)
    made_at = models.DateTimeField(auto_now_add=True)
    # The notifier has made deliveries of it.
    expanded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["event", "topic"], name="one_announcement_for_each_topic")]
        indexes = [models.Index(fields=["id"], condition=Q(expanded_at=None), name="announcements_to_expand")]

    def __str__(self) -> str:
        return f"{self.topic} {self.event_id}"


class Delivery(models.Model):
    """One message to one channel: the outbox. The notifier's alone to change, claimed by conditional UPDATE."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENDING = "sending", "being sent"
        SENT = "sent", "sent"
        # Told together with another one.
        GROUPED = "grouped", "told with another message"
        FAILED = "failed", "given up"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    # Empty for a trial message.
    announcement = models.ForeignKey(
        Announcement, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries"
    )
    event = models.ForeignKey(Event, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries")
    topic = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    pictures = models.BooleanField(default=True)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(auto_now_add=True)
    # Not before.
    due_at = models.DateTimeField()
    # Which notifier sends it, and until when nobody else may.
    claimed_by = models.CharField(max_length=32, blank=True, default="")
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "announcement"],
                condition=Q(announcement__isnull=False),
                name="one_delivery_for_each_channel",
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["waiting", "sending"]), name="deliveries_due"),
            models.Index(fields=["channel", "-id"]),
        ]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.topic} to {self.channel_id}: {self.state}"
