"""/healthz and /metrics, on the real hub hearing the real bus."""

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import zmq
from django.db import connection
from django.test import Client

from accounts.models import ApiToken, User
from camera import bus
from camera.live.hub import Hub, current_hub
from camera.models import Camera
from camera.packets import CameraState
from main import health
from main.health import Probe
from main.models import SiteSettings, ViewingSession
from tests.house import wait_for

ClientOf = Callable[[User | None], Client]


class Voice:
    """The engine's voice on MEDIA, and this process's hub listening to it in a loop of its own."""

    def __init__(self, run_dir: Path) -> None:
        ends = bus.endpoints(run_dir, "main")
        self.context: zmq.Context[Any] = zmq.Context()
        self.proxy = bus.MediaProxy(self.context, ends)
        self.proxy.start()
        self.publisher = bus.MediaPublisher(self.context, ends.media_in)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.hub: Hub = current_hub()
        asyncio.run_coroutine_threadsafe(self.hub.start(), self.loop).result(5)

    def say(self, *states: dict[str, Any], until: Callable[[], object]) -> None:
        """Say that the engine runs, and how cameras stand, until it was heard."""

        def heard() -> object:
            list(self.publisher.subscriptions())
            self.publisher.send(bus.topic(bus.ENGINE), {"at": time.time()})
            for state in states:
                self.publisher.send(bus.topic(bus.STATE, state["camera"]), state)
            return until()

        wait_for(heard, 10, "the hub to hear the engine")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.hub.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.publisher.close()
        self.context.term()
        self.proxy.join()


