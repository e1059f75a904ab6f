"""The camera form: where the picture comes from, and who may do what with it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.models import Role, User
from camera import vault
from camera.access import Actor, may_add
from camera.addresses import EXAMPLES, NETWORK, Address, AddressError, host_and_port, parse_source
from camera.models import Camera, Grant, Right
from camera.packets import SourceConfig
from camera.redact import redact
from main.camera_controls import MOVING, STREAMS, ControlForm
from main.camera_fields import RECORDING_FIELDS, RecordingForm
from main.words import plain_numbers

HIDDEN = "***"
# As in static/js/camera.js, which goes on from what the server has shown.
KIND_OF_SCHEME = {
    "rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http", "device": "v4l2", "file": "file",
    "tapo": "tapo", "onvif": "onvif", "pattern": "pattern", "push": "push",
}  # fmt: skip
EVERYONE = (
    (),
    (Right.WATCH,),
    (Right.WATCH, Right.PLAYBACK),
    (Right.WATCH, Right.PLAYBACK, Right.LOG),
    (Right.WATCH, Right.PLAYBACK, Right.RECORD, Right.EXPORT, Right.LOG),
)


def rights_in_words(rights: Iterable[str]) -> str:
    """What the form offers, after «may»: «watch live, look back at recordings»; «nothing» for none."""
    return ", ".join(str(right.label) for right in Right if right in set(rights)) or "nothing"


def same_place(kind: str, address: str, new: Address) -> bool:
    """Whether a password given for the old address may go to the new one: same host and port, and no less protected."""
    if (kind, address) == (new.kind, new.address):
        return True
    try:
        was, now = urlsplit(address), urlsplit(new.address)
        unprotected = was.scheme in ("rtsps", "https") and now.scheme not in ("rtsps", "https")
        return bool(was.hostname) and host_and_port(address) == host_and_port(new.address) and not unprotected
    except (ValueError, KeyError):
        return False


class SourceForm(ControlForm):
    """Where the picture comes from. What was typed as a password never goes back into a page."""

    source = forms.CharField(label="Address", max_length=600)
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    remove_password = forms.BooleanField(label="Remove the stored password", required=False)

    SOURCE_FIELDS = (
        "source", "username", "password", "remove_password", "transport", "poll_fps", *ControlForm.CONTROL_FIELDS,
    )  # fmt: skip

    class Meta:
        model = Camera
        fields = ["username", "transport", "poll_fps", *STREAMS]

    def __init__(
        self, data: QueryDict | None = None, *, instance: Camera, actor: Actor, begin: dict[str, str] | None = None
    ) -> None:
        """`begin`: what a new form begins with."""
        self.actor = actor
        self.is_new = instance.pk is None
        self._was = Address(instance.kind, instance.address) if not self.is_new else None
        self.has_stored_password = bool(instance.sealed_password)
        self._typed_password = ""
        self._fault = ""
        self.parsed: Address | None = None
        super().__init__(self._without_credentials(data, instance), instance=instance, initial=begin)
        plain_numbers(self.initial)
        self._set_up_fields()

    def _set_up_fields(self) -> None:
        texts = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        self.fields["transport"].required = self.fields["poll_fps"].required = False
        self.fields["source"].widget.attrs |= texts
        self.fields["username"].widget.attrs |= texts
        self.set_up_control()
        if self._was is not None:
            self.initial["source"] = redact(self._was.source)
        if not self.has_stored_password:
            del self.fields["remove_password"]
        else:
            self.fields["password"].help_text = "One is stored. Leave this empty to keep it for the same host and port."

    def _without_credentials(self, data: QueryDict | None, instance: Camera) -> QueryDict | None:
        """The posted data with the address read, and every credential taken out of what may be shown again."""
        data = None if data is None else data.copy()
        self.take_control(data, instance)
        if data is None:
            return None
        source = data.get("source", "").strip()
        self._typed_password = data.get("password", "")
        data["password"] = ""
        if self._was is not None and source == redact(self._was.source):
            self.parsed = self._was
            return data
        try:
            self.parsed = self._parse(source)
        except AddressError as error:
            self._fault = str(error)
            data["source"] = redact(source.rpartition("@")[2])
            return data
        self._typed_password = self._typed_password or self.parsed.password
        data["source"] = redact(self.parsed.source)
        data["username"] = self.parsed.username or data.get("username", "")
        return data

    @staticmethod
    def _parse(source: str) -> Address:
        if "@" in source.partition(":")[0]:
            raise AddressError(f"An address starts with its kind, for instance {EXAMPLES}.")
        if HIDDEN in source:
            raise AddressError(f"{HIDDEN} stands for a hidden part of the address; type the whole address again.")
        return parse_source(source)

    def clean_source(self) -> str:
        if self.parsed is None:
            raise forms.ValidationError(self._fault)
        if len(self.parsed.address) > 500:
            raise forms.ValidationError("The address is too long (at most 500 characters).")
        if self._moved and not may_add(self.actor, self.parsed.kind):
            raise forms.ValidationError("Cameras and files of this machine are added by the house's owners.")
        return self.parsed.source

    def clean_transport(self) -> str:
        return self.cleaned_data["transport"] or self.instance.transport

    def clean_poll_fps(self) -> float:
        rate = self.cleaned_data["poll_fps"]
        return self.instance.poll_fps if rate is None else rate

    def clean_password(self) -> str:
        if len(self._typed_password) > 200 or "\0" in self._typed_password:
            raise forms.ValidationError("A password has at most 200 characters, none of them NUL.")
        return self._typed_password

    @property
    def _moved(self) -> bool:
        now = self.parsed
        return self._was is None or now is None or (self._was.kind, self._was.address) != (now.kind, now.address)

    @property
    def new_password(self) -> str | None:
        """The password from now on: None keeps the stored one, "" is none. Valid forms only."""
        if self.parsed is None or self.parsed.kind not in NETWORK:
            return ""
        if self._typed_password:
            return self._typed_password
        if self.cleaned_data.get("remove_password") or self._was is None:
            return ""
        return None if same_place(self._was.kind, self._was.address, self.parsed) else ""

    @property
    def new_cloud_password(self) -> str | None:
        """The password of the account from now on, as new_password tells the other. Valid forms only."""
        if self.parsed is None or self.parsed.kind != "tapo":
            return ""
        if self.typed_cloud_password:
            return self.typed_cloud_password
        if self.cleaned_data.get("remove_cloud_password") or self._was is None:
            return ""
        return None if same_place(self._was.kind, self._was.address, self.parsed) else ""

    @property
    def kind(self) -> str:
        """The kind of the address that stands in the form; nothing while that cannot be told."""
        scheme, colon, _ = str(self["source"].value() or "").strip().partition(":")
        return KIND_OF_SCHEME.get(scheme.lower(), "") if colon else ""

    @property
    def password_unreadable(self) -> bool:
        """Sealed with another SECRET_KEY."""
        return vault.unseal(self.instance.sealed_password) is None

    @property
    def password_dropped(self) -> bool:
        """A stored password did not go along to the new host, and nobody asked to remove it."""
        gone = self.has_stored_password and self.new_password == ""
        account = self.has_cloud_password and self.new_cloud_password == ""
        return (gone and not self.cleaned_data.get("remove_password")) or (
            account and not self.cleaned_data.get("remove_cloud_password")
        )

    def source_is_valid(self) -> bool:
        """Whether the source alone can be tried; faults of the other fields are left for the saving."""
        for name in set(self.errors) - set(self.SOURCE_FIELDS):
            del self.errors[name]
        return not self.errors

    def fill(self) -> Camera:
        """The camera with the form's source, not saved. Valid forms only."""
        assert self.parsed is not None
        camera, password = self.instance, self.new_password
        camera.kind, camera.address = self.parsed.kind, self.parsed.address
        if camera.kind not in NETWORK:
            camera.username = ""
        if password is not None:
            camera.set_password(password)
        if (cloud := self.new_cloud_password) is not None:
            camera.set_cloud_password(cloud)
        return camera

    def config(self) -> SourceConfig:
        """What the engine is to try. Valid forms only."""
        return self.fill().source_config()


