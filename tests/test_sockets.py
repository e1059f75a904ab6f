"""/ws/live/ through the real server and a real client."""

import json
import socket as sockets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from django.db import connection
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.models import ApiToken, User
from camera.live import hub as hub_module
from camera.models import Camera, Grant
from main import viewings, watchers
from main.models import LogLine, SiteSettings, ViewingSession
from tests.house import wait_for
from tests.live_house import DOT, Voice, Web, cookie_of

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "127.0.0.1"


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def porch(alice: User) -> Camera:
    return Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)


def say(socket: ClientConnection, message: object) -> None:
    socket.send(json.dumps(message))


def text(socket: ClientConnection, key: str, check: Callable[[Any], bool] = lambda value: True) -> Any:
    """The value of the next text message with `key` that passes the check."""
    deadline = time.monotonic() + 8
    while True:
        message = socket.recv(timeout=max(0.01, deadline - time.monotonic()))
        if isinstance(message, str):
            value = json.loads(message).get(key)
            if value is not None and check(value):
                return value


def picture(socket: ClientConnection) -> tuple[int, int, float, bytes]:
    """The next binary message: channel, kind, capture time, payload."""
    deadline = time.monotonic() + 8
    while True:
        message = socket.recv(timeout=max(0.01, deadline - time.monotonic()))
        if isinstance(message, bytes):
            return (*struct.unpack(">BBd", message[:10]), message[10:])


def closing(socket: ClientConnection) -> int:
    """The code the server closes with."""
    with pytest.raises(ConnectionClosed):
        while True:
            socket.recv(timeout=11)
    assert socket.close_code is not None
    return socket.close_code


def known(voice: Voice, *cameras: Camera) -> None:
    wait_for(lambda: all(hub_module.current_hub().state(one.pk).state == "online" for one in cameras), 5, "the states")


def test_pictures_come_as_the_contract_says(
    web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant
) -> None:
    voice.online(yard.pk, width=640, height=360, codec="mjpeg")
    known(voice, yard)
    with web.socket(Cookie=cookie_of(bob)) as socket:
        say(socket, {"watch": [{"camera": "yard", "as": "jpeg", "size": "full"}]})
        (tile,) = text(socket, "cameras")
        assert tile == {
            "camera": "yard",
            "channel": tile["channel"],
            "as": "jpeg",
            "mime": "image/jpeg",
            "width": 640,
            "height": 360,
            "sound": False,
        }
        state = text(socket, "state")
        assert {"camera", "state", "reason", "fps", "recording", "watching"} <= set(state)
        assert (state["camera"], state["state"], state["reason"], state["fps"], state["recording"]) == (
            "yard",
            "online",
            None,
            10,
            False,
        )
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        at = voice.frame(yard.pk, DOT + b"as it came")
        assert picture(socket) == (tile["channel"], 3, at, DOT + b"as it came")


