"""The engine and a real web process write to one SQLite file at once, hard: nothing is locked out and nothing lost.

LOAD_SECONDS says for how long; the usual minute is for every day.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from camera import bus
from camera.engine import supervisor
from camera.models import Camera, Event, Recording
from main.models import LogLine, ViewingSession
from main.viewings import end_unseen
from tests.engine_house import closed, opened, seen
from tests.engine_scene import Scene
from tests.house import BASE, RealHouse, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.alone,  # a minute of both processors
]
SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
VIEWERS = 4


class Viewers:
    """Open streams of a camera over HTTP and close them again, as fast as they are answered."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.opened, self.slowest = 0, 0.0
        self.refused: list[object] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(VIEWERS)]

    def __enter__(self) -> "Viewers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            try:
                self._look()
            except (OSError, http.client.HTTPException) as error:
                self.refused.append(error)
            self.slowest = max(self.slowest, time.monotonic() - began)

    def _look(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        client.request("GET", "/live/yard/stream.mjpg", headers={"Authorization": f"Bearer {self.token}"})
        reply = client.getresponse()
        if reply.status == 200:
            reply.read(20)
            with self._lock:
                self.opened += 1
        else:
            self.refused.append((reply.status, reply.read(300)))
        client.close()


@pytest.fixture
def house(tmp_path: Path, transactional_db: None) -> Iterator[RealHouse]:
    """A web process alone, on the test's own database."""
    name = connection.settings_dict["NAME"]
    house = RealHouse(tmp_path, {"DATABASE_URL": f"sqlite:///{name}"})
    bus.endpoints(tmp_path / "run")
    with (tmp_path / "log.txt").open("ab") as log:
        house.process = subprocess.Popen(
            [sys.executable, "manage.py", "web", "--bind", f"127.0.0.1:{house.port}"],
            cwd=BASE, env=house.environment, stdout=log, stderr=log,
        )  # fmt: skip
    yield house
    house.stop()


@pytest.fixture
def scene(house: RealHouse, monkeypatch: pytest.MonkeyPatch, settings: Any, yard: Camera) -> Iterator[Scene]:
    media = house.folder / "media"
    media.mkdir(exist_ok=True)
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = media, [media]
    scene = Scene(bus.endpoints(house.folder / "run"), media, yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([end_unseen])
    yield scene
    scene.end()


@pytest.mark.timeout(SECONDS + 120)
def test_two_who_write_at_once(scene: Scene, house: RealHouse, alice: User, caplog: pytest.LogCaptureFixture) -> None:
    wait_for(lambda: house_answers(house), 30, "the web process")
    with Viewers(house.port, house.manage("addtoken", "alice", "load")) as viewers:
        told, began = 0, time.monotonic()
        while (now := time.monotonic() - began) < SECONDS:
            at, uid = time.time() - 5, f"{told:08x}"
            scene.report(opened(scene.child, uid, at), seen(scene.child, uid, at))
            scene.report(seen(scene.child, uid, at, ended_at=at + 1), closed(uid, at, 1.0))
            told += 1
            scene.acknowledged()
            assert scene.sender.overflow == 0
            # Offline: viewers get an answer at once.
            scene.sender.state({"state": "offline", "reason": "NO_SIGNAL", "orders": 1, "fps": now})
            time.sleep(0.05)
    wait_for(scene.acknowledged, 30, "the last acknowledgements")
    wait_for(lambda: not ViewingSession.objects.filter(ended_at=None).exists(), 30, "the end of the viewings")
    print(f"{4 * told} reports, {viewers.opened} viewings in {SECONDS:.0f} s; slowest answer {viewers.slowest:.2f} s")
    assert not viewers.refused and viewers.opened > SECONDS
    assert Recording.objects.filter(state="closed").count() == Event.objects.exclude(ended_at=None).count() == told
    assert Recording.objects.count() == Event.objects.exclude(recording=None).count() == told
    assert ViewingSession.objects.count() == viewers.opened
    for what in ("opened", "closed"):
        assert LogLine.objects.filter(what=what).count() == viewers.opened
    assert "locked" not in caplog.text and "did not take it" not in caplog.text
    assert "locked" not in house.log()


def house_answers(house: RealHouse) -> bool:
    try:
        return house.get("/healthz")[0] == 200
    except OSError:
        return False
