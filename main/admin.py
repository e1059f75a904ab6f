"""The owners' back room: the house's settings, and the log to search and never to change."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from allauth.account import admin as mail_admin
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth import admin as group_admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from camera import ports
from main import (
    door_admin,  # noqa: F401 (registers rings and messages)
    footage_actions,
)
from main.models import AuditEntry, LogLine, SiteSettings, ViewingSession, WallChoice
from main.settings_form import GROUPS, SettingsForm, values

if TYPE_CHECKING:
    SettingsBase = admin.ModelAdmin[SiteSettings]
    AnyAdmin = admin.ModelAdmin[Any]
else:
    SettingsBase = AnyAdmin = admin.ModelAdmin

# Importing these two has registered their models; here nobody has a mail address or belongs to a group.
for unused in (mail_admin.EmailAddress, group_admin.Group):  # type: ignore[attr-defined]
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)


def owners_only(request: HttpRequest) -> bool:
    """By the role, not by the flags made of it: a row changed by hand opens nothing."""
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_owner


admin.site.has_permission = owners_only  # type: ignore[method-assign]
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.index_title = "Everything in the house"


footage_actions.connect()


def stamp(moment: datetime) -> str:
    """The house's time to the second: two looks may lie in one minute."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


@admin.register(SiteSettings)
class SiteSettingsAdmin(SettingsBase):
    form = SettingsForm
    list_display = ["site_name", "record", "recording_days", "event_days", "still_days", "gigabytes_kept",
                    "signups_open", "videostream_open", "time_zone"]  # fmt: skip
    fieldsets = [(question, {"fields": names}) for question, names in GROUPS]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SiteSettings | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SiteSettings, form: Any, change: bool) -> None:
        before = values(SiteSettings.load())
        if form.changed_data:
            obj.save(update_fields=form.changed_data)
        ports.on_change(str(request.user), "changed the house's settings", before, values(obj))


class ReadOnly(AnyAdmin):
    """Rows that the house writes: searched and read, never added to, changed or deleted."""

    list_per_page = 100
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ViewingSession)
class ViewingSessionAdmin(ReadOnly):
    list_display = ["started", "user_name", "camera_name", "lasted", "transport", "device", "address"]
    list_filter = ["started_at", "transport", "user_name", "camera_name"]
    search_fields = ["user_name", "camera_name", "camera_slug", "device", "address"]
    date_hierarchy = "started_at"
    fields = [
        "user_name", "user", "camera_name", "camera_slug", "camera", "transport", "device", "address", "bytes",
        "started_at", "last_seen_at", "left_at", "ended_at", "lasted", "delay_median", "delay_max",
        "recording", "footage_at", "hidden_at",
    ]  # fmt: skip
    readonly_fields = ["lasted"]

    @admin.display(description="started", ordering="started_at")
    def started(self, viewing: ViewingSession) -> str:
        return stamp(viewing.started_at)

    @admin.display(description="lasted")
    def lasted(self, viewing: ViewingSession) -> str:
        minutes, seconds = divmod(round(viewing.seconds), 60)
        lasted = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        return lasted if viewing.ended_at else f"{lasted}, still open"


@admin.register(LogLine)
class LogLineAdmin(ReadOnly):
    list_display = ["when", "user_name", "what", "camera_name", "viewing_id", "hash_begins"]
    list_filter = ["at", "what", "user_name", "camera_name"]
    search_fields = ["user_name", "camera_name"]
    date_hierarchy = "at"
    fields = [
        "at",
        "what",
        "user_name",
        "user_id",
        "camera_name",
        "camera_id",
        "viewing_id",
        "details",
        "previous",
        "hash",
    ]

    @admin.display(description="when", ordering="at")
    def when(self, line: LogLine) -> str:
        return stamp(line.at)

    @admin.display(description="hash")
    def hash_begins(self, line: LogLine) -> str:
        return line.hash[:12]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ["when", "actor", "what", "was", "became"]
    list_filter = ["at", "actor"]
    search_fields = ["actor", "what"]
    date_hierarchy = "at"
    fields = ["at", "actor", "what", "before", "after"]

    @admin.display(description="when", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return stamp(entry.at)

    @admin.display(description="before")
    def was(self, entry: AuditEntry) -> str:
        return _told(entry.before)

    @admin.display(description="after")
    def became(self, entry: AuditEntry) -> str:
        return _told(entry.after)


@admin.register(WallChoice)
class WallChoiceAdmin(ReadOnly):
    """Without its row a person's wall is laid out as the house orders it; it goes with the person."""

    list_display = ["user", "layout"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    fields = ["user", "layout", "order"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return owners_only(request)


def _told(values: dict[str, Any]) -> str:
    text = ", ".join(f"{name}: {value}" for name, value in values.items())
    return text if len(text) <= 120 else text[:119] + "…"
