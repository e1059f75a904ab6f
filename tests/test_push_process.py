"""A real camera process that is sent its pictures over a real bus: seen, filed, kept and answered."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from camera import reports
from camera.orders import Orders
from camera.packets import Reason, SourceConfig
from camera.sources import Timeouts
from tests.conftest import shared_file
from tests.peers import clips
from tests.peers.hub import Hub
from tests.push_kit import told

pytestmark = pytest.mark.slow

PUSH = SourceConfig("push")


class Sender:
    """Pushes as the engine hands it on, and hears the answers."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self._numbers = hub, itertools.count(1)

    def send(self, jpeg: bytes, at: float, seconds: float = 5.0, **more: Any) -> str:
        """The command's id."""
        command = f"push-{next(self._numbers)}"
        header = {"type": "command", "id": command, "name": "frame", "body": told(at, **more)}
        (peer,) = self.hub.peers
        self.hub.router.send(peer, header | {"deadline": time.time() + seconds}, jpeg)
        return command

    def answers(self, command: str) -> list[dict[str, Any]]:
        self.hub.pump()
        return [reply["body"] for reply in self.hub.replies if reply["id"] == command]

    def push(self, jpeg: bytes, at: float, **more: Any) -> dict[str, Any]:
        """The answer."""
        command = self.send(jpeg, at, **more)
        self.hub.wait(lambda: self.answers(command), 5, "the answer")
        (answer,) = self.answers(command)
        return answer


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sender(hub: Hub) -> Sender:
    return Sender(hub)


def start(hub: Hub, silence: float = 10.0, source: SourceConfig = PUSH, **more: Any) -> Any:
    orders = Orders(1, "pier", str(hub.folder / "footage"), str(hub.folder / "media"), **more)
    process = hub.start(source, timeouts=Timeouts(silence=silence), orders=orders)
    hub.wait(lambda: hub.peers, 10, "the process")
    return process


def end(hub: Hub, process: Any) -> None:
    process.terminate()
    hub.wait(lambda: process.poll() is not None, 8, "the end")
    assert process.returncode == 0
    hub.pump()
    for kind, body in hub.reports:
        reports.parse(kind, body)


def shown(path: Path) -> list[tuple[float, int]]:
    """(seconds from the start, the number drawn) of every picture of a film."""
    known = [clips.drawn(number).astype(int) for number in range(30)]
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="bgr24")
            off = [abs(picture - one).mean() for one in known]
            assert min(off) < 12 and frame.time is not None
            found.append((frame.time, off.index(min(off))))
    return found


def test_what_is_pushed_is_seen_and_filed_picture_for_picture(hub: Hub, sender: Sender) -> None:
    process = start(hub, mode="always", stills_every=1.0)
    hub.watch()
    sent = [(clips.jpeg(number), time.time() + number * 0.11) for number in range(20)]
    for jpeg, at in sent:
        time.sleep(max(0.0, at - time.time()))
        assert sender.push(jpeg, at) == {"ok": True, "event": "", "known": False}
    state = hub.wait_state("online")
    assert (state.codec, state.width, state.height, state.clock) == ("mjpeg", 320, 240, "source")
    hub.wait(lambda: hub.pictures[7] and hub.pictures[7][-1].data == sent[-1][0], 5, "the last picture")
    times = dict(sent)
    assert all(picture.header["t"] == times[picture.data] for picture in hub.pictures[7])
    assert len(hub.pictures[7]) > 10
    end(hub, process)
    (opened,) = hub.reported("recording_opened")
    (closed,) = hub.reported("recording_closed")
    film = shown(hub.folder / "footage" / opened["file"])
    assert [number for _, number in film] == list(range(20)), "the one that opened the stream is in it as well"
    assert opened["started_at"] == sent[0][1] and closed["ended_at"] == pytest.approx(sent[-1][1] + 0.11, abs=0.05)
    assert [at for at, _ in film] == [pytest.approx(at - sent[0][1], abs=0.002) for _, at in sent]
    stills = sorted((hub.folder / "media" / "snapshots" / "pier").rglob("*.jpg"))
    assert 2 <= len(stills) <= 4 and all(still.read_bytes() in times for still in stills)


def test_silence_is_no_signal_and_ends_with_the_next_picture(hub: Hub, sender: Sender) -> None:
    start(hub, silence=0.4)
    assert "no pictures are being sent" in hub.wait_state("offline", Reason.NO_SIGNAL).detail
    hub.watch()
    for number in range(2):
        began, before = time.monotonic(), len(hub.pictures[7])
        sender.push(clips.jpeg(number), time.time())
        hub.wait(lambda: len(hub.pictures[7]) > before, 5, "the picture")  # noqa: B023 (called within the turn)
        assert time.monotonic() - began < 1.0
        hub.wait_state("offline", Reason.NO_SIGNAL)
    states = [(state.state, state.reason) for state, _ in itertools.groupby(hub.states[7])]
    assert ("offline", "STALLED") not in states and ("offline", "FROZEN") not in states
    assert ("online", None) in states


