"""Recordings and events in the admin site: to be looked at, not changed; deleting goes by the pages of the house."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from camera.footage import Event, Recording, RecordRequest, Storage

if TYPE_CHECKING:
    RecordingPage = admin.ModelAdmin[Recording]
    EventPage = admin.ModelAdmin[Event]
    StoragePage = admin.ModelAdmin[Storage]
    RequestPage = admin.ModelAdmin[RecordRequest]
else:
    RecordingPage = EventPage = StoragePage = RequestPage = admin.ModelAdmin


class ReadOnly:
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Recording)
class RecordingAdmin(ReadOnly, RecordingPage):
    list_display = ("started_at", "camera_name", "trigger", "state", "seconds", "bytes", "kept_at")
    list_filter = ("state", "trigger", "camera")
    date_hierarchy = "started_at"
    show_full_result_count = False


@admin.register(Event)
class EventAdmin(ReadOnly, EventPage):
    list_display = ("started_at", "kind", "camera_name", "score", "ended_at")
    list_filter = ("kind", "camera")
    date_hierarchy = "started_at"
    show_full_result_count = False


@admin.register(Storage)
class StorageAdmin(ReadOnly, StoragePage):
    list_display = ("path", "made_at")


@admin.register(RecordRequest)
class RecordRequestAdmin(ReadOnly, RequestPage):
    list_display = ("made_at", "camera", "user_name", "session", "until")
