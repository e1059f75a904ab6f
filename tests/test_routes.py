"""The access table: every address, as alice (owner), bob (may watch Yard), charlie (a member without rights), nobody.

A route without a row fails. Numbers are the status of a GET; 405 stands where only POST is taken.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import ApiToken, Invite, User
from camera.models import Camera, Event, EventStill, Grant
from main.models import ViewingSession
from tests.access_rows import kiosk, notify, pwa, rings
from tests.archive_cast import AT, BODY, filed, picture
from tests.footage_cast import happened, looked
from tests.stills_cast import filmed, kept

# route: (alice, bob, charlie, nobody)
ACCESS: dict[str, tuple[int, int, int, int]] = {
    "": (200, 200, 200, 302),
    "wall/": (405, 405, 405, 302),
    "live/<slug:slug>/": (200, 200, 404, 302),
    "live/<slug:slug>/stream.mjpg": (200, 200, 404, 401),
    "live/<slug:slug>/frame.jpg": (503, 503, 404, 401),
    "events/": (200, 200, 200, 302),
    "events/<int:pk>/": (200, 403, 404, 302),
    "events/<int:pk>/image/": (404, 403, 404, 401),
    "events/<int:pk>/acknowledge/": (405, 405, 405, 302),
    "events/stills/<int:pk>/": (404, 403, 404, 401),
    "live/<slug:slug>/record/": (405, 405, 405, 302),
    "live/<slug:slug>/move/": (405, 405, 405, 302),
    # The yard of these tests has no motor; tests/test_move_pages.py has one that has.
    "live/<slug:slug>/presets/": (404, 403, 404, 302),
    "logs/": (200, 200, 200, 302),
    "logs/<int:pk>/delete/": (200, 200, 404, 302),
    "recordings/": (200, 200, 200, 302),
    "recordings/several/": (405, 405, 405, 302),
    "recordings/at/<slug:slug>/": (302, 403, 404, 302),
    "recordings/<int:pk>/": (200, 403, 404, 302),
    "recordings/<int:pk>/file/": (200, 403, 404, 401),
    "recordings/<int:pk>/download/": (200, 403, 404, 302),
    "recordings/<int:pk>/thumbnail/": (200, 403, 404, 401),
    "recordings/<int:pk>/playable/": (405, 403, 404, 302),
    "recordings/<int:pk>/playable/file/": (200, 403, 404, 401),
    "recordings/<int:pk>/keep/": (405, 403, 404, 302),
    "recordings/<int:pk>/delete/": (200, 403, 404, 302),
    "snapshots/": (200, 200, 200, 302),
    "snapshots/<slug:slug>/<str:day>/": (200, 403, 404, 302),
    "snapshots/<slug:slug>/<str:day>/<str:clock>.jpg": (200, 403, 404, 401),
    "snapshots/<slug:slug>/<str:day>/zip/": (200, 403, 404, 302),
    "snapshots/<slug:slug>/<str:day>/timelapse/": (302, 403, 404, 302),
    "timelapses/<int:pk>/file/": (200, 403, 404, 401),
    "timelapses/<int:pk>/download/": (200, 403, 404, 302),
    "settings/": (200, 403, 403, 302),
    "settings/what-if/": (200, 403, 403, 302),
    "usage/": (200, 200, 200, 302),
    "cameras/": (200, 200, 200, 302),
    "cameras/add/": (200, 200, 200, 302),
    "cameras/test/": (405, 405, 405, 302),
    "cameras/discover/": (200, 200, 200, 302),
    "cameras/<slug:slug>/": (200, 403, 404, 302),
    "cameras/<slug:slug>/delete/": (200, 403, 404, 302),
    "cameras/<slug:slug>/what-if/": (200, 403, 404, 302),
    "cameras/<slug:slug>/key/": (405, 405, 405, 302),
    "cameras/<slug:slug>/switches/": (404, 403, 404, 302),
    "cameras/<slug:slug>/links/": (404, 403, 404, 302),
    "webcam/": (200, 200, 200, 302),
    "webcam/join/": (200, 200, 200, 200),
    "webcam/frames/": (405, 405, 405, 405),
    "people/": (200, 200, 200, 302),
    "people/invite/": (405, 403, 403, 302),
    "people/<int:pk>/": (200, 403, 403, 302),
    "me/": (200, 200, 200, 302),
    "me/tokens/": (405, 405, 405, 302),
    "me/tokens/<int:pk>/delete/": (405, 405, 405, 302),
    "tls/": (200, 200, 200, 200),
    "tls/ca.crt": (404, 404, 404, 404),
    "tls/ca.cer": (404, 404, 404, 404),
    "outside/": (200, 403, 403, 302),
    "setup/<str:secret>/": (404, 404, 404, 404),
    "invited/<str:secret>/": (302, 302, 302, 404),
    "accounts/login/": (302, 302, 302, 200),
    "accounts/logout/": (200, 200, 200, 302),
    "accounts/signup/": (302, 302, 302, 200),
    "accounts/password/change/": (200, 200, 200, 302),
    "accounts/reauthenticate/": (200, 200, 200, 302),
    # There is no camera of that name here; tests/test_videostream_api.py has one.
    "stream": (404, 404, 404, 401),
    "api/frame": (404, 404, 404, 401),
    "api/status": (404, 404, 404, 401),
    "api/oil_spill_events": (404, 404, 404, 401),
    "api/detection_summary": (404, 404, 404, 401),
    "api/start_stream": (405, 405, 405, 405),
    "api/stop_stream": (405, 405, 405, 405),
    "api/": (404, 404, 404, 404),
    "api/openapi.json": (200, 200, 200, 401),
    "api/docs": (200, 200, 200, 302),
    "api/v1/cameras": (200, 200, 200, 401),
    "api/v1/cameras/<slug>": (200, 200, 404, 401),
    "api/v1/cameras/<slug>/record": (405, 405, 405, 405),
    "api/v1/cameras/<slug>/move": (405, 405, 405, 405),
    "api/v1/cameras/<slug>/preset/<name>": (405, 405, 405, 405),
    "api/v1/cameras/<slug>/snapshot": (405, 405, 405, 405),
    "api/v1/cameras/<slug>/frames": (405, 405, 405, 405),
    "api/v1/cameras/<slug>/ring": (405, 405, 405, 405),
    "api/upload_frame": (405, 405, 405, 405),
    "api/v1/events": (200, 200, 200, 401),
    "api/v1/recordings": (200, 200, 200, 401),
    "api/v1/viewings": (200, 200, 200, 401),
    "healthz": (503, 503, 503, 503),
    "metrics": (200, 200, 200, 200),
    **rings.ROWS,
    **kiosk.ROWS,
    **notify.ROWS,
    **pwa.ROWS,
}
ARGUMENTS = {
    "<slug:slug>": "yard",
    "<slug>": "yard",
    "<name>": "gate",
    "<str:secret>": "not-a-secret",
    "<str:day>": "2026-11-20",
    "<str:clock>": "14_02_05",
    "<int:pk>": "1",
    "<path:object_id>": "1",
    "<int:content_type_id>": "1",
}


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            yield route


def path_of(route: str) -> str:
    """The route with arguments that exist; a person is bob, a token or row number 1."""
    if route.startswith("people/"):
        route = route.replace("<int:pk>", str(User.objects.get(username="bob").pk))
    if route.startswith(("events/", "rings/", "notifications/picture/")):
        route = route.replace("<int:pk>", str(Event.objects.get().pk))
    if route.startswith("logs/"):
        route = route.replace("<int:pk>", str(ViewingSession.objects.get(user_name="bob", device="VLC").pk))
    for word, value in ARGUMENTS.items():
        route = route.replace(word, value)
    return "/" + route


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    own = {route for route in routes() if not route.startswith("admin/")}
    assert own == set(ACCESS)


@pytest.fixture
def everybody(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, client_of: Callable[[User | None], Client]
) -> list[Client]:
    event = happened(yard, timezone.now(), kind="ring")
    EventStill.objects.create(pk=event.pk, event=event, uid=event.uid, captured_at=event.started_at)
    looked(bob, yard, timezone.now(), device="VLC")
    recording = filed(yard, pk=1, playable="ready")
    picture(recording)
    recording.playable_path.write_bytes(BODY)
    kept(yard, AT)
    filmed(yard, AT.date(), pk=1)
    return [client_of(user) for user in (alice, bob, charlie, None)]


def some(found: list[str]) -> list[list[str]]:
    """A few routes for each house: to set one up takes longer than to ask."""
    return [found[at : at + 8] for at in range(0, len(found), 8)]


@pytest.mark.parametrize("these", some(list(ACCESS)), ids=lambda these: these[0])
@pytest.mark.django_db(transaction=True)
def test_access(these: list[str], everybody: list[Client]) -> None:
    found = {route: tuple(client.get(path_of(route)).status_code for client in everybody) for route in these}
    assert found == {route: ACCESS[route] for route in these}


@pytest.mark.parametrize(
    "these", some([route for route in routes() if route.startswith("admin/")]), ids=lambda these: these[0]
)
@pytest.mark.django_db(transaction=True)
def test_the_admin_site_is_the_owners(these: list[str], everybody: list[Client]) -> None:
    for route in these:
        owner, *others = (client.get(path_of(route)) for client in everybody)
        assert owner.status_code < 500, route
        open_to_all = route in ("admin/login/", "admin/logout/", "admin/jsi18n/")
        for reply in others:
            assert open_to_all or reply.status_code in (302, 403, 404, 405), (route, reply.status_code)


@pytest.mark.django_db(transaction=True)
def test_a_stranger_finds_no_trace_of_the_camera(everybody: list[Client]) -> None:
    charlie = everybody[2]
    api = ("/api/v1/cameras", "/api/v1/viewings", "/api/v1/events", "/api/v1/recordings")
    for path in ("/", "/logs/", "/events/", "/recordings/", "/cameras/", "/people/", *api):
        body = charlie.get(path).content.decode()
        assert "Yard" not in body and "yard" not in body, path


@pytest.mark.django_db(transaction=True)
def test_refusals_look_alike_for_hidden_and_missing_cameras(everybody: list[Client]) -> None:
    charlie = everybody[2]
    for template in ("/live/{}/", "/live/{}/stream.mjpg", "/live/{}/frame.jpg", "/cameras/{}/", "/api/v1/cameras/{}"):
        hidden, missing = (charlie.get(template.format(slug)) for slug in ("yard", "nowhere"))
        assert hidden.status_code == missing.status_code == 404
        assert plain(hidden).replace("yard", "") == plain(missing).replace("nowhere", "")


def plain(reply: HttpResponse) -> str:
    """The reply's text without the masked tokens against forgery, which differ each time."""
    return re.sub(r"[A-Za-z0-9]{64}", "", reply.content.decode())


@pytest.mark.django_db(transaction=True)
def test_replies_are_never_cached_nor_framed(everybody: list[Client]) -> None:
    for path in ("/", "/logs/", "/accounts/login/", "/api/v1/cameras", "/live/yard/frame.jpg", "/nowhere/", "/healthz"):
        reply = everybody[0].get(path)
        assert "no-store" in reply.headers["Cache-Control"], path
        assert reply.headers["X-Frame-Options"] == "DENY", path
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"], path


def test_odd_tokens_open_nothing(yard: Camera, alice: User) -> None:
    ApiToken.objects.issue(alice, "real")
    for value in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer 0",
        "Bearer []",
        "Bearer __proto__",
        "Basic x",
        "Basic Og==",
        "Bearer " + "x" * 100_000,
        "Bearer \u00e9",
        "Digest x",
        "Bearer None",
    ):
        reply = Client().get("/api/v1/cameras", headers={"Authorization": value})
        assert reply.status_code == 401, value


def test_an_expired_or_used_setup_link_opens_nothing(alice: User) -> None:
    _, secret = Invite.objects.issue("owner", None)
    assert Client().get(f"/setup/{secret}/").status_code == 404  # there is an owner already
