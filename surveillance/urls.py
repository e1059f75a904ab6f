"""Every address of the house. Pages ask for a log-in unless they say otherwise; each has a row in the access table."""

from django.contrib import admin
from django.urls import include, path

from main import health
from main.api.v1 import api
from main.pages import (
    cameras,
    errors,
    events,
    files,
    log_delete,
    logs,
    me,
    people,
    recording,
    recording_delete,
    recordings,
    settings,
    setup,
    wall,
    watch,
    watch_record,
)

urlpatterns = [
    path("", wall.wall, name="wall"),
    path("live/<slug:slug>/", watch.watch, name="watch"),
    path("live/<slug:slug>/stream.mjpg", watch.stream, name="stream"),
    path("live/<slug:slug>/frame.jpg", watch.frame, name="frame"),
    path("events/", events.events, name="events"),
    path("events/<int:pk>/", events.event, name="event"),
    path("events/<int:pk>/image/", events.image, name="event_image"),
    path("live/<slug:slug>/record/", watch_record.record, name="watch_record"),
    path("logs/", logs.logs, name="logs"),
    path("logs/<int:pk>/delete/", log_delete.log_delete, name="log_delete"),
    path("recordings/", recordings.recordings, name="recordings"),
    path("recordings/several/", recording_delete.several, name="recordings_several"),
    path("recordings/at/<slug:slug>/", recordings.at, name="recording_at"),
    path("recordings/<int:pk>/", recording.recording, name="recording"),
    path("recordings/<int:pk>/file/", files.file, name="recording_file"),
    path("recordings/<int:pk>/download/", files.download, name="recording_download"),
    path("recordings/<int:pk>/thumbnail/", files.thumbnail, name="recording_thumbnail"),
    path("recordings/<int:pk>/playable/", recording.playable, name="recording_playable"),
    path("recordings/<int:pk>/playable/file/", files.playable_file, name="recording_playable_file"),
    path("recordings/<int:pk>/keep/", recording.keep, name="recording_keep"),
    path("recordings/<int:pk>/delete/", recording_delete.delete, name="recording_delete"),
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
