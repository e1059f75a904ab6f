"""The form of the house's settings, grouped by the question they answer."""

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from main.door_words import check_notices, check_replies
from main.footage_facts import kept_facts, where_facts
from main.models import SiteSettings
from main.recordings_folder import check_folder, roots
from main.words import plain_numbers

if TYPE_CHECKING:
    Form = forms.ModelForm[SiteSettings]
else:
    Form = forms.ModelForm

LIMITS = {"recording_days", "event_days", "still_days", "gigabytes_kept"}
WRONG_ADDRESS = "Write only where the house is, such as https://home.example.org or http://192.168.1.20:8000."
NUMBER = "Write a number, for instance {}."
GROUPS = (
    ("What is the house called?", ("site_name",)),
    ("How smooth are live pictures?", ("viewer_fps",)),
    ("When are cameras recorded?", ("record", "pre_roll", "post_roll", "manual_hours")),
    ("Where do recordings go?", ("recordings_path",)),
    ("How long is footage kept?", ("recording_days", "event_days", "still_days", "gigabytes_kept")),
    ("What is said at the door?", ("ring_replies", "kiosk_texts")),
    ("Where do messages lead?", ("house_url",)),
    ("Who may come in?", ("signups_open",)),
    ("Which clock do the pages show?", ("time_zone",)),
)


@dataclass(frozen=True, slots=True)
class Group:
    """A question with its fields, and what is so now."""

    question: str
    fields: list[forms.BoundField]
    facts: list[str]
    # Whether what goes by these values is told beside them.
    limits: bool = False


def check_site_name(name: str) -> None:
    """The name stands on every page and in the admin's head: nothing in it may garble what is around it."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        raise ValidationError("A name has no control characters or line breaks in it.")
    if any(unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI") for letter in name):
        raise ValidationError("A name has no characters in it that turn the direction of writing.")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise ValidationError("Give the house a name that can be seen.")


def check_address(address: str) -> str:
    """Where the house is, without the slash at the end: paths are put behind it. Raises ValidationError."""
    address = address.strip()
    if not address:
        return ""
    URLValidator(schemes=["http", "https"], message=WRONG_ADDRESS)(address)
    parts = urlsplit(address)
    if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValidationError(WRONG_ADDRESS)
    return f"{parts.scheme}://{parts.netloc}"


class SettingsForm(Form):
    class Meta:
        model = SiteSettings
        fields = [name for _, names in GROUPS for name in names]
        labels = {
            "site_name": "Name of the house",
            "viewer_fps": "Pictures a second for each viewer",
            "record": "Cameras are recorded",
            "pre_roll": "Seconds kept from before a motion",
            "post_roll": "Seconds kept after a motion",
            "manual_hours": "Hours that a recording started by hand lasts at most",
            "recordings_path": "Folder for new recordings",
            "recording_days": "Days that recordings are kept",
            "event_days": "Days that events and their pictures are kept",
            "still_days": "Days that stills are kept",
            "gigabytes_kept": "Gigabytes of recordings kept",
            "ring_replies": "Quick replies",
            "kiosk_texts": "Notice on the screens of the house",
            "house_url": "Address of the house",
            "signups_open": "Anybody who reaches this site may sign up",
            "time_zone": "Time zone",
        }
        help_texts = {
            "site_name": "Stands at the top of every page.",
            "record": "For every camera that has no choice of its own.",
            "pre_roll": "Also before anything else that starts a recording. At most 60.",
            "post_roll": "At most 600, that is ten minutes.",
            "gigabytes_kept": "Empty: as much as fits, up to 80 % of each disk. The oldest go first, kept ones never.",
            "still_days": "All stills together take 10 % of the disk at most, whatever the days.",
            "recording_days": "Then they are deleted, kept ones never. A camera may have its own figure.",
            "time_zone": "Written like Europe/Berlin. Everything is stored in UTC; only what is shown changes.",
        }
        error_messages = {
            "viewer_fps": {
                "invalid": NUMBER.format("15"),
                "min_value": "At least 0.2, that is a picture every 5 seconds.",
                "max_value": "At most 60: no screen shows more.",
            },
            "pre_roll": {"invalid": NUMBER.format("5"), "min_value": "At least 0.", "max_value": "At most 60 seconds."},
            "post_roll": {
                "invalid": NUMBER.format("10"),
                "min_value": "At least 0.",
                "max_value": "At most 600 seconds.",
            },
            "manual_hours": {
                "invalid": NUMBER.format("4"),
                "min_value": "At least 0.01, that is 36 seconds.",
                "max_value": "At most 24 hours.",
            },
            "recording_days": {"invalid": "Write a whole number of days, for instance 14.", "min_value": "At least 1."},
            "event_days": {"invalid": "Write a whole number of days, for instance 60.", "min_value": "At least 1."},
            "still_days": {"invalid": "Write a whole number of days, for instance 2.", "min_value": "At least 1."},
            "gigabytes_kept": {
                "invalid": "Write a number of gigabytes, for instance 200, or leave it empty.",
                "min_value": "At least 0.01. To record nothing, choose «never» above.",
            },
        }
        widgets = {
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}),
            "recordings_path": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "ring_replies": forms.Textarea(attrs={"rows": 5}),
            "kiosk_texts": forms.Textarea(attrs={"rows": 4}),
            "house_url": forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        }
        field_classes = {"house_url": forms.CharField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain_numbers(self.initial)
        # Set where the page only tells what would go: no folder is made for that.
        self.only_asks = False
        self.stored_folder = self.instance.recordings_path
        folder = self.fields["recordings_path"]
        folder.widget.attrs["placeholder"] = str(django_settings.MEDIA_ROOT)
        allowed = ", ".join(str(root) for root in roots())
        folder.help_text = (
            f"Empty: MEDIA_ROOT. It may lie in {allowed}; STORAGE_ROOTS allows more. "
            "Earlier recordings stay where they are and can still be played."
        )

    def clean_site_name(self) -> str:
        name: str = self.cleaned_data["site_name"]
        check_site_name(name)
        return name

    def clean_ring_replies(self) -> str:
        return check_replies(self.cleaned_data["ring_replies"])

    def clean_kiosk_texts(self) -> str:
        return check_notices(self.cleaned_data["kiosk_texts"])

    def clean_house_url(self) -> str:
        return check_address(self.cleaned_data["house_url"])

    def _post_clean(self) -> None:
        """The folder is tried last, when all else is right: trying may make it."""
        super()._post_clean()  # type: ignore[misc]
        folder = self.cleaned_data.get("recordings_path", "")
        if self.errors or self.only_asks or folder == self.stored_folder:
            return
        try:
            self.instance.recordings_path = self.cleaned_data["recordings_path"] = check_folder(folder)
        except ValidationError as error:
            self.add_error("recordings_path", error)

    def groups(self) -> list[Group]:
        house = SiteSettings.load()
        facts = {"recordings_path": where_facts, "recording_days": kept_facts}
        return [
            Group(
                question,
                [self[name] for name in names],
                facts[names[0]](house) if names[0] in facts else [],
                "recording_days" in names,
            )
            for question, names in GROUPS
        ]


def values(house: SiteSettings) -> dict[str, Any]:
    return {name: getattr(house, name) for _, names in GROUPS for name in names}
