"""The camera form's sections Recording and Detection: what a camera has of its own, beside what the house has."""

from typing import TYPE_CHECKING, Any

from django import forms

from camera.models import Camera, Detect, RecordMode
from camera.words import many
from main.models import SiteSettings

if TYPE_CHECKING:
    Form = forms.ModelForm[Camera]
else:
    Form = forms.ModelForm

OWN_OR_HOUSE = ("record", "pre_roll", "post_roll", "days_kept", "gigabytes_kept")
DETECTION = ("detect", "sensitivity", "min_area")
RECORDING_FIELDS = (*OWN_OR_HOUSE, "stills_every", "audio", "doorbell", *DETECTION)
LABELS = {
    "record": "Recorded",
    "pre_roll": "Seconds before a motion",
    "post_roll": "Seconds after a motion",
    "days_kept": "Days kept",
    "gigabytes_kept": "Gigabytes kept",
    "stills_every": "Stills every … seconds, 0 for none",
    "audio": "Record sound too",
    "doorbell": "Somebody can ring here",
    "detect": "Motion detection",
    "sensitivity": "Sensitivity",
    "min_area": "Smallest motion, in percent of the picture",
}
NUMBERS = {
    "pre_roll": ("Write a number of seconds, for instance 5.", "At least 0.", "At most 60 seconds."),
    "post_roll": ("Write a number of seconds, for instance 10.", "At least 0.", "At most 600 seconds."),
    "days_kept": ("Write a whole number of days, for instance 14.", "At least 1 day.", "At most 36500 days."),
    "gigabytes_kept": ("Write a number, for instance 50.", "At least 0.01.", "At most a million."),
    "stills_every": ("Write a whole number of seconds, for instance 5.", "At least 0.", "At most 3600, an hour."),
    "sensitivity": ("Write a whole number from 1 to 100.", "At least 1.", "At most 100."),
    "min_area": ("Write a number, for instance 0.15.", "At least 0.01 percent.", "At most 50 percent."),
}
# From 1 to 100 in five steps; static/js/camera.js goes on with them.
SENSITIVITY = ("only what is large and plain", "low", "medium", "high", "the faintest change")


def sensitivity_in_words(value: Any) -> str:
    """«medium» for 50; nothing for what is no sensitivity."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return ""
    return SENSITIVITY[(number - 1) // 20] if 1 <= number <= 100 else ""


def house_values(house: SiteSettings) -> dict[str, str]:
    """The house's value for each field that a camera may leave empty, in words."""
    room = f"{house.gigabytes_kept:g}, all cameras together" if house.gigabytes_kept is not None else "what fits"
    return {
        "record": str(RecordMode(house.record).label),
        "pre_roll": f"{house.pre_roll:g}",
        "post_roll": f"{house.post_roll:g}",
        "days_kept": str(house.recording_days),
        "gigabytes_kept": room,
    }


class RecordingForm(Form):
    """A model form with these fields in it sets them up and checks them here. An empty own value means the house's."""

    instance: Camera

    def set_up_recording(self) -> None:
        house = SiteSettings.load()
        self.house_values = house_values(house)
        for name, label in LABELS.items():
            field = self.fields[name]
            field.label, field.required, field.help_text = label, False, ""
            if name in NUMBERS:
                field.error_messages |= dict(zip(("invalid", "min_value", "max_value"), NUMBERS[name], strict=True))
        self._set_up_choices()
        self._set_up_house_values()
        self.fields["sensitivity"].widget = forms.NumberInput(
            attrs={"type": "range", "min": 1, "max": 100, "step": 1, "data-words": "|".join(SENSITIVITY)}
        )
        self.fields["audio"].help_text = (
            "Many laws forbid recording what people say without their knowing; it may be a crime. Switch this on only "
            "when everybody who may be heard knows, visitors too."
        )
        self.fields["doorbell"].help_text = (
            "Whoever may watch it is told at once, with a picture. A ring is recorded from ten seconds before, which "
            "are kept in memory for that; unless the camera is recorded «never»."
        )
        days = many(house.still_days, "day")
        self.fields["stills_every"].help_text = f"Pictures to leaf through, kept {days}, whether or not it is recorded."
        self.fields["min_area"].help_text = "0.15 is a cat far off; 1 a person in the middle distance."

    def _set_up_choices(self) -> None:
        as_house = f"as the house ({self.house_values['record']})"
        self.fields["record"].choices = [("", as_house), *RecordMode.choices]  # type: ignore[attr-defined]
        self.fields["detect"].choices = Detect.choices  # type: ignore[attr-defined]

    def _set_up_house_values(self) -> None:
        """Placeholders show the house's; where the camera has its own, the text beneath says so."""
        for name in OWN_OR_HOUSE[1:]:
            value, field = self.house_values[name], self.fields[name]
            field.widget.attrs["placeholder"] = f"as the house: {value}"
            if self.initial.get(name) is not None:
                field.help_text = f"Its own. The house’s: {value}. Empty it to do as the house."
        if not self.fields["gigabytes_kept"].help_text:
            self.fields["gigabytes_kept"].help_text = "Empty: only the house’s limit counts."

    @property
    def own_values(self) -> bool:
        """Whether the camera has a recording value of its own."""
        return any(self.initial.get(name) not in (None, "") for name in OWN_OR_HOUSE)

    @property
    def sensitivity_words(self) -> str:
        return sensitivity_in_words(self["sensitivity"].value())

    def clean_detect(self) -> str:
        given: str = self.cleaned_data["detect"]
        return given or self.instance.detect

    def clean_stills_every(self) -> int:
        given: int | None = self.cleaned_data["stills_every"]
        return self.instance.stills_every if given is None else given

    def clean_sensitivity(self) -> int:
        given: int | None = self.cleaned_data["sensitivity"]
        return self.instance.sensitivity if given is None else given

    def clean_min_area(self) -> float:
        given: float | None = self.cleaned_data["min_area"]
        return self.instance.min_area if given is None else given

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("record") == RecordMode.MOTION and cleaned.get("detect") == Detect.OFF:
            self.add_error("detect", "A camera recorded when something moves needs a motion detection.")
        return cleaned

    @property
    def never_recorded(self) -> bool:
        """It does as the house, the house records motion, and the camera detects none."""
        moving = self.house_values["record"] == RecordMode.MOTION.label
        return moving and not self["record"].value() and self["detect"].value() == Detect.OFF


def in_words(camera: Camera) -> dict[str, Any]:
    """These columns as the audit tells them."""
    told: dict[str, Any] = {_told_as(name): getattr(camera, name) for name in RECORDING_FIELDS}
    for name in OWN_OR_HOUSE:
        if told[_told_as(name)] in (None, ""):
            told[_told_as(name)] = "as the house"
    return told


def _told_as(name: str) -> str:
    return "seconds from still to still" if name == "stills_every" else LABELS[name].lower()
