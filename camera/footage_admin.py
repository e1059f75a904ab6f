"""Recordings and events in the admin site: searched and looked at, not changed. main/admin.py adds what can be done."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from camera import words
from camera.footage import Event, Gap, Recording, RecordRequest, Storage

if TYPE_CHECKING:
    RecordingPage = admin.ModelAdmin[Recording]
    EventPage = admin.ModelAdmin[Event]
    StoragePage = admin.ModelAdmin[Storage]
    RequestPage = admin.ModelAdmin[RecordRequest]
    GapPage = admin.ModelAdmin[Gap]
else:
    RecordingPage = EventPage = StoragePage = RequestPage = GapPage = admin.ModelAdmin

NOTHING = "–"


class ReadOnly:
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class KeptFilter(admin.SimpleListFilter):
    title = "kept"
    parameter_name = "kept"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Marked as kept"), ("no", "Not marked")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Recording]") -> "QuerySet[Recording]":
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(kept_at__isnull=self.value() == "no")


def stamp(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else NOTHING


def row_link(row: Model | None, name: str = "") -> str:
    """A link to a row's page in the admin site."""
    if row is None:
        return name or NOTHING
    to = reverse(f"admin:camera_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', to, name or row)


def picture(path: str, width: int) -> str:
    """Through the house's own pages, where access is checked."""
    return format_html('<img src="{0}" width="{1}" alt="" loading="lazy">', path, width)


@admin.register(Recording)
class RecordingAdmin(ReadOnly, RecordingPage):
    list_display = ("small", "began", "at_camera", "trigger", "state", "lasts", "takes", "what_happened", "kept_shown",
                    "player")  # fmt: skip
    list_display_links = ("began",)
    list_filter = ("state", "trigger", KeptFilter, "codec", "camera", "storage")
    list_select_related = ("camera",)
    list_per_page = 50
    search_fields = ("camera_name", "camera_slug", "uid")
    search_help_text = "Name of a camera, or a recording's uid"
    date_hierarchy = "started_at"
    show_full_result_count = False
    fields = (
        "large", "player", "at_camera", "camera_name", "camera_slug", "started_at", "ended_at", "lasts", "takes",
        "bytes", "state", "detail", "trigger", "reasons", "people", "codec", "width", "height", "audio", "storage",
        "file", "sha256", "uid", "playable", "kept_at", "kept_by", "what_happened",
    )  # fmt: skip
    readonly_fields = ("large", "player", "at_camera", "lasts", "takes", "what_happened")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Recording]":
        """What is about to be deleted is on no page any more."""
        found = super().get_queryset(request).filter(delete_requested_at=None)
        return found.annotate(happenings=Count("events"))

    @admin.display(description="picture")
    def small(self, recording: Recording) -> str:
        return picture(f"/recordings/{recording.pk}/thumbnail/", 80) if recording.thumbnail else NOTHING

    @admin.display(description="picture")
    def large(self, recording: Recording) -> str:
        return picture(f"/recordings/{recording.pk}/thumbnail/", 320) if recording.thumbnail else NOTHING

    @admin.display(description="began", ordering="started_at")
    def began(self, recording: Recording) -> str:
        return stamp(recording.started_at)

    @admin.display(description="camera", ordering="camera_name")
    def at_camera(self, recording: Recording) -> str:
        return row_link(recording.camera, recording.camera_name)

    @admin.display(description="length", ordering="seconds")
    def lasts(self, recording: Recording) -> str:
        return words.span(recording.seconds)

    @admin.display(description="size", ordering="bytes")
    def takes(self, recording: Recording) -> str:
        return words.size(recording.bytes)

    @admin.display(description="kept", ordering="kept_at")
    def kept_shown(self, recording: Recording) -> str:
        return f"by {recording.kept_by}" if recording.kept else NOTHING

    @admin.display(description="events")
    def what_happened(self, recording: Recording) -> str:
        count = int(getattr(recording, "happenings", 0))
        to = reverse("admin:camera_event_changelist")
        return format_html('<a href="{}?recording__id__exact={}">{}</a>', to, recording.pk, count) if count else "0"

    @admin.display(description="page")
    def player(self, recording: Recording) -> str:
        return format_html('<a href="/recordings/{}/">player</a>', recording.pk)


