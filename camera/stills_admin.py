"""Flagged pictures, what each hour takes, and time-lapses in the admin site: searched and looked at, not changed."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from camera import words
from camera.footage import EventStill
from camera.footage_admin import NOTHING, ReadOnly, picture, row_link, stamp
from camera.hours import HourUsage, TimeLapse

if TYPE_CHECKING:
    StillPage = admin.ModelAdmin[EventStill]
    UsagePage = admin.ModelAdmin[HourUsage]
    FilmPage = admin.ModelAdmin[TimeLapse]
else:
    StillPage = UsagePage = FilmPage = admin.ModelAdmin


class OnePage:
    """What several pages show alike."""

    @admin.display(description="size", ordering="bytes")
    def takes(self, row: EventStill | HourUsage | TimeLapse) -> str:
        return words.size(row.bytes)

    @admin.display(description="camera", ordering="camera_slug")
    def at_camera(self, row: HourUsage | TimeLapse) -> str:
        return row_link(row.camera, row.camera.name if row.camera is not None else row.camera_slug)


@admin.register(EventStill)
class EventStillAdmin(ReadOnly, OnePage, StillPage):
    list_display = ("small", "taken", "of_event", "takes", "uid")
    list_display_links = ("taken",)
    list_filter = ("event__kind", "event__camera")
    list_select_related = ("event",)
    list_per_page = 50
    search_fields = ("event__camera_name", "event__camera_slug", "event__sender_id", "uid")
    search_help_text = "Name of a camera, what the sender calls the event, or a picture's uid"
    date_hierarchy = "captured_at"
    show_full_result_count = False
    fields = ("large", "of_event", "captured_at", "image", "takes", "bytes", "sha256", "uid")
    readonly_fields = ("large", "of_event", "takes")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[EventStill]":
        """What is about to be deleted is on no page any more."""
        return super().get_queryset(request).filter(event__delete_requested_at=None)

    @admin.display(description="picture")
    def small(self, still: EventStill) -> str:
        return picture(f"/events/stills/{still.pk}/", 80)

    @admin.display(description="picture")
    def large(self, still: EventStill) -> str:
        return picture(f"/events/stills/{still.pk}/", 640)

    @admin.display(description="captured", ordering="captured_at")
    def taken(self, still: EventStill) -> str:
        return stamp(still.captured_at)

    @admin.display(description="event", ordering="event")
    def of_event(self, still: EventStill) -> str:
        return row_link(still.event)


@admin.register(HourUsage)
class HourUsageAdmin(ReadOnly, OnePage, UsagePage):
    list_display = ("began", "at_camera", "kind", "files", "takes", "pictures")
    list_filter = ("kind", "camera")
    list_select_related = ("camera",)
    list_per_page = 100
    search_fields = ("camera_slug", "camera__name")
    search_help_text = "Name of a camera"
    date_hierarchy = "hour"
    show_full_result_count = False
    fields = ("at_camera", "camera_slug", "hour", "kind", "files", "takes", "bytes", "pictures")
    readonly_fields = ("at_camera", "takes", "pictures")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[HourUsage]":
        """What is about to be deleted is on no page any more."""
        return super().get_queryset(request).filter(delete_requested_at=None)

    @admin.display(description="hour", ordering="hour")
    def began(self, row: HourUsage) -> str:
        return stamp(row.hour)

    @admin.display(description="page")
    def pictures(self, row: HourUsage) -> str:
        if row.kind != HourUsage.Kind.STILLS or row.camera is None:
            return NOTHING
        at = timezone.localtime(row.hour)
        return format_html('<a href="/snapshots/{}/{}/?hour={}">stills</a>', row.camera_slug, f"{at:%Y-%m-%d}", at.hour)


@admin.register(TimeLapse)
class TimeLapseAdmin(ReadOnly, OnePage, FilmPage):
    list_display = ("day", "at_camera", "state", "percent", "pictures", "takes", "wanted_by", "asked", "film")
    list_filter = ("state", "wanted_by", "camera")
    list_select_related = ("camera",)
    list_per_page = 50
    search_fields = ("camera_name", "camera_slug", "wanted_by", "uid")
    search_help_text = "Name of a camera or a person, or a film's uid"
    date_hierarchy = "day"
    show_full_result_count = False
    fields = (
        "film", "at_camera", "camera_name", "camera_slug", "day", "begin", "end", "state", "percent", "detail",
        "pictures", "takes", "bytes", "file", "uid", "wanted_by", "wanted_at", "made_at",
    )  # fmt: skip
    readonly_fields = ("film", "at_camera", "takes")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[TimeLapse]":
        """What is about to be deleted is on no page any more."""
        return super().get_queryset(request).filter(delete_requested_at=None)

    @admin.display(description="asked", ordering="wanted_at")
    def asked(self, film: TimeLapse) -> str:
        return stamp(film.wanted_at)

    @admin.display(description="film")
    def film(self, film: TimeLapse) -> str:
        if film.state != TimeLapse.State.READY:
            return NOTHING
        return format_html('<a href="/timelapses/{}/file/">film</a>', film.pk)
