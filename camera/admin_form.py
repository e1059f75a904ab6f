"""The admin's form of a camera, and the camera as the audit tells it. A password goes in here and never comes out."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from camera.addresses import EXAMPLES, NETWORK, Address, AddressError, host_and_port, parse_source
from camera.models import TAKEN_SLUGS, Camera
from camera.redact import redact

if TYPE_CHECKING:
    CameraModelForm = forms.ModelForm[Camera]
else:
    CameraModelForm = forms.ModelForm

RECORDING = ("record", "pre_roll", "post_roll", "days_kept", "gigabytes_kept", "stills_every", "audio", "doorbell")
DETECTION = ("detect", "sensitivity", "min_area")
HIDDEN = "***"


class CameraAdminForm(CameraModelForm):
    """`source` stands for kind and address; credentials typed into it are split off before anything is shown again."""

    source = forms.CharField(
        label="Address",
        max_length=600,
        help_text=f"For instance {EXAMPLES}",
        widget=forms.TextInput(attrs={"size": 80, "autocomplete": "off"}),
    )
    new_password = forms.CharField(
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Empty: the stored one is kept, as long as the camera stays on its host.",
    )

    class Meta:
        model = Camera
        fields = [
            "name", "slug", "username", "transport", "poll_fps", "enabled", "keeper", "position",
            *RECORDING, *DETECTION,
        ]  # fmt: skip

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        self._address: Address | None = None
        self._fault = ""
        self.before: dict[str, Any] = {}
        self.password_changed = False
        self.hidden_part_changed = False
        stored: Camera | None = kwargs.get("instance")
        self._stored = Address(stored.kind, stored.address) if stored is not None and stored.pk else None
        super().__init__(self._taken_apart(data), *args, **kwargs)
        self.fields["stills_every"].required = False
        if self._stored is not None:
            self.initial["source"] = redact(self._stored.source)

    def _taken_apart(self, data: QueryDict | None) -> QueryDict | None:
        if data is None or "source" not in data:
            return data
        data = data.copy()
        source = str(data["source"]).strip()
        if self._stored is not None and source == redact(self._stored.source):
            self._address = self._stored
            return data
        try:
            self._address = self._read(source)
        except AddressError as error:
            self._fault = str(error)
            data["source"] = redact(source.rpartition("@")[2])
            return data
        data["source"] = redact(self._address.source)
        data["username"] = self._address.username or data.get("username", "")
        data["new_password"] = data.get("new_password", "") or self._address.password
        return data

    @staticmethod
    def _read(source: str) -> Address:
        if HIDDEN in source:
            raise AddressError(f"{HIDDEN} stands for a hidden part of the address; type the whole address again.")
        return parse_source(source)

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug in TAKEN_SLUGS:
            raise forms.ValidationError("A page of the house stands there; choose another.")
        return slug

    def clean_stills_every(self) -> int:
        given: int | None = self.cleaned_data["stills_every"]
        return self.instance.stills_every if given is None else given

    def clean_source(self) -> str:
        if self._address is None:
            raise forms.ValidationError(self._fault or "The address cannot be read.")
        if len(self._address.address) > 500:
            raise forms.ValidationError("The address is too long (at most 500 characters).")
        return self._address.source

    def fill(self, camera: Camera) -> None:
        """Kind, address and password into `camera`."""
        assert self._address is not None
        new = self.cleaned_data["new_password"]
        moved = bool(camera.pk) and not _same_host(Address(camera.kind, camera.address), self._address)
        self.hidden_part_changed = camera.address != self._address.address and redact(camera.source) == redact(
            self._address.source
        )
        camera.kind, camera.address = self._address.kind, self._address.address
        if new or (moved and camera.sealed_password):
            camera.set_password(new)
            self.password_changed = True
        if moved:
            # What was for the old host goes nowhere else: it is entered again on the camera's own page.
            camera.sealed_cloud_password = camera.stream_address = camera.detect_address = ""


def _same_host(old: Address, new: Address) -> bool:
    """A stored password goes on to another path of its host, and nowhere else."""
    if old.kind in NETWORK and new.kind == old.kind:
        return host_and_port(old.address) == host_and_port(new.address)
    return (old.kind, old.address) == (new.kind, new.address)


def described(camera: Camera) -> dict[str, Any]:
    """The camera as the audit tells it: without credentials."""
    plain = ["name", "slug", "username", "transport", "poll_fps", "enabled", "position", *RECORDING, *DETECTION]
    told = {name: getattr(camera, name) for name in plain}
    return told | {"source": redact(camera.source), "keeper": str(camera.keeper or ""), "grants": grants_of(camera)}


def grants_of(camera: Camera) -> list[str]:
    grants = camera.grants.select_related("user")
    return sorted(f"{grant.user or 'all members'}: {grant.right}" for grant in grants)