def test_nothing_is_decoded_that_nobody_asked_for(hub: Hub, sender: Sender) -> None:
    process = start(hub)
    hub.watch()
    for number in range(5):
        sender.push(clips.jpeg(number), time.time())
    hub.wait(lambda: hub.pictures[7], 5, "a picture")
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "cv2" not in maps and "libavcodec" not in maps


def test_a_flagged_happening_is_recorded_with_what_went_before(hub: Hub, sender: Sender) -> None:
    hub.verdict = lambda body: {"taken": True, "known": False, "event": body.get("uid", "")}
    process = start(hub, mode="motion", pre_roll=0.6, post_roll=2.0)
    sent = []
    for number in range(20):
        sent.append(time.time())
        more = {"kind": "spill", "sender_id": "pump 4"} if 10 <= number < 14 else {}
        answer = sender.push(clips.jpeg(number), sent[-1], **more)
        assert answer["ok"] and bool(answer["event"]) == bool(more)
        time.sleep(0.1)
    stills = hub.reported("pushed_still")
    assert [still["captured_at"] for still in stills] == sent[10:14]
    assert {still["uid"] for still in stills} == {stills[0]["still"]}
    for number, still in enumerate(stills, 10):
        assert (hub.folder / "media" / still["image"]).read_bytes() == clips.jpeg(number)
    (over,) = hub.reported("event")
    assert (over["uid"], over["started_at"], over["ended_at"]) == (stills[0]["uid"], sent[10], sent[14])
    end(hub, process)
    (opened,) = hub.reported("recording_opened")
    assert opened["trigger"] == "motion" and sent[10] - 1.2 < opened["started_at"] <= sent[10] - 0.5
    numbers = [number for _, number in shown(hub.folder / "footage" / opened["file"])]
    assert numbers == list(range(numbers[0], 20))


def test_an_answer_of_the_engine_is_waited_for_and_heard_at_the_very_end(hub: Hub, sender: Sender) -> None:
    process = start(hub)
    send, held = hub.router.send, list[tuple[Any, ...]]()
    hub.router.send = lambda *message: held.append(message)  # type: ignore[method-assign]
    (peer,) = hub.peers
    header = {"type": "command", "id": "x", "name": "frame", "body": told(time.time(), kind="spill")}
    send(peer, header | {"deadline": time.time() + 5}, clips.jpeg())
    hub.wait(lambda: hub.reported("pushed_still"), 8, "the report")
    assert not hub.replies and len(held) == 1
    process.terminate()
    time.sleep(0.3)
    hub.router.send = send  # type: ignore[method-assign]
    send(*held[0])
    end(hub, process)
    assert [reply["body"]["ok"] for reply in hub.replies] == [True]
    (still,), (over,) = hub.reported("pushed_still"), hub.reported("event")
    assert over["uid"] == still["uid"] and over["ended_at"] == still["captured_at"]


def test_what_is_known_or_broken_leaves_nothing_behind(hub: Hub, sender: Sender) -> None:
    hub.verdict = lambda body: {"taken": True, "known": True, "event": "0000beef"}
    start(hub, mode="always")
    answer = sender.push(clips.jpeg(), time.time(), kind="spill", sender_id="a")
    assert answer == {"ok": True, "event": "0000beef", "known": True}
    broken = shared_file("data/corrupt/afl_jpeg_000.jpg").read_bytes()
    answer = sender.push(broken, time.time(), kind="spill")
    assert not answer["ok"] and answer["code"] == "bad_image" and answer["error"]
    assert not [path for path in (hub.folder / "media" / "events").rglob("*") if path.is_file()]


def test_late_pictures_are_filed_and_never_shown(hub: Hub, sender: Sender) -> None:
    process = start(hub, mode="always", silence=0.5)
    hub.watch()
    then = time.time() - 3600
    for number in range(12):
        assert sender.push(clips.jpeg(number), then + number * 0.5, late=True)["ok"]
    end(hub, process)
    (opened,) = hub.reported("recording_opened")
    assert opened["started_at"] == then and opened["trigger"] == "always"
    film = shown(hub.folder / "footage" / opened["file"])
    assert film == [(pytest.approx(number * 0.5, abs=0.002), number) for number in range(12)]
    assert not hub.pictures[7] and not [state for state in hub.states[7] if state.state == "online"]


def test_too_late_is_not_answered_and_other_cameras_take_nothing(hub: Hub, sender: Sender) -> None:
    start(hub, source=SourceConfig("pattern"))
    gone = sender.send(clips.jpeg(), time.time(), seconds=-1.0)
    answer = sender.push(clips.jpeg(), time.time())
    assert not answer["ok"] and answer["code"] == "not_found" and not sender.answers(gone)
