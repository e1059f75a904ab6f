"""Rings and messages in the admin site: searched and read. Addresses and secrets of channels are on no page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from camera.footage_admin import ReadOnly, stamp
from camera.models import RingPress
from main.models import (
    Announcement,
    Attention,
    Channel,
    Delivery,
    NotifyChoice,
    PushKeys,
    RingAnswer,
    Rule,
)

if TYPE_CHECKING:
    AnyPage = admin.ModelAdmin[Any]
else:
    AnyPage = admin.ModelAdmin


@admin.register(RingAnswer)
class RingAnswerAdmin(ReadOnly, AnyPage):
    list_display = ("when", "event", "user_name", "text")
    list_select_related = ("event",)
    search_fields = ("user_name", "text", "event__camera_name")
    date_hierarchy = "at"
    fields = ("at", "event", "user", "user_name", "text")

    @admin.display(description="when", ordering="at")
    def when(self, row: RingAnswer) -> str:
        return stamp(row.at)


@admin.register(Attention)
class AttentionAdmin(ReadOnly, AnyPage):
    list_display = ("user", "rings_seen", "events_seen")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "rings_seen", "events_seen")


@admin.register(Channel)
class ChannelAdmin(ReadOnly, AnyPage):
    """Removed by its person on the page of notifications, or with the person."""

    list_display = ("name", "user", "kind", "enabled", "sent_at", "failed_at", "error")
    list_filter = ("kind", "enabled")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "error")
    fields = ("user", "kind", "name", "enabled", "made_at", "sent_at", "failed_at", "error")


@admin.register(Rule)
class RuleAdmin(ReadOnly, AnyPage):
    list_display = ("user", "of", "minutes", "pictures", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "topics", "cameras", "channels", "days", "from_time", "to_time", "minutes", "pictures", "enabled",
              "made_at")  # fmt: skip

    @admin.display(description="topics")
    def of(self, row: Rule) -> str:
        return str(row)


@admin.register(NotifyChoice)
class NotifyChoiceAdmin(ReadOnly, AnyPage):
    list_display = ("user", "quiet_from", "quiet_to", "rings_anyway", "own_rules")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "quiet_from", "quiet_to", "quiet_days", "rings_anyway", "own_rules")


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnly, AnyPage):
    list_display = ("when", "topic", "event", "expanded_at")
    list_filter = ("topic",)
    list_select_related = ("event",)
    search_fields = ("event__camera_name",)
    date_hierarchy = "made_at"
    fields = ("made_at", "topic", "event", "expanded_at")

    @admin.display(description="made", ordering="made_at")
    def when(self, row: Announcement) -> str:
        return stamp(row.made_at)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, AnyPage):
    list_display = ("when", "channel", "to", "topic", "event", "state", "tries", "error")
    list_filter = ("state", "topic", "channel__kind")
    list_select_related = ("channel__user", "event")
    search_fields = ("channel__name", "channel__user__username", "event__camera_name", "error")
    date_hierarchy = "made_at"
    fields = ("made_at", "channel", "topic", "event", "announcement", "pictures", "state", "tries", "due_at", "sent_at",
              "claimed_by", "claimed_until", "error")  # fmt: skip

    @admin.display(description="made", ordering="made_at")
    def when(self, row: Delivery) -> str:
        return stamp(row.made_at)

    @admin.display(description="to", ordering="channel__user__username")
    def to(self, row: Delivery) -> str:
        return row.channel.user.username


@admin.register(PushKeys)
class PushKeysAdmin(ReadOnly, AnyPage):
    """The public half alone."""

    list_display = ("made_at", "public")
    fields = ("made_at", "public")


@admin.register(RingPress)
class RingPressAdmin(ReadOnly, AnyPage):
    list_display = ("when", "event", "camera", "way", "sender_id")
    list_filter = ("way", "camera")
    list_select_related = ("event", "camera")
    search_fields = ("camera__name", "sender_id")
    date_hierarchy = "at"
    fields = ("at", "event", "camera", "way", "sender_id")

    @admin.display(description="when", ordering="at")
    def when(self, row: RingPress) -> str:
        return stamp(row.at)
