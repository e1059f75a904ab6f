"""Reads the source for as long as the process lives: `run` holds the retry policy, `run_once` the work."""

import logging
import math
import random
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from camera.packets import AudioPacket, Frame, Packet, Reason, SourceConfig, SourceError, StreamInfo
from camera.process.clock import Clock
from camera.process.freeze import FreezeWatch
from camera.process.live import LiveSlot
from camera.process.state import StateKeeper
from camera.process.transcode import Transcoder
from camera.sources import Source, Timeouts

logger = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
GOOD_AFTER = 30.0
# Cameras lock an account after a few wrong passwords: ask seldom. Seconds.
LOGIN_WAIT = 30.0
# A film in a loop and a drawing repeat themselves by nature, and whoever sends a picture again means to.
NEVER_FROZEN = frozenset({"file", "pattern", "push"})


class PacketSink(Protocol):
    """What is done with the packets. Called by the capture thread: must not wait."""

    def opened(self, info: StreamInfo) -> None: ...

    def packet(self, packet: Packet) -> None: ...

    def audio(self, packet: AudioPacket) -> None: ...

    def closed(self) -> None: ...


class FanOut:
    """Everything to all of them, in their order."""

    def __init__(self, sinks: Sequence[PacketSink]) -> None:
        self._sinks = tuple(sinks)

    def opened(self, info: StreamInfo) -> None:
        for sink in self._sinks:
            sink.opened(info)

    def packet(self, packet: Packet) -> None:
        for sink in self._sinks:
            sink.packet(packet)

    def audio(self, packet: AudioPacket) -> None:
        for sink in self._sinks:
            sink.audio(packet)

    def closed(self) -> None:
        for sink in self._sinks:
            sink.closed()


class Backoff:
    """How long to wait before the next try: not at all, then 1, 2, 4 … 60 s, give or take a fifth."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._failures = 0

    def next(self, good_seconds: float, reason: Reason) -> float:
        """Seconds to wait after a failure that ended `good_seconds` of pictures."""
        self._failures = 1 if good_seconds >= GOOD_AFTER else self._failures + 1
        wait = 0.0 if self._failures == 1 else min(2.0 ** (self._failures - 2), LONGEST_WAIT)
        if reason == Reason.AUTH_FAILED:
            wait = max(wait, LOGIN_WAIT)
        return min(wait * (0.8 + 0.4 * self._chance()), LONGEST_WAIT)


class LiveOutput:
    """JPEGs go straight to the slot as they came, everything else to the transcoder."""

    def __init__(self, slot: LiveSlot, transcoder: Transcoder) -> None:
        self._slot, self._transcoder = slot, transcoder
        self._info = StreamInfo("")

    def opened(self, info: StreamInfo) -> None:
        self._info = info
        if info.codec == "mjpeg":
            self._transcoder.closed()
        else:
            self._transcoder.opened(info)

    def packet(self, packet: Packet) -> None:
        if self._info.codec == "mjpeg":
            self._slot.put(Frame(packet.data, packet.captured_at, self._info.width, self._info.height))
        else:
            self._transcoder.packet(packet)

    def audio(self, packet: AudioPacket) -> None:
        """Live view is silent."""

    def closed(self) -> None:
        self._transcoder.closed()


class Capture:
    """One camera's source, opened again whenever it breaks."""

    def __init__(
        self,
        config: SourceConfig,
        open_it: Callable[[SourceConfig, threading.Event, Timeouts], Source],
        keeper: StateKeeper,
        sink: PacketSink,
        clock: Clock,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.stop = threading.Event()
        self._config, self._open, self._keeper, self._sink, self._clock = config, open_it, keeper, sink, clock
        self._timeouts = timeouts or Timeouts()
        self._backoff = Backoff()

    def run(self) -> None:
        """The capture thread. Ends when `stop` is set."""
        while not self.stop.is_set():
            try:
                self.run_once()
                error = SourceError(Reason.NO_SIGNAL, "the camera hung up")
            except SourceError as known:
                error = known
            except Exception as unknown:  # whatever a hostile stream provokes ends this try and no more
                logger.exception("the source failed in an unknown way")
                error = SourceError(Reason.BAD_STREAM, f"reading it failed ({type(unknown).__name__})")
            if self.stop.is_set():
                return
            wait = self._wait(error.reason)
            self._keeper.failed(error)
            logger.info("%s; next try in %.1f s", error, wait)
            self._clock.wait(self.stop, wait)

    def _wait(self, reason: Reason) -> float:
        """Seconds to wait before the next try."""
        if self._config.kind == "push" and reason == Reason.NO_SIGNAL:
            return 0.0  # to open it is to wait for its next picture, which must find the door open
        return self._backoff.next(self._keeper.online_seconds(), reason)

    def run_once(self) -> None:
        """Open the source and pass its packets on until it breaks. Raises SourceError."""
        source = self._open(self._config, self.stop, self._timeouts)
        try:
            self._follow(source)
        finally:
            self._sink.closed()
            source.close()

    def _follow(self, source: Source) -> None:
        info = source.info
        self._keeper.opened(info, silence(self._config, self._timeouts))
        self._sink.opened(info)
        watch = FreezeWatch(info)
        logger.info("open: %s", info.codec)
        for packet in source:
            if isinstance(packet, AudioPacket):
                self._sink.audio(packet)
                continue
            if source.info is not info:
                info = source.info
                watch = FreezeWatch(info)
                self._keeper.streams(info)
                logger.info("pictures: %s %dx%d", info.codec, info.width, info.height)
                self._sink.opened(info)
            is_frozen = self._config.kind not in NEVER_FROZEN and watch.frozen(packet, self._clock.monotonic())
            self._keeper.packet(packet, is_frozen)
            self._sink.packet(packet)


def silence(config: SourceConfig, timeouts: Timeouts) -> float:
    """Seconds without a picture that are a fault; a camera that is asked seldom may stay quiet for three questions."""
    if config.kind == "push":
        return math.inf  # its source counts by itself, and calls it by another name
    return max(timeouts.silence, 3 / max(config.poll_fps, 0.01)) if config.kind == "http" else timeouts.silence
