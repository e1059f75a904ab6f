"""The camera form's fields of cameras that are asked and moved: the second password, the streams, the motor."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.http import QueryDict

from camera.addresses import CONTROLLED, NETWORK, Address, AddressError, host_and_port, parse_source
from camera.models import Camera
from camera.redact import redact

if TYPE_CHECKING:
    Form = forms.ModelForm[Camera]
else:
    Form = forms.ModelForm

HIDDEN = "***"
STREAMS = ("stream_address", "detect_address")
MOVING = ("pan_inverted", "tilt_inverted", "move_speed")
CONTROL_COLUMNS = ("sealed_cloud_password", *STREAMS, *MOVING)
SPEEDS = {"0.1": "very slow", "0.25": "slow", "0.5": "medium", "0.75": "fast", "1": "as fast as it can"}
LONGEST_ADDRESS = 500
LABELS = {
    "cloud_password": "Password of the TP-Link account",
    "remove_cloud_password": "Remove the stored password of the TP-Link account",
    "stream_address": "Address of the pictures",
    "detect_address": "Address of a smaller stream for motion detection",
    "pan_inverted": "Left and right swapped",
    "tilt_inverted": "Up and down swapped",
    "move_speed": "Speed of moving",
}
HELP = {
    "cloud_password": "You log in to the Tapo app with it. It moves and switches the camera; without it there is a "
    "picture and nothing more.",
    "stream_address": "Empty: the camera is asked for it.",
    "detect_address": "Empty: motion is looked for in the pictures themselves. A small stream costs far less.",
    "tilt_inverted": "As when the camera hangs upside down.",
}


def same_host(address: str, camera: str) -> bool:
    try:
        return bool(urlsplit(address).hostname) and host_and_port(address)[0] == host_and_port(camera)[0]
    except (ValueError, KeyError):
        return False


def less_protected(address: str, camera: str) -> bool:
    """Whether the camera's password would go over the line in plain there, and does not now."""
    return urlsplit(camera).scheme in ("rtsps", "https") and urlsplit(address).scheme not in ("rtsps", "https")


class ControlForm(Form):
    """Its fields. What was typed as a password never goes back into a page, nor does a hidden part of an address.

    The form above sets `parsed`, the camera's own address, before these are cleaned.
    """

    cloud_password = forms.CharField(
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    remove_cloud_password = forms.BooleanField(required=False)
    stream_address = forms.CharField(required=False, max_length=600)
    detect_address = forms.CharField(required=False, max_length=600)

    CONTROL_FIELDS = ("cloud_password", "remove_cloud_password", *STREAMS)
    instance: Camera
    parsed: Address | None
    # By field: what it was before, what is meant now, and what is wrong with that.
    _had: dict[str, str]
    _given: dict[str, str]
    _faults: dict[str, str]

    def take_control(self, data: QueryDict | None, instance: Camera) -> None:
        """Before the form is made: read these from the posted data, and take every credential out of it."""
        self._had = {name: str(getattr(instance, name)) for name in STREAMS}
        self.has_cloud_password = bool(instance.sealed_cloud_password)
        self._typed_cloud, self._faults, self._given = "", {}, dict.fromkeys(STREAMS, "")
        if data is None:
            return
        self._typed_cloud = data.get("cloud_password", "")
        data["cloud_password"] = ""
        for name in STREAMS:
            data[name] = self._read(name, data.get(name, "").strip())

    def _read(self, name: str, typed: str) -> str:
        """Keeps the address that is meant; gives what may be shown of it again."""
        had = self._had[name]
        if not typed or (had and typed == redact(had)):
            self._given[name] = had if typed else ""
            return typed
        try:
            found = parse_source(typed)
        except AddressError as error:
            self._faults[name] = str(error)
            return redact(typed.rpartition("@")[2])
        shown = redact(found.address)
        if HIDDEN in typed:
            self._faults[name] = f"{HIDDEN} stands for a hidden part of the address; type the whole address again."
        elif found.username or found.password:
            self._faults[name] = "Leave user name and password out of it: the camera’s own are used."
        elif found.kind not in ("rtsp", "http"):
            self._faults[name] = "Here goes the address of a stream, for instance rtsp://192.168.1.20/stream2."
        self._given[name] = found.address
        return shown

    def set_up_control(self) -> None:
        texts = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        for name in STREAMS:
            self.fields[name].widget.attrs |= texts
            self.initial[name] = redact(self._had[name])
        if not self.has_cloud_password:
            del self.fields["remove_cloud_password"]
        for name, label in LABELS.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = label, HELP.get(name, "")
                self.fields[name].required = False
        if self.has_cloud_password:
            self.fields["cloud_password"].help_text += " One is stored. Leave this empty to keep it."
        if "move_speed" in self.fields:
            self._set_up_speed()

    def _set_up_speed(self) -> None:
        now = f"{self.instance.move_speed:g}"
        choices = {now: f"{self.instance.move_speed:.0%} of what it can"} | SPEEDS
        ordered = sorted(choices.items(), key=lambda one: float(one[0]))
        self.fields["move_speed"] = forms.TypedChoiceField(
            label=LABELS["move_speed"], choices=ordered, coerce=float, empty_value=None, required=False
        )
        self.initial["move_speed"] = now

    def clean_move_speed(self) -> float:
        given: float | None = self.cleaned_data["move_speed"]
        return self.instance.move_speed if given is None else given

    def clean_cloud_password(self) -> str:
        if len(self._typed_cloud) > 200 or "\0" in self._typed_cloud:
            raise forms.ValidationError("A password has at most 200 characters, none of them NUL.")
        return self._typed_cloud

    def clean_stream_address(self) -> str:
        return self._stream("stream_address", CONTROLLED)

    def clean_detect_address(self) -> str:
        return self._stream("detect_address", NETWORK)

    def _stream(self, name: str, kinds: frozenset[str]) -> str:
        """The address, empty for kinds of camera that have none. The camera's password goes to its own host alone."""
        if name in self._faults:
            raise forms.ValidationError(self._faults[name])
        camera, address = self.parsed, self._given[name]
        if not address or camera is None or camera.kind not in kinds:
            return ""
        if not same_host(address, camera.address):
            if address == self._had[name]:
                return ""  # it stays behind with the old host
            raise forms.ValidationError("It is on another host than the camera, whose password would go there.")
        if less_protected(address, camera.address):
            raise forms.ValidationError("The camera’s own address is encrypted and this one is not.")
        if len(address) > LONGEST_ADDRESS:
            raise forms.ValidationError(f"The address is too long (at most {LONGEST_ADDRESS} characters).")
        return address

    def propose(self, stream: str, detect: str) -> None:
        """Put what the camera said of itself into fields that are empty. What has a hidden part stays out of the page:
        it is asked for again when the camera is saved."""
        assert isinstance(self.data, QueryDict)
        for name, address in (("stream_address", stream), ("detect_address", detect)):
            if address and address == redact(address) and not self._given[name]:
                self.data[name] = address

    @property
    def typed_cloud_password(self) -> str:
        return self._typed_cloud


def in_words(camera: Camera) -> dict[str, Any]:
    """These columns as the audit tells them: never a credential."""
    return {
        "address of the pictures": redact(str(camera.stream_address)),
        "address for motion detection": redact(str(camera.detect_address)),
        "password of the account": "«set»" if camera.sealed_cloud_password else "«none»",
        "left and right swapped": camera.pan_inverted,
        "up and down swapped": camera.tilt_inverted,
        "speed of moving": camera.move_speed,
    }
