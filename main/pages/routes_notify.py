"""Addresses of notifications."""

from django.urls import URLPattern, path

from main.pages import notifications_push

ROUTES: list[URLPattern] = [
    path("notifications/push/", notifications_push.push, name="notify_push"),
    path("notifications/push/key/", notifications_push.key, name="notify_push_key"),
    path("notifications/picture/<int:pk>/", notifications_push.picture, name="notify_picture"),
]
