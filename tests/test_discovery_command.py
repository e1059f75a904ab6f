"""M discover prints one line for each camera, by the engine where it runs."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from camera import commands, discovery
from camera.models import Camera
from main.management.commands.discover import NOTHING
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_probe import DiscoveryResponder


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[OnvifCamera]:
    # The tests' questions stay on this machine.
    monkeypatch.setattr(discovery, "_interfaces", lambda allow_loopback: ["127.0.0.1"] if allow_loopback else [])
    with OnvifCamera("127.0.0.44") as one:
        yield one


def run(seconds: float = 0.6) -> list[str]:
    out = StringIO()
    call_command("discover", f"--seconds={seconds}", stdout=out)
    return out.getvalue().splitlines()


def test_it_prints_address_name_and_model_and_what_is_known(camera: OnvifCamera, db: None) -> None:
    with OnvifCamera("127.0.0.45") as other, DiscoveryResponder(camera), DiscoveryResponder(other):
        Camera.objects.create(name="Gate", slug="gate", kind="rtsp", address="rtsp://127.0.0.45:554/stream1")
        lines = run()
    assert f"{camera.address}  Turret 5  M1" in lines
    assert f"{other.address}  Turret 5  M1  (known as gate)" in lines


def test_it_says_what_to_do_when_there_is_none(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_interfaces", lambda _: [])
    assert run(0.2) == [NOTHING]


def test_it_does_not_ask_loopback_unless_allowed(camera: OnvifCamera, db: None, settings: Any) -> None:
    settings.ALLOW_LOOPBACK_CAMERAS = False
    with DiscoveryResponder(camera) as responder:
        assert run(0.3) == [NOTHING] and not responder.probes


def test_the_engine_is_asked_where_it_runs(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    found = {"address": "onvif://10.0.0.7:8000", "host": "10.0.0.7", "name": "Dome", "model": "", "known": True}

    def ask(_: str, name: str, body: dict[str, Any], **__: Any) -> tuple[dict[str, Any], bytes]:
        asked.append((name, body))
        return ({"ok": True, "found": [found]}, b"") if name == "discover" else ({}, b"")

    monkeypatch.setattr(commands, "ask_engine", ask)
    assert run(2) == ["onvif://10.0.0.7:8000  Dome  (known)"]
    assert asked == [("ping", {}), ("discover", {"seconds": 2.0})]


@pytest.mark.parametrize("seconds", [0, -1, 6, float("nan")])
def test_it_looks_for_five_seconds_at_most(db: None, seconds: float) -> None:
    with pytest.raises(CommandError, match="between 0 and 5"):
        run(seconds)