@admin.register(Event)
class EventAdmin(ReadOnly, EventPage):
    list_display = ("small", "began", "kind", "at_camera", "label", "percent", "lasted", "in_recording", "page")
    list_display_links = ("began",)
    list_filter = ("kind", ("ended_at", admin.EmptyFieldListFilter), "camera")
    list_select_related = ("camera", "recording")
    list_per_page = 50
    search_fields = ("camera_name", "camera_slug", "uid", "label")
    search_help_text = "Name of a camera, a label, or an event's uid"
    date_hierarchy = "started_at"
    show_full_result_count = False
    fields = (
        "large", "page", "kind", "label", "at_camera", "camera_name", "camera_slug", "started_at", "ended_at", "lasted",
        "score", "boxes", "in_recording", "image", "clean_image", "uid", "changed_at",
    )  # fmt: skip
    readonly_fields = ("large", "page", "at_camera", "lasted", "in_recording")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Event]":
        """What is about to be deleted is on no page any more."""
        return super().get_queryset(request).filter(delete_requested_at=None)

    @admin.display(description="picture")
    def small(self, event: Event) -> str:
        return picture(f"/events/{event.pk}/image/", 80) if event.image else NOTHING

    @admin.display(description="picture")
    def large(self, event: Event) -> str:
        return picture(f"/events/{event.pk}/image/", 640) if event.image else NOTHING

    @admin.display(description="began", ordering="started_at")
    def began(self, event: Event) -> str:
        return stamp(event.started_at)

    @admin.display(description="camera", ordering="camera_name")
    def at_camera(self, event: Event) -> str:
        return row_link(event.camera, event.camera_name)

    @admin.display(description="score", ordering="score")
    def percent(self, event: Event) -> str:
        return f"{event.score:.0%}" if event.score else NOTHING

    @admin.display(description="lasted")
    def lasted(self, event: Event) -> str:
        if event.ended_at is None:
            return "still open"
        return words.span((event.ended_at - event.started_at).total_seconds())

    @admin.display(description="recording")
    def in_recording(self, event: Event) -> str:
        found = event.recording
        gone = found is None or found.delete_requested_at is not None
        return NOTHING if gone else row_link(found, str(event.recording_id))

    @admin.display(description="page")
    def page(self, event: Event) -> str:
        return format_html('<a href="/events/{}/">page</a>', event.pk)


@admin.register(Storage)
class StorageAdmin(ReadOnly, StoragePage):
    list_display = ("path", "made_at", "holds", "takes")
    fields = ("path", "made_at", "holds", "takes")
    readonly_fields = ("holds", "takes")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Storage]":
        return super().get_queryset(request).annotate(held=Count("recordings"), taken=Sum("recordings__bytes"))

    @admin.display(description="recordings")
    def holds(self, storage: Storage) -> str:
        to = reverse("admin:camera_recording_changelist")
        count = getattr(storage, "held", 0)
        return format_html('<a href="{}?storage__id__exact={}">{}</a>', to, storage.pk, count)

    @admin.display(description="size")
    def takes(self, storage: Storage) -> str:
        return words.size(getattr(storage, "taken", 0) or 0)


@admin.register(RecordRequest)
class RecordRequestAdmin(ReadOnly, RequestPage):
    list_display = ("made_at", "camera", "user_name", "session", "until")
    list_filter = ("camera", "user_name")
    search_fields = ("camera__name", "user_name")
    list_select_related = ("camera",)
    date_hierarchy = "made_at"


@admin.register(Gap)
class GapAdmin(ReadOnly, GapPage):
    """Times of which there are no pictures."""

    list_display = ("camera", "cause", "started_at", "ended_at")
    list_filter = ("camera", "cause")
    list_select_related = ("camera",)
    date_hierarchy = "started_at"
