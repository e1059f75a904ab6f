"""Every address of the house. Pages ask for a log-in unless they say otherwise; each has a row in the access table."""

from django.contrib import admin
from django.urls import include, path

from main import health
from main.api.v1 import api
from main.pages import cameras, errors, logs, me, people, settings, setup, wall, watch

urlpatterns = [
    path("", wall.wall, name="wall"),
    path("live/<slug:slug>/", watch.watch, name="watch"),
    path("live/<slug:slug>/stream.mjpg", watch.stream, name="stream"),
    path("live/<slug:slug>/frame.jpg", watch.frame, name="frame"),
    path("logs/", logs.logs, name="logs"),
    path("settings/", settings.edit, name="settings"),
    path("cameras/", cameras.index, name="cameras"),
    path("cameras/add/", cameras.add, name="camera_add"),
    path("cameras/test/", cameras.test, name="camera_test"),
    path("cameras/<slug:slug>/", cameras.edit, name="camera"),
    path("cameras/<slug:slug>/delete/", cameras.delete, name="camera_delete"),
    path("people/", people.index, name="people"),
    path("people/invite/", people.invite, name="people_invite"),
    path("people/<int:pk>/", people.change, name="person"),
    path("me/", me.me, name="me"),
    path("me/tokens/", me.add_token, name="token_add"),
    path("me/tokens/<int:pk>/delete/", me.delete_token, name="token_delete"),
    path("setup/<str:secret>/", setup.setup, name="setup"),
    path("invited/<str:secret>/", setup.invited, name="invited"),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", health.metrics, name="metrics"),
]
handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