class CameraForm(SourceForm, RecordingForm):
    """The whole form: picture, recording, detection, sharing, keeper. `sharing` and `people` are for the template."""

    class Meta(SourceForm.Meta):
        fields = ["name", *SourceForm.Meta.fields, *MOVING, *RECORDING_FIELDS, "enabled", "keeper"]

    def _set_up_fields(self) -> None:
        super()._set_up_fields()
        self.set_up_recording()
        self.fields["enabled"].label = "Switched on"
        self.fields["enabled"].help_text = "A camera that is switched off is not connected to at all."
        members = User.objects.filter(is_active=True, role__in=(Role.OWNER, Role.MEMBER)).order_by("username")
        self.fields["keeper"].queryset = members  # type: ignore[attr-defined]
        self.fields["keeper"].empty_label = "nobody: the house's own"  # type: ignore[attr-defined]
        # A new camera is on, and kept by the one who adds it.
        for name in ("enabled", "keeper") if self.is_new else () if self.actor.is_owner else ("keeper",):
            del self.fields[name]
        self._set_up_sharing()

    def _set_up_sharing(self) -> None:
        """One choice for all members, and boxes for each person the camera can be shared with."""
        self.held = grants_of(self.instance)
        everyone = [tuple(str(right) for right in rights) for rights in EVERYONE]
        now = tuple(right for right in Right.values if right in self.held.get(None, ()))
        if now not in everyone:
            everyone.append(now)
        self.fields["everyone"] = forms.ChoiceField(
            label="All members may",
            choices=[(",".join(rights), rights_in_words(rights)) for rights in everyone],
            initial=",".join(now),
            required=False,
        )
        self.people = list(sharers(self.actor.user_id if self.is_new else self.instance.keeper_id))
        for person in self.people:
            self.fields[f"person_{person.pk}"] = forms.MultipleChoiceField(
                label=person.username,
                choices=Right.choices,
                initial=sorted(self.held.get(person.pk, ())),
                widget=forms.CheckboxSelectMultiple,
                required=False,
            )

    def sharing(self) -> list[dict[str, Any]]:
        """For the template: each person with the field and what they may do now, in words."""
        return [
            {
                "person": person,
                "field": self[f"person_{person.pk}"],
                "now": rights_in_words(self.held.get(person.pk, ())),
                "open": bool(self.held.get(person.pk)),
            }
            for person in self.people
        ]

    def wanted_grants(self) -> dict[int | None, set[str]]:
        """Rights by user id, None for all members. Only those the form shows. Valid forms only."""
        wanted: dict[int | None, set[str]] = {None: set(filter(None, self.cleaned_data["everyone"].split(",")))}
        for person in self.people:
            wanted[person.pk] = set(self.cleaned_data[f"person_{person.pk}"])
        return wanted


def sharers(keeper: int | None) -> QuerySet[User]:
    """People a camera can be shared with: owners and its keeper may do everything anyhow."""
    people = User.objects.filter(is_active=True).exclude(role=Role.OWNER)
    return people.exclude(pk=keeper or 0, role=Role.MEMBER).order_by("username")


def grants_of(camera: Camera) -> dict[int | None, set[str]]:
    """Rights by user id, None for all members."""
    held: dict[int | None, set[str]] = {}
    if camera.pk is not None:
        for user, right in Grant.objects.filter(camera=camera).values_list("user", "right"):
            held.setdefault(user, set()).add(right)
    return held