def test_mp4_is_answered_with_what_there_is(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    voice.online(yard.pk)
    with web.socket(Cookie=cookie_of(alice)) as socket:
        say(socket, {"watch": [{"camera": "yard", "as": "mp4", "size": "small", "rate": 2.5}]})
        assert text(socket, "cameras")[0]["as"] == "jpeg"


def test_several_tiles_come_on_one_socket(web: Web, voice: Voice, yard: Camera, porch: Camera, alice: User) -> None:
    voice.online(yard.pk)
    voice.online(porch.pk)
    known(voice, yard, porch)
    with web.socket(Cookie=cookie_of(alice)) as socket:
        say(socket, {"watch": [{"camera": "yard"}, {"camera": "porch"}]})
        channels = {tile["camera"]: tile["channel"] for tile in text(socket, "cameras")}
        assert len(set(channels.values())) == 2
        wait_for(lambda: voice.watched(yard.pk) and voice.watched(porch.pk), 5, "the subscriptions")
        voice.frame(yard.pk, b"the yard")
        voice.frame(porch.pk, b"the porch")
        got = {channel: data for channel, _, _, data in (picture(socket), picture(socket))}
        assert got == {channels["yard"]: b"the yard", channels["porch"]: b"the porch"}
        # Another wish replaces the set; what stays keeps its channel.
        say(socket, {"watch": [{"camera": "porch"}]})
        assert [(tile["camera"], tile["channel"]) for tile in text(socket, "cameras")] == [("porch", channels["porch"])]
        say(socket, {"watch": [{"camera": "yard"}, {"camera": "porch"}]})
        again = {tile["camera"]: tile["channel"] for tile in text(socket, "cameras")}
        assert again["porch"] == channels["porch"] and again["yard"] not in channels.values()
        assert ViewingSession.objects.count() == 2


def test_states_come_at_once_at_every_change_and_about_every_second(
    web: Web, voice: Voice, yard: Camera, alice: User
) -> None:
    voice.online(yard.pk)
    known(voice, yard)
    with web.socket(Cookie=cookie_of(alice)) as socket:
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "state")
        began = time.monotonic()
        for _ in range(3):
            text(socket, "state")
        assert time.monotonic() - began < 5
        changed = time.monotonic()
        voice.offline(yard.pk, "AUTH_FAILED")
        state = text(socket, "state", lambda one: one["state"] == "offline")
        assert time.monotonic() - changed < 0.9
        assert (state["reason"], state["text"]) == ("AUTH_FAILED", "the camera refuses the user name or password")


@pytest.mark.faults
def test_a_dead_engine_is_told(web: Web, yard: Camera, alice: User) -> None:
    with Voice() as voice:
        voice.online(yard.pk)
        known(voice, yard)
        socket = web.socket(Cookie=cookie_of(alice))
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "state", lambda one: one["state"] == "online")
    assert text(socket, "state", lambda one: one["state"] == "offline")["reason"] == "ENGINE_DOWN"
    socket.close()


def test_each_sees_who_else_is_watching(
    web: Web, voice: Voice, yard: Camera, alice: User, bob: User, bob_watches: Grant
) -> None:
    voice.online(yard.pk)
    first, second = web.socket(Cookie=cookie_of(alice)), web.socket(Cookie=cookie_of(bob))
    for socket in (first, second):
        say(socket, {"watch": [{"camera": "yard"}]})
    for socket in (first, second):
        assert text(socket, "state", lambda one: len(one["watching"]) == 2)["watching"] == ["alice", "bob"]
    second.close()
    assert text(first, "state", lambda one: len(one["watching"]) == 1)["watching"] == ["alice"]
    first.close()


def test_a_slow_socket_gets_the_newest_picture(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    voice.online(yard.pk)
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    # Else the kernel takes up to 32 MB ahead for it.
    thin = sockets.socket()
    thin.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 65_536)
    thin.connect((HOST, web.port))
    cookie, url = {"Cookie": cookie_of(alice)}, f"ws://{HOST}:{web.port}/ws/live/"
    with connect(url, sock=thin, additional_headers=cookie, max_size=None) as slow, web.socket(**cookie) as fast:
        for socket in (slow, fast):
            say(socket, {"watch": [{"camera": "yard"}]})
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        for _ in range(40):
            at = voice.frame(yard.pk, DOT + b"\0" * 300_000)
            while picture(fast)[2] != at:
                pass
        last = voice.frame(yard.pk, b"the newest")
        got = 0
        while picture(slow)[2] != last:
            got += 1
        assert got < 30  # the client's library reads some of them ahead by itself


