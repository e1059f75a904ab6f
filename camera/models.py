"""Cameras, and who may do what with them."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.text import slugify

from camera import vault
from camera.addresses import CONTROLLED, KINDS, Address, parse_source
from camera.fields import AddressField, LostQuery
from camera.footage import Event, EventStill, Gap, Recording, RecordRequest, RingPress, Storage
from camera.hours import HourUsage, TimeLapse
from camera.names import check_name
from camera.packets import Reason, SourceConfig, StateName

if TYPE_CHECKING:
    from camera.access import Actor


__all__ = [
    "Camera", "Detect", "Event", "EventStill", "Gap", "Grant", "HourUsage", "Recording", "RecordMode", "RecordRequest",
    "Right", "RingPress", "Storage", "TimeLapse",
]  # fmt: skip


class Right(models.TextChoices):
    WATCH = "watch", "watch live"
    PLAYBACK = "playback", "look back at recordings"
    MOVE = "move", "move the camera"
    RECORD = "record", "start a recording"
    EXPORT = "export", "download and share"
    LOG = "log", "read who has looked"
    MANAGE = "manage", "change the camera and its sharing"


class RecordMode(models.TextChoices):
    OFF = "off", "never"
    WATCHED = "watched", "while somebody watches"
    MOTION = "motion", "when something moves"
    ALWAYS = "always", "always"


class Detect(models.TextChoices):
    OFF = "off", "no motion detection"
    BACKGROUND = "background", "compare with the learnt background"
    DIFFERENCE = "difference", "compare with the picture before (cheaper)"


class CameraQuerySet(models.QuerySet["Camera"]):
    def allowed(self, actor: "Actor", right: str) -> "CameraQuerySet":
        """The cameras on which `actor` has `right`. See camera/access.py, the one door."""
        from camera.access import allowed_filter

        return self.filter(allowed_filter(actor, right)).distinct()

    def changed(self) -> int:
        """Tell the engine, which polls `version`, that these cameras have new settings."""
        return self.update(version=models.F("version") + 1)


class Camera(models.Model):
    """A camera of the house. Columns from `state` on are the engine's to write, the others web's and commands'."""

    name = models.CharField(max_length=60, validators=[check_name])
    slug = models.SlugField(
        max_length=60,
        unique=True,
        validators=[
            RegexValidator(
                r"^(?!(?:add|test|discover)$)[a-z0-9][a-z0-9-]*$",
                "Small letters, digits and dashes only; not «add», «test» or «discover».",
            )
        ],
        help_text="The camera's name in addresses.",
    )
    kind = models.CharField(max_length=10, choices=list(KINDS.items()))
    address = AddressField(max_length=500, blank=True)
    username = models.CharField("user name", max_length=100, blank=True)
    sealed_password = models.TextField(blank=True, editable=False)
    # The password of a Tapo camera's account, which opens its control side.
    sealed_cloud_password = models.TextField(blank=True, default="", editable=False)
    # Where its streams are, when `address` does not say: found by asking the camera, or typed.
    stream_address = AddressField("address of the pictures", max_length=500, blank=True, default="")
    detect_address = AddressField(
        "address of a smaller stream for motion detection", max_length=500, blank=True, default="",
        help_text="Empty: motion is looked for in the pictures themselves.",
    )  # fmt: skip
    pan_inverted = models.BooleanField("left and right swapped", default=False)
    tilt_inverted = models.BooleanField("up and down swapped", default=False, help_text="As when it hangs upside down.")
    move_speed = models.FloatField(
        "speed of moving", default=0.5, validators=[MinValueValidator(0.05), MaxValueValidator(1.0)]
    )
    transport = models.CharField(
        "RTSP transport",
        max_length=4,
        default="tcp",
        choices=[("tcp", "TCP (reliable)"), ("udp", "UDP (for a few old cameras)")],
    )
    poll_fps = models.FloatField(
        "pictures a second asked of a single-picture address",
        default=2.0,
        validators=[MinValueValidator(0.05), MaxValueValidator(15.0)],
    )
    record = models.CharField(
        "recorded", max_length=8, choices=RecordMode.choices, blank=True, default="", help_text="Empty: as the house."
    )
    pre_roll = models.FloatField(
        "seconds kept from before a motion", null=True, blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(60)], help_text="Empty: as the house.",
    )  # fmt: skip
    post_roll = models.FloatField(
        "seconds kept after a motion", null=True, blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(600)], help_text="Empty: as the house.",
    )  # fmt: skip
    days_kept = models.PositiveIntegerField(
        "days recordings are kept", null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36500)], help_text="Empty: as the house.",
    )  # fmt: skip
    gigabytes_kept = models.FloatField(
        "gigabytes of recordings kept", null=True, blank=True,
        validators=[MinValueValidator(0.01), MaxValueValidator(1e6)], help_text="Empty: only the house's limit counts.",
    )  # fmt: skip
    audio = models.BooleanField(
        "record sound", default=False, help_text="Off unless everybody who may be heard knows of it."
    )
    detect = models.CharField("motion detection", max_length=10, choices=Detect.choices, default=Detect.BACKGROUND)
    sensitivity = models.PositiveSmallIntegerField(
        default=50, validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="1 sees only what is plain, 100 the faintest change.",
    )  # fmt: skip
    min_area = models.FloatField(
        "smallest motion, in percent of the picture", default=0.15,
        validators=[MinValueValidator(0.01), MaxValueValidator(50)],
    )  # fmt: skip
    stills_every = models.PositiveSmallIntegerField(
        "seconds from still to still", default=5, validators=[MaxValueValidator(3600)], help_text="0: no stills."
    )
    enabled = models.BooleanField(default=True)
    keeper = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="kept_cameras",
        help_text="The member whose camera it is; has every right on it. Empty: the house's own, kept by its owners.",
    )
    # Of a camera that sends its pictures itself: SHA-256 of the key it shows; empty: nobody may send with a key.
    key_digest = models.CharField(max_length=64, blank=True, default="", editable=False, db_index=True)
    key_made_at = models.DateTimeField(null=True, blank=True, editable=False)
    doorbell = models.BooleanField(
        "a doorbell",
        default=False,
        help_text="Somebody can ring here: ten seconds from before are always at hand, and whoever may watch is told.",
    )
    # A phone or laptop in somebody's hand: it comes and goes, and its silence is no event.
    webcam = models.BooleanField(default=False, editable=False)
    position = models.PositiveIntegerField(default=0, help_text="Order on the wall.")
    engine = models.CharField(max_length=60, blank=True, default="", editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    made_at = models.DateTimeField(auto_now_add=True)

    state = models.CharField(
        max_length=10, default=StateName.CONNECTING, editable=False, choices=[(s, s) for s in StateName]
    )
    reason = models.CharField(max_length=20, default="", blank=True, editable=False, choices=[(r, r) for r in Reason])
    state_since = models.DateTimeField(null=True, editable=False)
    # What the camera can do beside showing pictures (camera/ptz/driver.py), and what it calls itself.
    abilities = models.JSONField(default=list, blank=True, editable=False)
    model = models.CharField(max_length=80, blank=True, default="", editable=False)

    objects = CameraQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """The SOURCE word, without credentials."""
        return Address(self.kind, self.address).source

    @property
    def password_lost(self) -> bool:
        """True when the password, or the address's query, was sealed with another SECRET_KEY: to be entered again."""
        return self.address_lost or vault.unseal(self.sealed_password) is None

    @property
    def address_lost(self) -> bool:
        """True when the address has lost what stood behind its `?`."""
        return isinstance(self.address, LostQuery)

    @property
    def streams(self) -> tuple[str, str]:
        """Kind and address of the pictures: of a camera that has to be asked, those that were found (its own where
        none were)."""
        if self.kind in CONTROLLED and self.stream_address:
            return parse_source(str(self.stream_address)).kind, str(self.stream_address)
        return self.kind, str(self.address)

    def set_password(self, password: str) -> None:
        self.sealed_password = vault.seal(password)

    def set_cloud_password(self, password: str) -> None:
        self.sealed_cloud_password = vault.seal(password)

    def source_config(self) -> SourceConfig:
        kind, address = self.streams
        return SourceConfig(
            kind=kind,
            address=address,
            detect_address=str(self.detect_address),
            username=self.username,
            password=vault.unseal(self.sealed_password) or "",
            transport=self.transport,
            poll_fps=self.poll_fps,
            audio=self.audio,
            allow_loopback=settings.ALLOW_LOOPBACK_CAMERAS,
            files_root=str(settings.CAMERA_FILES),
        )


# Pages of /cameras/.
TAKEN_SLUGS = ("add", "test", "discover")


def free_slug(name: str) -> str:
    """A slug for `name` that no camera has yet and no page of /cameras/ stands at."""
    base = slugify(name)[:50].replace("_", "-").strip("-") or "camera"
    slug, number = base, 2
    while slug in TAKEN_SLUGS or Camera.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


class Grant(models.Model):
    """A right on a camera for one person, or for all members where `user` is empty."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="camera_grants",
        help_text="Empty: every member (guests are named one by one).",
    )
    right = models.CharField(max_length=10, choices=Right.choices)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["camera", "user", "right"]
        constraints = [
            models.UniqueConstraint(fields=["camera", "user", "right"], name="one_grant"),
            models.UniqueConstraint(
                fields=["camera", "right"], condition=models.Q(user=None), name="one_grant_to_all_members"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or 'all members'}: {self.right} {self.camera}"