@pytest.fixture(autouse=True)
def _a_hub_of_its_own(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr("camera.live.hub._current", None)


@pytest.fixture
def voice(tmp_path: Path) -> Iterator[Voice]:
    voice = Voice(tmp_path)
    yield voice
    voice.close()


def test_healthz_names_the_engine_when_it_is_down(db: None) -> None:
    reply = Client().get("/healthz")
    assert reply.status_code == 503
    body = reply.json()
    assert list(body) == ["status", "engine", "web", "database", "version"]
    assert (body["status"], body["engine"], body["web"], body["database"]) == ("down", "down", "ok", "ok")


def test_healthz_is_ok_with_an_engine_before_anybody_is_there(db: None, voice: Voice) -> None:
    assert not User.objects.exists()
    voice.say(until=voice.hub.engine_up)
    reply = Client().get("/healthz")
    assert (reply.status_code, reply.json()["status"], reply.json()["engine"]) == (200, "ok", "ok")
    assert Client().head("/healthz").status_code == 200
    assert not SiteSettings.objects.filter(first_run_done=True).exists()


def test_healthz_names_the_database_when_it_is_down(db: None, voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    voice.say(until=voice.hub.engine_up)

    def unreachable() -> bool:
        raise_in = connection.copy()
        raise_in.settings_dict = {**raise_in.settings_dict, "NAME": "/nowhere/at/all.sqlite3"}
        return health.database_answers(raise_in)

    monkeypatch.setattr(health, "database_probe", Probe(unreachable))
    reply = Client().get("/healthz")
    assert (reply.status_code, reply.json()["database"], reply.json()["engine"]) == (503, "down", "ok")
    assert "nowhere" not in reply.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_healthz_does_not_wait_for_a_writer(lock: str, voice: Voice) -> None:
    SiteSettings.load()
    voice.say(until=voice.hub.engine_up)
    writer = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        writer.execute(f"BEGIN {lock}")
        began = time.monotonic()
        assert Client().get("/healthz").status_code == 200
        assert time.monotonic() - began < 1.5
    finally:
        writer.rollback()
        writer.close()


def test_a_probe_that_hangs_keeps_nobody_waiting() -> None:
    release, begun = threading.Event(), []

    def hang() -> bool:
        begun.append(1)
        return release.wait(30)

    probe = Probe(hang)
    began = time.monotonic()
    assert [probe.ok(0.05) for _ in range(5)] == [False] * 5
    assert time.monotonic() - began < 2
    assert len(begun) == 1
    release.set()
    assert wait_for(lambda: probe.ok(1.0), 5)


def test_healthz_takes_reading_only(db: None) -> None:
    for method in ("post", "put", "delete"):
        assert getattr(Client(), method)("/healthz").status_code == 405
        assert getattr(Client(), method)("/metrics").status_code == 405


# --- metrics ---

FAR = {"REMOTE_ADDR": "192.168.1.77"}


def test_metrics_are_for_owners(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    assert client_of(alice).get("/metrics", **FAR).status_code == 200
    assert client_of(bob).get("/metrics", **FAR).status_code == 403
    nobody = Client().get("/metrics", **FAR)
    assert nobody.status_code == 401
    for reply in (nobody, client_of(bob).get("/metrics", **FAR)):
        assert "fairwatch_" not in reply.content.decode()
        assert "yard" not in reply.content.decode()


def test_metrics_take_an_owners_token_and_no_bad_one(client_of: ClientOf, alice: User, bob: User) -> None:
    def status(client: Client, token: str, **extra: str) -> int:
        return client.get("/metrics", headers={"Authorization": f"Bearer {token}"}, **extra).status_code

    good, members = (ApiToken.objects.issue(user, "t")[1] for user in (alice, bob))
    assert status(Client(), good, **FAR) == 200
    assert status(Client(), members, **FAR) == 403
    assert status(Client(), "wrong", **FAR) == 401
    # A header that is there has to be good, whoever else it might be.
    assert status(client_of(alice), "wrong", **FAR) == 401
    assert status(Client(), "wrong", REMOTE_ADDR="127.0.0.1") == 401
    assert status(client_of(alice), members, **FAR) == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_scraper_on_this_machine_needs_nothing(address: str, db: None) -> None:
    assert Client().get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize(
    "address", ["192.168.1.5", "0.0.0.0", "::", "::ffff:192.168.1.5", "", "unix:", "localhost", "127.0.0.1, 8.8.8.8"]
)
def test_other_peers_are_nobody(address: str, db: None) -> None:
    assert Client().get("/metrics", REMOTE_ADDR=address).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP"],
)
@pytest.mark.parametrize("value", ["127.0.0.1", "", "1.1 proxy"])
def test_a_proxy_on_this_machine_is_not_this_machine(header: str, value: str, db: None) -> None:
    assert Client().get("/metrics", headers={header: value}).status_code == 401


def numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


def test_metrics_tell_the_house(client_of: ClientOf, alice: User, yard: Camera, voice: Voice) -> None:
    off = Camera.objects.create(name="Off", slug="off", kind="pattern", enabled=False)
    mad = Camera.objects.create(name="Mad", slug="mad", kind="pattern")
    online = asdict(
        CameraState(yard.pk, "online", fps=14.5, width=640, height=360, codec="mjpeg", last_frame_at=time.time())
    )
    nonsense = asdict(CameraState(mad.pk, "online")) | {"fps": "1e9999", "last_frame_at": 1e300}
    voice.say(
        online, nonsense, until=lambda: voice.hub.state(mad.pk).reason == "BAD_STREAM" and voice.hub.state(yard.pk).fps
    )
    ViewingSession.objects.create(
        user=alice, user_name="alice", camera=yard, camera_name="Yard", camera_slug="yard", key="k", transport="mjpeg",
        started_at="2026-01-01T00:00:00Z", last_seen_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    reply = client_of(alice).get("/metrics", **FAR)
    assert reply["Content-Type"].startswith("text/plain")
    told = numbers(reply.content.decode())
    assert told["fairwatch_engine_up"] == 1
    assert told['fairwatch_cameras{state="online"}'] == 1
    assert told['fairwatch_cameras{state="disabled"}'] == 1
    assert told['fairwatch_cameras{state="offline"}'] == 1
    assert told['fairwatch_camera_fps{camera="yard"}'] == 14.5
    assert told[f'fairwatch_camera_fps{{camera="{off.slug}"}}'] == 0
    assert told['fairwatch_viewing_sessions{transport="mjpeg"}'] == 1
    assert told["process_resident_memory_bytes"] > 10_000_000
    assert told["process_threads"] >= 1
    assert told["process_cpu_seconds_total"] > 0


def test_the_api_tells_what_the_engine_says(client_of: ClientOf, alice: User, yard: Camera, voice: Voice) -> None:
    mad = Camera.objects.create(name="Mad", slug="mad", kind="pattern")
    state = CameraState(
        yard.pk,
        "online",
        clock="source",
        fps=14.96,
        width=640,
        height=360,
        codec="h264",
        last_frame_at=1_780_000_000.25,
    )
    nonsense = asdict(CameraState(mad.pk, "online")) | {"width": 1.5, "clock": "x"}
    voice.say(
        asdict(state),
        nonsense,
        until=lambda: voice.hub.state(mad.pk).reason == "BAD_STREAM" and voice.hub.state(yard.pk).fps,
    )
    items = {camera["slug"]: camera for camera in client_of(alice).get("/api/v1/cameras").json()["items"]}
    told = items["yard"]
    assert (told["state"], told["reason"], told["fps"], told["clock"]) == ("online", None, 15.0, "source")
    assert (told["width"], told["height"], told["codec"]) == (640, 360, "h264")
    assert told["last_frame_at"] == "2026-05-28T20:26:40.250000+00:00"
    assert (items["mad"]["state"], items["mad"]["reason"]) == ("offline", "BAD_STREAM")
    assert client_of(alice).get("/cameras/").status_code == 200
