"""The filter of the log page: what may be asked, and the sessions that answer it."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Right
from main.models import ViewingSession

NAMES_FROM = 500
DAY_WORDS = "Write a day like 2026-11-21."


def readable(actor: Actor) -> Q:
    """The sessions `actor` may read: their own, and those of cameras whose log is theirs to read. Owners: all."""
    if actor.is_owner:
        return Q()
    cameras = list(Camera.objects.allowed(actor, Right.LOG).values_list("pk", flat=True))
    return Q(user_id=actor.user_id) | Q(camera_id__in=cameras)


class DayField(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    input_formats = ("%Y-%m-%d",)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not 2000 <= value.year < 2100:
            raise forms.ValidationError("That is not a day of this century.")


class LogFilter(forms.Form):
    """Fields from, to (days in the house's zone, both included), user (a name), camera (a slug); all may be empty."""

    def __init__(self, data: QueryDict, actor: Actor) -> None:
        super().__init__(data)
        self.sessions = ViewingSession.objects.filter(readable(actor), hidden_at=None)
        wrong = {"invalid": DAY_WORDS}
        # `from` is a word of the language, so the fields cannot be attributes of the class.
        self.fields["from"] = DayField(label="From", required=False, error_messages=wrong)
        self.fields["to"] = DayField(label="To", required=False, error_messages=wrong)
        self.fields["user"] = forms.CharField(label="Who", required=False, max_length=150)
        self.fields["user"].widget.attrs |= {"list": "names", "autocomplete": "off"}
        cameras = Camera.objects.all() if actor.is_owner else self._cameras(actor)
        self.fields["camera"] = forms.ChoiceField(
            label="Camera",
            required=False,
            choices=[("", "all cameras"), *cameras.values_list("slug", "name")],
            error_messages={"invalid_choice": "There is no camera of that name in your log."},
        )

    @staticmethod
    def _cameras(actor: Actor) -> QuerySet[Camera]:
        either = Camera.objects.allowed(actor, Right.LOG) | Camera.objects.allowed(actor, Right.WATCH)
        return either.distinct()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("from"), values.get("to")
        if first and last and first > last:
            self.add_error("to", "This day is before the first one.")
        return values

    def found(self) -> QuerySet[ViewingSession]:
        """The sessions asked for, newest first; none while a field is wrong."""
        if not self.is_valid():
            return ViewingSession.objects.none()
        values = self.cleaned_data
        sessions = self.sessions
        if values["from"]:
            sessions = sessions.filter(started_at__gte=midnight(values["from"]))
        if values["to"]:
            sessions = sessions.filter(started_at__lt=midnight(values["to"] + timedelta(days=1)))
        if values["user"]:
            sessions = sessions.filter(user_name__iexact=values["user"])
        if values["camera"]:
            sessions = sessions.filter(camera_slug=values["camera"])
        return sessions.order_by("-started_at", "-pk")

    def names(self) -> list[str]:
        """Names to choose from: of those in the newest sessions."""
        newest = self.sessions.order_by("-started_at", "-pk").values("user_name")[:NAMES_FROM]
        return sorted({row["user_name"] for row in newest}, key=str.casefold)


def midnight(day: date) -> datetime:
    """The beginning of that day in the house."""
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_current_timezone())
