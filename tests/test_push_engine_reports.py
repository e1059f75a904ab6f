"""Flagged pictures through the engine: acknowledged when they are rows, told to web, and what outages do there."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio

from camera import bus
from camera.commands import AsyncCommands, EngineDownError
from camera.engine import outages, supervisor
from camera.models import Camera, Event, EventStill
from tests.engine_house import opened, seen
from tests.engine_scene import Scene
from tests.house import wait_for
from tests.push_scene import JPEG, still

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    monkeypatch.setattr(outages, "LONG_ENOUGH", 0.5)
    Camera.objects.update(kind="push")
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    yield scene
    scene.end()


def acknowledgement(scene: Scene, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    scene.sender.report(kind, body, found.append)
    wait_for(lambda: scene.acknowledged() and found, 5, "the acknowledgement")
    return {name: value for name, value in found[0].items() if name not in ("type", "seq")}


def send(scene: Scene, report: Any) -> dict[str, Any]:
    body = {name: getattr(report, name) for name in type(report).__dataclass_fields__ if name != "KIND"}
    return acknowledgement(scene, report.KIND, body)


def test_what_each_report_is_told(scene: Scene) -> None:
    scene.heard(bus.topic(bus.STATE, scene.yard.pk))  # the subscription stands
    began = time.monotonic()
    first = still("yard", sender_id="pier-7", sha256="ab" * 32)
    assert send(scene, first) == {"taken": True, "known": False, "event": "000000f1"}
    print(f"a flagged picture's row after {time.monotonic() - began:.3f} s")
    assert scene.heard(bus.topic("event", scene.yard.pk)) == {"event": Event.objects.get().pk}
    again = still("yard", "000000f2", sender_id="pier-7", sha256="ab" * 32)
    assert send(scene, again) == {"taken": True, "known": True, "event": "000000f1"}
    assert send(scene, still("gate", "000000f3")) == {"taken": False, "known": False, "event": ""}
    assert acknowledgement(scene, "pushed_still", {"uid": "x"}) == {"taken": False, "known": False, "event": ""}
    assert send(scene, seen(scene.child)) == {"taken": True, "known": False, "event": "0000000e"}
    assert send(scene, opened(scene.child)) == {"taken": True, "known": False, "event": ""}
    assert EventStill.objects.count() == 1 and scene.engine.intake.counts.bad == 2


def test_a_camera_that_goes_is_told_to_web(scene: Scene) -> None:
    def event_told(seconds: float = 5.0) -> int:
        return int(scene.heard(bus.topic("event", scene.yard.pk), seconds)["event"])

    scene.heard(bus.topic(bus.STATE, scene.yard.pk))
    scene.sender.state({"state": "online", "orders": 1})
    scene.sender.state({"state": "offline", "reason": "NO_SIGNAL", "orders": 1})
    event = Event.objects.get(pk=event_told())
    assert (event.kind, event.ended_at, event.writer) == ("camera_offline", None, "")
    scene.sender.state({"state": "online", "orders": 1})
    assert event_told() == event.pk
    event.refresh_from_db()
    assert event.ended_at is not None


def test_a_web_process_asks_many_at_once(scene: Scene) -> None:
    """Two hundred questions from one event loop, some of them given up: each gets its own answer, nothing is left."""

    async def play(commands: AsyncCommands) -> list[Any]:
        asked = [asyncio.create_task(commands.ask("ping", {"n": n}, JPEG, seconds=5)) for n in range(200)]
        await asyncio.sleep(0)
        for task in asked[::10]:
            task.cancel()
        return await asyncio.gather(*asked, return_exceptions=True)

    async def main() -> None:
        context = zmq.asyncio.Context()
        commands = AsyncCommands(context, scene.ends.commands)
        found = await play(commands)
        assert sum(isinstance(one, asyncio.CancelledError) for one in found) == 20
        assert sum(isinstance(one, tuple) and one[0]["ok"] for one in found) == 180
        assert not commands._waiting
        commands.close()
        context.destroy(linger=0)

    asyncio.run(main())


def test_an_engine_that_is_away_costs_a_web_process_no_memory(tmp_path: Path) -> None:
    async def main() -> None:
        context = zmq.asyncio.Context()
        commands = AsyncCommands(context, bus.endpoints(tmp_path / "run").commands)
        asked = [asyncio.create_task(commands.ask("frame", {}, JPEG, seconds=0.2)) for _ in range(50)]
        asked += [asyncio.create_task(commands.ask("frame", {}, JPEG, seconds=30)) for _ in range(50)]
        await asyncio.sleep(0.3)
        for task in asked[50:]:
            task.cancel()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in found] == [EngineDownError] * 50 + [asyncio.CancelledError] * 50
        assert not commands._waiting and not commands._socket._send_futures  # type: ignore[attr-defined]
        commands.close()
        context.destroy(linger=0)

    asyncio.run(main())