def test_a_tile_may_ask_for_a_lower_rate(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    voice.online(yard.pk)
    with web.socket(Cookie=cookie_of(alice)) as socket:
        say(socket, {"watch": [{"camera": "yard", "rate": 4}]})
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        began, got = time.monotonic(), 0
        for n in range(60):
            voice.frame(yard.pk, b"x")
            wait_for(lambda due=began + n / 30: time.monotonic() >= due, 5)
        voice.frame(yard.pk, b"end")
        while picture(socket)[3] != b"end":
            got += 1
        assert 6 <= got <= 11  # two seconds


def test_pings_tell_the_servers_clock(web: Web, alice: User) -> None:
    with web.socket(Cookie=cookie_of(alice)) as socket:
        before = time.time()
        say(socket, {"ping": 12.5})
        answer = json.loads(socket.recv(timeout=5))
        assert answer["pong"] == 12.5 and before <= answer["now"] <= time.time()


def test_delays_are_kept_with_the_session(
    web: Web, voice: Voice, yard: Camera, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.2)
    with web.socket(Cookie=cookie_of(alice)) as socket:
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
        say(socket, {"delay": {"yard": {"median": 0.09, "max": 0.4}, "nowhere": {"median": 1, "max": 1}}})
        wait_for(lambda: ViewingSession.objects.get().delay_median == 0.09, 5, "the delay")
        assert ViewingSession.objects.get().delay_max == 0.4


TILE = '{"watch":[{"camera":"yard",%s}]}'
ODD = [
    *("", "{", "[]", "null", "12", '"watch"', "{}", '{"unheard":"of"}', "[" * 60_000),
    *('{"watch":null}', '{"watch":{}}', '{"watch":[1]}', '{"watch":[{}]}'),
    *('{"watch":[{"camera":5}]}', '{"watch":[{"camera":""}]}', '{"watch":[{"camera":"%s"}]}' % ("x" * 61)),
    *(TILE % word for word in ('"as":"exe"', '"as":null', '"size":7', '"rate":"fast"', '"rate":0', '"rate":NaN')),
    *(TILE % word for word in ('"rate":true', '"rate":1e999', '"rate":-1', '"as":[]', '"size":{}')),
    '{"watch":[' + ",".join(['{"camera":"yard"}'] * 65) + "]}",
    *('{"ping":"x"}', '{"ping":true}', '{"ping":NaN}', '{"ping":1e999}', '{"ping":[1]}', '{"ping":%s}' % ("9" * 5_000)),
    *('{"delay":7}', '{"delay":{"yard":1}}', '{"delay":{"yard":{"median":-1,"max":0}}}', '{"delay":{"yard":{}}}'),
]


def test_odd_text_is_answered_with_an_error_and_nothing_breaks(
    web: Web, yard: Camera, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    with web.socket(Cookie=cookie_of(alice)) as socket:
        for odd in ODD:
            socket.send(odd)
            answer = json.loads(socket.recv(timeout=5))
            assert answer["error"]["code"] == "bad_request" and answer["error"]["message"], odd[:200]
        say(socket, {"ping": 1})
        assert text(socket, "pong") == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert not ViewingSession.objects.exists()


def test_bytes_and_long_messages_are_refused(web: Web, alice: User) -> None:
    with web.socket(Cookie=cookie_of(alice)) as socket:
        socket.send(b"\x00\x01")
        assert text(socket, "error")["code"] == "bad_request"
        socket.send("x" * 70_000)
        assert closing(socket) == 1009


def test_a_hidden_camera_and_a_missing_one_are_told_alike(web: Web, voice: Voice, yard: Camera, charlie: User) -> None:
    voice.online(yard.pk)
    Grant.objects.create(camera=yard, user=charlie, right="log")  # may not watch
    with web.socket(Cookie=cookie_of(charlie)) as socket:
        say(socket, {"watch": [{"camera": "yard"}, {"camera": "nowhere"}]})
        assert text(socket, "cameras") == []
        errors = [text(socket, "error") for _ in range(2)]
        assert [(one["code"], one["camera"]) for one in errors] == [("not_found", "yard"), ("not_found", "nowhere")]
        for odd in ("\ud800", "a\0"):
            say(socket, {"watch": [{"camera": odd}]})
            assert text(socket, "error")["code"] == "bad_request"
        assert errors[0]["message"] == errors[1]["message"]
        say(socket, {"ping": 1})
        assert text(socket, "pong") == 1
    assert not ViewingSession.objects.exists() and not voice.watched(yard.pk)


def test_nobody_gets_a_socket(web: Web, alice: User, yard: Camera) -> None:
    for headers in ({}, {"Cookie": "sessionid=nonsense"}, {"Authorization": "Bearer nonsense"},
                    {"Authorization": "Bearer nonsense", "Cookie": cookie_of(alice)}):  # fmt: skip
        with pytest.raises(InvalidStatus) as refused:
            web.socket(**headers)
        assert refused.value.response.status_code == 403
    for path in ("/ws/", "/ws/other/", "/live/yard/"):
        with pytest.raises(InvalidStatus) as refused:
            web.socket(path, Cookie=cookie_of(alice))
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [("http://127.0.0.1:{port}", True), ("https://127.0.0.1:{port}", True), ("http://127.0.0.1:1", False),
     ("http://evil.example", False), ("null", False), ("http://127.0.0.1:{port}.evil.example", False), ("", False)],
)  # fmt: skip
def test_pages_of_other_sites_get_no_socket(origin: str, welcome: bool, web: Web, alice: User) -> None:
    headers = {"Cookie": cookie_of(alice), "Origin": origin.format(port=web.port)}
    if welcome:
        web.socket(**headers).close()
        return
    with pytest.raises(InvalidStatus) as refused:
        web.socket(**headers)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("query", ["?page=%00%ff&page=b", "?" + "a=1&" * 500, "?page=" + "x" * 5000, "?;=&&%"])
def test_an_odd_query_is_no_page(query: str, web: Web, alice: User, caplog: pytest.LogCaptureFixture) -> None:
    with web.socket(f"/ws/live/{query}", Cookie=cookie_of(alice)) as socket:
        say(socket, {"ping": 1})
        assert text(socket, "pong") == 1
    assert not caplog.records


def test_the_host_must_be_this_house(web: Web, alice: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["fairwatch.example"]
    with pytest.raises(InvalidStatus):
        web.socket(Cookie=cookie_of(alice))


def test_a_token_opens_a_socket(web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant) -> None:
    secret = ApiToken.objects.issue(bob, "tv")[1]
    with web.socket(Authorization=f"Bearer {secret}") as socket:
        say(socket, {"watch": [{"camera": "yard"}]})
        assert text(socket, "cameras")[0]["camera"] == "yard"
        ApiToken.objects.all().delete()
        assert closing(socket) == 4401


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.3)


@pytest.mark.faults
def test_log_out_closes_the_socket_within_ten_seconds(web: Web, yard: Camera, bob: User, bob_watches: Grant) -> None:
    client = Client()
    client.force_login(bob)
    cookie = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    with web.socket(Cookie=cookie) as socket:
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
        began = time.monotonic()
        client.post("/accounts/logout/")
        assert closing(socket) == 4401
        assert time.monotonic() - began < 10
    wait_for(lambda: ViewingSession.objects.get().left_at, 3, "the end of the viewing")


def test_a_disabled_person_loses_the_socket_even_without_tiles(web: Web, bob: User, hurried: None) -> None:
    with web.socket(Cookie=cookie_of(bob)) as socket:
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert closing(socket) == 4401


def test_a_lost_right_ends_that_tile_alone(
    web: Web, voice: Voice, yard: Camera, porch: Camera, bob: User, bob_watches: Grant, hurried: None
) -> None:
    Grant.objects.create(camera=porch, user=bob, right="watch")
    voice.online(yard.pk)
    voice.online(porch.pk)
    with web.socket(Cookie=cookie_of(bob)) as socket:
        say(socket, {"watch": [{"camera": "yard"}, {"camera": "porch"}]})
        text(socket, "cameras")
        wait_for(lambda: voice.watched(yard.pk) and voice.watched(porch.pk), 5, "the subscriptions")
        bob_watches.delete()
        error = text(socket, "error")
        assert (error["code"], error["camera"]) == ("gone", "yard")
        voice.frame(yard.pk, b"secret")
        voice.frame(porch.pk, b"the porch")
        assert picture(socket)[3] == b"the porch"
        wait_for(lambda: ViewingSession.objects.get(camera=yard).left_at, 3, "the end of the viewing")
        assert ViewingSession.objects.get(camera=porch).left_at is None
        say(socket, {"watch": [{"camera": "yard"}, {"camera": "porch"}]})
        assert text(socket, "error")["code"] == "not_found"


def test_the_socket_of_a_page_joins_its_session_and_leaving_ends_it(
    web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant
) -> None:
    cookie = cookie_of(bob)
    page = web.get("/live/yard/", Cookie=cookie).read().decode().split('data-page="')[1].split('"')[0]
    for _ in range(2):  # comes back once
        socket = web.socket(f"/ws/live/?page={page}", Cookie=cookie)
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
        socket.close()
    row = ViewingSession.objects.get()
    assert row.transport == "websocket"
    began = time.monotonic()
    wait_for(lambda: ViewingSession.objects.get().left_at, 3, "the leaving")
    wait_for(viewings.end_unseen, 10, "the end")
    assert time.monotonic() - began < 10
    assert list(LogLine.objects.order_by("pk").values_list("what", flat=True)) == ["opened", "closed"]


def test_sockets_without_a_page_are_sessions_of_their_own(web: Web, yard: Camera, alice: User, bob: User) -> None:
    cookie = cookie_of(alice)
    sockets = [web.socket(Cookie=cookie), web.socket(Cookie=cookie)]
    for socket in sockets:
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
    assert ViewingSession.objects.filter(transport="websocket", left_at=None).count() == 2
    for socket in sockets:
        socket.close()


def test_a_forged_page_joins_nothing(web: Web, yard: Camera, alice: User, bob: User, bob_watches: Grant) -> None:
    page = web.get("/live/yard/", Cookie=cookie_of(alice)).read().decode().split('data-page="')[1].split('"')[0]
    with web.socket(f"/ws/live/?page={page}", Cookie=cookie_of(bob)) as socket:
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
        assert sorted(ViewingSession.objects.values_list("user_name", flat=True)) == ["alice", "bob"]


def test_a_viewer_that_comes_back_at_once_is_not_written_as_gone(
    web: Web, yard: Camera, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.2)
    cookie, sockets = cookie_of(alice), []
    for _ in range(6):
        socket = web.socket("/ws/live/?page=same", Cookie=cookie)
        say(socket, {"watch": [{"camera": "yard"}]})
        text(socket, "cameras")
        for old in sockets:
            old.close()
        sockets = [socket]
    wait_for(lambda: ViewingSession.objects.get().last_seen_at > ViewingSession.objects.get().started_at, 5, "a write")
    assert ViewingSession.objects.get().left_at is None and LogLine.objects.count() == 1
    sockets[0].close()


def test_open_sockets_hold_no_thread_and_no_database_connection(
    web: Web, voice: Voice, yard: Camera, alice: User
) -> None:
    voice.online(yard.pk)
    process, database = psutil.Process(), str(connection.settings_dict["NAME"])
    cookie = cookie_of(alice)

    def opened(number: int) -> list[ClientConnection]:
        sockets = [web.socket(Cookie=cookie) for _ in range(number)]
        for socket in sockets:
            say(socket, {"watch": [{"camera": "yard"}]})
            text(socket, "state")
        return sockets

    def held() -> tuple[int, int]:
        # The client's library has two threads of its own for each socket.
        ours = sum(not thread.name.endswith(("(recv_events)", "(keepalive)")) for thread in threading.enumerate())
        return ours, sum(one.path == database for one in process.open_files())

    sockets = opened(2)
    connection.close()
    threads, files = held()
    sockets += opened(20)
    connection.close()
    wait_for(
        lambda: held()[0] <= threads + 8 and held()[1] <= files + 2, 10, "threads and connections to be given back"
    )
    for socket in sockets:
        socket.close()
