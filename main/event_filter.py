"""The filter of the events' page: what may be asked, and the events that answer it."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Event, Right
from main.acknowledging import ASKING
from main.log_filter import DAY_WORDS, DayField, midnight

NAMES = ("camera", "kind", "from", "to", "waits")
KIND_WORDS = {
    Event.Kind.MOTION: "Motion",
    Event.Kind.PERSON: "Person",
    Event.Kind.VEHICLE: "Vehicle",
    Event.Kind.ANIMAL: "Animal",
    Event.Kind.SPILL: "Oil spill",
    Event.Kind.RING: "Somebody rang",
    Event.Kind.CAMERA_OFFLINE: "Camera offline",
    Event.Kind.SYSTEM: "The house",
}


class EventFilter(forms.Form):
    """Fields camera (a slug), kind, from, to (days in the house's zone, both included); all may be empty."""

    def __init__(self, data: QueryDict, actor: Actor) -> None:
        super().__init__(data)
        self.events = Event.objects.allowed(actor, Right.PLAYBACK)
        self.cameras: list[Camera] = list(Camera.objects.allowed(actor, Right.PLAYBACK))
        kinds = [(kind, words) for kind, words in KIND_WORDS.items() if actor.is_owner or kind != Event.Kind.SYSTEM]
        self.fields["camera"] = forms.ChoiceField(
            label="Camera",
            required=False,
            choices=[("", "all cameras"), *((one.slug, one.name) for one in self.cameras)],
            error_messages={"invalid_choice": "There is no camera of that name whose events you may see."},
        )
        self.fields["kind"] = forms.ChoiceField(
            label="What",
            required=False,
            choices=[("", "everything"), *kinds],
            error_messages={"invalid_choice": "There is no such kind of event."},
        )
        # `from` is a word of the language, so the fields cannot be attributes of the class.
        wrong = {"invalid": DAY_WORDS}
        self.fields["from"] = DayField(label="From", required=False, error_messages=wrong)
        self.fields["to"] = DayField(label="To", required=False, error_messages=wrong)
        self.fields["waits"] = forms.ChoiceField(
            label="Acknowledged",
            required=False,
            choices=[("", "or not"), ("1", "not yet")],
            error_messages={"invalid_choice": "Write 1, or nothing."},
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("from"), values.get("to")
        if first and last and first > last:
            self.add_error("to", "This day is before the first one.")
        return values

    def found(self) -> QuerySet[Event]:
        """The events asked for, newest first; none while a field is wrong."""
        if not self.is_valid():
            return Event.objects.none()
        values, events = self.cleaned_data, self.events
        if values["camera"]:
            chosen = next(one for one in self.cameras if one.slug == values["camera"])
            events = events.filter(camera=chosen)
        if values["kind"]:
            events = events.filter(kind=values["kind"])
        elif values["waits"]:
            events = events.filter(kind__in=ASKING)
        if values["waits"]:
            events = events.filter(acknowledged_at=None)
        if values["from"]:
            events = events.filter(started_at__gte=midnight(values["from"]))
        if values["to"]:
            events = events.filter(started_at__lt=midnight(values["to"] + timedelta(days=1)))
        return events.select_related("camera", "recording").order_by("-started_at", "-pk")

    def chosen(self, query: QueryDict) -> dict[str, str]:
        """The filters that are on, each in words."""
        values = self.cleaned_data
        names = {one.slug: one.name for one in self.cameras}
        words = {
            "camera": f"of {names.get(values['camera'], '')}" if values["camera"] else "",
            "kind": KIND_WORDS.get(values["kind"], "") if values["kind"] else "",
            "from": f"since {values['from']:%Y-%m-%d}" if values["from"] else "",
            "to": f"until {values['to']:%Y-%m-%d}" if values["to"] else "",
            "waits": "not acknowledged yet" if values["waits"] else "",
        }
        return {name: text for name, text in words.items() if text}


def url(query: QueryDict, **changes: str | None) -> str:
    """This list with some filters changed, None for without; always from its newest unless `before` is given."""
    values = {name: query.get(name, "") for name in NAMES} | changes
    new = QueryDict(mutable=True)
    new.update({name: value for name, value in values.items() if value})
    return f"?{new.urlencode()}"


def cursor(event: Event) -> str:
    """Where the page behind this event begins."""
    return f"{int(event.started_at.timestamp() * 1_000_000)}-{event.pk}"


def after(found: QuerySet[Event], text: str) -> QuerySet[Event]:
    """Those older than the cursor; all when it is none."""
    micros, _, pk = text.partition("-")
    if not (micros.isdecimal() and pk.isdecimal() and micros.isascii() and pk.isascii()):
        return found
    if len(micros) > 17 or len(pk) > 18:
        return found
    at = datetime.fromtimestamp(0, timezone.get_current_timezone()) + timedelta(microseconds=int(micros))
    return found.filter(started_at__lte=at).filter(Q(started_at__lt=at) | Q(pk__lt=int(pk)))
