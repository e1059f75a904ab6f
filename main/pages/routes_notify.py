"""Addresses of notifications."""

from django.urls import URLPattern, path

from main.pages import notifications, notifications_push, notifications_rules

ROUTES: list[URLPattern] = [
    path("notifications/", notifications.index, name="notifications"),
    path("notifications/ways/", notifications.add, name="notify_add"),
    path("notifications/ways/<int:pk>/", notifications.channel, name="notify_channel"),
    path("notifications/quiet/", notifications.quiet, name="notify_quiet"),
    path("notifications/rules/add/", notifications_rules.add, name="notify_rule_add"),
    path("notifications/rules/start/", notifications_rules.start, name="notify_rules_start"),
    path("notifications/rules/<int:pk>/", notifications_rules.change, name="notify_rule"),
    path("notifications/push/", notifications_push.push, name="notify_push"),
    path("notifications/push/key/", notifications_push.key, name="notify_push_key"),
    path("notifications/picture/<int:pk>/", notifications_push.picture, name="notify_picture"),
]
