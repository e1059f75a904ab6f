"""Adding and changing cameras that are asked: what they say of themselves, their streams, and their two passwords."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera import vault
from camera.models import Camera
from main.models import AuditEntry
from tests.camera_house import SECRET, form_values
from tests.move_kit import PtzEngine, make_turner, ptz_engine

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
CLOUD = "Cl0udPassw0rd"
HTMX = {"HX-Request": "true"}
NEW = {"name": "Gate", "source": "tapo://10.0.0.9", "username": "cam", "password": SECRET, "cloud_password": CLOUD}
SAID = {
    "ok": True,
    "model": "C200",
    "firmware": "1.3.0",
    "abilities": ["presets", "pan_tilt", "privacy"],
    "streams": [
        {"url": "rtsp://10.0.0.9:554/stream1", "name": "main", "codec": "h264", "width": 1920, "height": 1080},
        {"url": "rtsp://10.0.0.9:554/stream2", "name": "small", "codec": "h264", "width": 640, "height": 360},
    ],
    "snapshot": "",
}
FIRST, SECOND = "rtsp://10.0.0.9:554/stream1", "rtsp://10.0.0.9:554/stream2"


@pytest.fixture
def engine() -> Iterator[PtzEngine]:
    with ptz_engine() as engine:
        engine.answers["describe"] = SAID
        yield engine


def body(reply: Any) -> str:
    return html.unescape(reply.content.decode())


def field(page: str, name: str) -> str:
    """What stands in that field of the page."""
    (tag,) = re.findall(rf'<input[^>]* name="{name}"[^>]*>', page)
    found = re.search(r' value="([^"]*)"', tag)
    return found[1] if found else ""


def passwords(camera: Camera) -> tuple[str | None, str | None]:
    row = Camera.objects.get(pk=camera.pk)
    return vault.unseal(row.sealed_password), vault.unseal(row.sealed_cloud_password)


def sources(engine: PtzEngine) -> list[tuple[str, str, str]]:
    return [
        (one["source"]["kind"], one["source"]["address"], one["source"]["password"]) for one in engine.bodies("test")
    ]


# --- the test of a connection ---


def test_a_test_tells_what_the_camera_is_and_shows_its_picture(
    client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    part = body(client_of(bob).post("/cameras/test/", NEW, headers=HTMX))
    assert engine.bodies("describe") == [
        {"login": {"address": "tapo://10.0.0.9", "username": "cam", "password": SECRET, "cloud_password": CLOUD}}
    ]
    assert "Model: C200." in part and "It turns and tilts, keeps positions, has a privacy mode." in part
    assert "Stream 1: main 1920×1080 H.264." in part and "Stream 2: small 640×360 H.264." in part
    assert "data:image/jpeg" in part and 'hx-swap-oob="true"' in part
    assert (field(part, "stream_address"), field(part, "detect_address")) == (FIRST, SECOND)
    # The picture is that of the main stream.
    assert sources(engine) == [("rtsp", FIRST, SECRET)]
    page = body(client_of(bob).post("/cameras/test/", NEW))
    assert (field(page, "stream_address"), field(page, "detect_address")) == (FIRST, SECOND)
    assert SECRET not in part + page and CLOUD not in part + page
    assert not Camera.objects.exists()


def test_what_was_chosen_is_tried_and_stays(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    wish = NEW | {"stream_address": SECOND, "detect_address": ""}
    part = body(client_of(bob).post("/cameras/test/", wish, headers=HTMX))
    assert (field(part, "stream_address"), field(part, "detect_address")) == (SECOND, "")
    assert sources(engine) == [("rtsp", SECOND, SECRET)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("wrong_password", "The camera refuses the user name or the password."),
        ("locked_out", "The camera has locked its log-in. Try again in 24 minutes."),
        ("unreachable", "The camera does not answer."),
        ("something_new", "It cannot be done."),
    ],
)
def test_why_a_camera_was_not_entered_is_told_in_the_engines_words(
    code: str, words: str, client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    engine.answers["describe"] = {"ok": False, "code": code, "error": f"{words} ({SECRET}, {CLOUD})"}
    part = body(client_of(bob).post("/cameras/test/", NEW, headers=HTMX))
    assert words in part and SECRET not in part and CLOUD not in part
    assert engine.bodies("test") == []


def test_without_an_engine_nothing_was_tried(client_of: ClientOf, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.camera_asking.SECONDS_WITHOUT_ENGINE", 0.2)
    assert "Nothing was tried" in body(client_of(bob).post("/cameras/test/", NEW, headers=HTMX))


@pytest.mark.parametrize(
    ("streams", "found"),
    [
        ([], ("", "")),
        (None, ("", "")),
        ([None, {"url": 5}, {"url": "exec:ls"}, {"url": "file:x.mp4"}, {"url": "rtsp:///x"}], ("", "")),
        # The camera's password goes to no other host, whatever address the camera thinks it has.
        ([{"url": "rtsp://evil.example:8554/a"}], ("rtsp://10.0.0.9:8554/a", "")),
        ([{"url": "rtsp://u:p@10.0.0.9/a"}, {"url": "rtsp://10.0.0.9/b"}], ("rtsp://10.0.0.9/a", "rtsp://10.0.0.9/b")),
        (
            [{"url": f"rtsp://10.0.0.9/{height}", "width": height * 2, "height": height} for height in (900, 400, 90)],
            ("rtsp://10.0.0.9/900", "rtsp://10.0.0.9/400"),
        ),
        # What has to be hidden is not put into a page; the camera is asked again when it is saved.
        ([{"url": "rtsp://10.0.0.9/a?pwd=tiny"}], ("", "")),
    ],
)
def test_what_a_camera_says_of_its_streams_is_looked_at(
    streams: Any, found: tuple[str, str], client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    engine.answers["describe"] = SAID | {"streams": streams, "model": "<b>" * 60, "abilities": ["fly", 5, "zoom"]}
    part = client_of(bob).post("/cameras/test/", NEW, headers=HTMX)
    assert (field(body(part), "stream_address"), field(body(part), "detect_address")) == found
    assert b"<b>" not in part.content and b"tiny" not in part.content
    assert "It zooms." in body(part)


# --- saving ---


def test_a_camera_is_added_with_what_was_found(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    client = client_of(bob)
    wish = NEW | {"stream_address": FIRST, "detect_address": SECOND, "pan_inverted": "on", "move_speed": "0.25"}
    assert client.post("/cameras/add/", wish)["Location"] == "/live/gate/"
    gate = Camera.objects.get()
    assert (gate.kind, gate.address, gate.username, gate.keeper) == ("tapo", "tapo://10.0.0.9", "cam", bob)
    assert (gate.stream_address, gate.detect_address) == (FIRST, SECOND)
    assert (gate.pan_inverted, gate.tilt_inverted, gate.move_speed) == (True, False, 0.25)
    assert passwords(gate) == (SECRET, CLOUD)
    assert gate.source_config().address == FIRST and gate.source_config().detect_address == SECOND
    # Nobody was asked again: the streams were known.
    assert engine.bodies("describe") == []
    seen = "".join(body(client.get(path)) for path in ("/cameras/gate/", "/cameras/", "/api/v1/cameras/gate"))
    told = str(list(AuditEntry.objects.values()))
    assert "tapo://10.0.0.9" in seen and "«changed»" in told
    for secret in (SECRET, CLOUD, gate.sealed_password, gate.sealed_cloud_password):
        assert secret not in seen + told


def test_a_camera_that_was_not_tested_is_asked_when_it_is_saved(
    client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    client_of(bob).post("/cameras/add/", NEW)
    gate = Camera.objects.get()
    assert (gate.stream_address, gate.detect_address) == (FIRST, SECOND)
    engine.answers["describe"] = {"ok": False, "code": "wrong_password", "error": "The camera refuses the password."}
    page = body(client_of(bob).post("/cameras/add/", NEW | {"name": "Other"}, follow=True))
    assert "not found yet. The camera refuses the password." in page
    other = Camera.objects.get(slug="other")
    assert other.stream_address == "" and passwords(other) == (SECRET, CLOUD)


def test_the_stored_passwords_stay_with_their_host(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    client_of(bob).post("/cameras/add/", NEW)
    gate, client = Camera.objects.get(), client_of(bob)
    values = form_values(client, "/cameras/gate/")
    assert "cloud_password" not in values and values["stream_address"] == FIRST
    client.post("/cameras/gate/", values | {"name": "N"})
    assert passwords(gate) == (SECRET, CLOUD)
    client.post("/cameras/gate/", values | {"cloud_password": "an0ther"})
    assert passwords(gate) == (SECRET, "an0ther")
    client.post("/cameras/test/", values | {"camera": "gate", "source": "tapo://10.0.0.8"})
    assert engine.bodies("describe")[-1]["login"]["cloud_password"] == ""
    page = body(client.post("/cameras/gate/", values | {"source": "tapo://10.0.0.8"}, follow=True))
    assert "was not taken along" in page and passwords(gate) == ("", "")
    # The old host's streams stay behind as well; those of the new one are asked for, and are on that host.
    assert Camera.objects.get().stream_address == "rtsp://10.0.0.8:554/stream1"
    client.post("/cameras/gate/", form_values(client, "/cameras/gate/") | {"cloud_password": CLOUD})
    client.post("/cameras/gate/", form_values(client, "/cameras/gate/") | {"remove_cloud_password": "on"})
    assert passwords(gate)[1] == ""
    client.post("/cameras/gate/", form_values(client, "/cameras/gate/") | {"cloud_password": CLOUD})
    client.post("/cameras/gate/", form_values(client, "/cameras/gate/") | {"source": "onvif://10.0.0.8"})
    assert passwords(gate)[1] == ""


def test_saving_unchanged_changes_nothing(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    gate = make_turner(bob, detect_address="rtsp://10.0.0.9/small?pwd=tiny", move_speed=0.35, tilt_inverted=True)
    before, client = Camera.objects.values().get(), client_of(bob)
    values = form_values(client, "/cameras/gate/")
    assert values["detect_address"] == "rtsp://10.0.0.9/small?pwd=***" and values["move_speed"] == "0.35"
    assert client.post("/cameras/gate/", values).status_code == 302
    assert Camera.objects.values().get() == before and not AuditEntry.objects.exists()
    client.post("/cameras/gate/", values | {"detect_address": "rtsp://10.0.0.9/small?pwd=other"})
    now = Camera.objects.get()
    assert now.detect_address.endswith("pwd=other") and now.version == gate.version + 1
    assert "hidden part" in str(AuditEntry.objects.get().after) and "other" not in str(AuditEntry.objects.get().after)


def test_any_network_camera_can_have_a_smaller_stream(
    client_of: ClientOf, bob: User, door: Camera, engine: PtzEngine
) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"detect_address": "rtsp://10.0.0.9/s2", "stream_address": FIRST}
    client.post("/cameras/door/", values)
    now = Camera.objects.get()
    assert (now.detect_address, now.stream_address) == ("rtsp://10.0.0.9/s2", "")
    assert AuditEntry.objects.get().after == {"address for motion detection": "rtsp://10.0.0.9/s2"}
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"source": "pattern:"})
    assert Camera.objects.get().detect_address == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("stream_address", "rtsp://10.0.0.8/s1", "on another host"),
        ("detect_address", "rtsp://10.0.0.9.evil.example/s1", "on another host"),
        ("detect_address", f"rtsp://u:{SECRET}@10.0.0.9/s1", "Leave user name and password out"),
        ("stream_address", "exec:ls", "does not open exec"),
        ("stream_address", "file:yard.mp4", "the address of a stream"),
        ("detect_address", "rtsp://10.0.0.9/s?pwd=***", "type the whole address again"),
        ("detect_address", "half", "starts with its kind"),
        ("detect_address", "rtsp://10.0.0.9/" + "x" * 490, "too long"),
        ("move_speed", "7", "not one of the available choices"),
        ("cloud_password", "a\x00b", "none of them NUL"),
    ],
)
def test_bad_values_save_nothing_and_the_field_says_why(
    name: str, value: str, words: str, client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    make_turner(bob, kind="tapo", address="tapo://10.0.0.9")
    before, client = Camera.objects.values().get(), client_of(bob)
    page = client.post("/cameras/gate/", form_values(client, "/cameras/gate/") | {name: value})
    assert list(page.context["form"].errors) == [name] and words in body(page)
    assert SECRET not in body(page)
    assert Camera.objects.values().get() == before


def test_an_encrypted_camera_has_no_plain_second_stream(
    client_of: ClientOf, bob: User, door: Camera, engine: PtzEngine
) -> None:
    Camera.objects.update(address="rtsps://10.0.0.9/s1")
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"detect_address": "rtsp://10.0.0.9/s2"}
    assert "encrypted and this one is not" in body(client.post("/cameras/door/", values))
    client.post("/cameras/door/", values | {"detect_address": "rtsps://10.0.0.9/s2"})
    assert Camera.objects.get().detect_address == "rtsps://10.0.0.9/s2"


def test_a_link_fills_the_form_in(client_of: ClientOf, bob: User) -> None:
    client = client_of(bob)
    page = body(client.get("/cameras/add/", {"source": "onvif://10.0.0.9:8000", "name": 'A "b" <c>'}))
    assert field(page, "source") == "onvif://10.0.0.9:8000" and "<c>" in page
    assert 'data-kinds="tapo onvif" hidden' not in page
    for odd in ("exec:ls", "", "rtsp://u:pw@h/?pwd=x"):
        shown = body(client.get("/cameras/add/", {"source": odd, "name": "x"}))
        assert "exec" not in shown and "u:pw" not in shown and "pwd=x" not in shown
