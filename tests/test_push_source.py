"""Pictures that are sent here come out of their source as of any other camera."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError, StreamInfo
from camera.process.capture import Capture
from camera.process.freeze import FROZEN_AFTER
from camera.process.state import StateKeeper
from camera.sources import Source, Timeouts, open_source
from camera.sources.push import MOST_BYTES, MOST_WAITING, Inbox, Push
from tests.push_kit import push
from tests.test_process_capture import FakeClock, Sink

PUSH = SourceConfig("push")
QUICK = Timeouts(silence=0.02)


def opened(inbox: Inbox | None, timeouts: Timeouts = QUICK) -> Source:
    return open_source(PUSH, threading.Event(), timeouts, inbox)


def test_the_first_picture_opens_it_and_is_not_lost() -> None:
    inbox = Inbox()
    sent = [push(number, 100.0 + number) for number in range(3)]
    for one in sent:
        assert inbox.put(one)
    source = opened(inbox)
    assert source.info == StreamInfo("mjpeg", 320, 240)
    pictures = iter(source)
    taken = [next(pictures) for _ in sent]
    assert all(one is other.packet for one, other in zip(taken, sent, strict=True)), "the same bytes, never copied"


def test_another_size_is_another_stream() -> None:
    inbox = Inbox()
    for one in (push(1), push(2), push(3, size=(640, 360)), push(4, size=(640, 360))):
        inbox.put(one)
    source = opened(inbox)
    infos = [source.info for _, _ in zip(range(4), source, strict=False)]
    assert infos[0] is infos[1] and infos[2] is infos[3]
    assert (infos[1].width, infos[2].width) == (320, 640)


def test_silence_is_told_once_and_then_waited_for() -> None:
    inbox = Inbox()
    with pytest.raises(SourceError) as fault:
        opened(inbox)
    assert fault.value.reason == Reason.NO_SIGNAL and "no pictures are being sent" in fault.value.detail
    threading.Timer(0.1, inbox.put, [push(5)]).start()
    source = opened(inbox)  # five times the silence, and no second complaint
    pictures = iter(source)
    assert next(pictures).data == push(5).packet.data
    with pytest.raises(SourceError):
        next(pictures)


def test_the_end_is_not_waited_for() -> None:
    inbox = Inbox()
    inbox.is_silent = True
    threading.Timer(0.05, inbox.close).start()
    with pytest.raises(SourceError):
        opened(inbox, Timeouts())
    inbox.put(push())
    assert inbox.take(None) is None


def test_who_cannot_get_pictures_says_so() -> None:
    with pytest.raises(SourceError) as fault:
        opened(None)
    assert fault.value.reason == Reason.REFUSED


def test_a_full_inbox_refuses_and_goes_on() -> None:
    inbox = Inbox()
    assert all(inbox.put(push(number)) for number in range(MOST_WAITING))
    assert not inbox.put(push(99))
    assert inbox.take(0) is not None and inbox.put(push(100))


def test_large_pictures_fill_it_sooner_but_one_always_fits() -> None:
    large = Push(Packet(bytes(MOST_BYTES), True, 1.0), 1, 1)
    inbox = Inbox()
    assert inbox.put(large) and not inbox.put(push())
    inbox.take(0)
    assert inbox.put(push())


class Scene:
    """A real capture over a real inbox; `sent` are put one by one, each when the one before has come through."""

    def __init__(self, *sent: Push | float) -> None:
        self.clock, self.sink, self.inbox = FakeClock(), Sink(), Inbox()
        self.told: list[tuple[str, str | None]] = []
        self.keeper = StateKeeper(7, self.clock, lambda _: None, self._changed)
        self.capture = Capture(PUSH, self._open, self.keeper, self.sink, self.clock, QUICK)
        self._sent: Iterator[Push | float] = iter(sent)

    def _changed(self) -> None:
        state = self.keeper.state()
        self.told.append((state.state, state.reason))

    def _open(self, config: SourceConfig, stop: threading.Event, timeouts: Timeouts) -> Source:
        scene = self

        class Brought(Inbox):
            """A number of seconds stands for silence."""

            def take(self, seconds: float | None) -> Push | None:
                one = next(scene._sent, None)
                if isinstance(one, Push):
                    scene.inbox.is_silent = False
                    return one
                if one is None:
                    stop.set()
                else:
                    scene.clock.now += one
                    scene.keeper.look()
                return None

        brought: Any = Brought()
        brought.is_silent = self.inbox.is_silent
        try:
            return open_source(config, stop, timeouts, brought)
        finally:
            self.inbox.is_silent = brought.is_silent

    def run(self) -> "Scene":
        self.capture.run()
        return self


def test_silence_is_no_signal_and_the_first_picture_after_it_online_at_once() -> None:
    scene = Scene(push(1), 10.5, push(2), 10.5, 3600.0, push(3)).run()
    assert scene.told == [("online", None), ("offline", "NO_SIGNAL")] * 2 + [("online", None)]
    assert set(scene.clock.waits) == {0.0}, "no picture meets a closed door"
    packets = [one for one in scene.sink.got if isinstance(one, Packet)]
    assert [one.data for one in packets] == [push(number).packet.data for number in (1, 2, 3)]


def test_it_is_offline_when_nothing_ever_came() -> None:
    assert Scene(10.0).run().told == [("offline", "NO_SIGNAL")]


def test_it_is_never_frozen() -> None:
    scene = Scene(*[push(1, float(number)) for number in range(1, 400)])

    def older(packet: Packet) -> None:
        scene.clock.now += 1.0
        scene.sink.got.append(packet)

    scene.sink.packet = older  # type: ignore[method-assign]
    scene.run()
    assert scene.clock.now > 1000 + 2 * FROZEN_AFTER
    assert scene.told == [("online", None)]
