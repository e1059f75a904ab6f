"""The camera's smaller stream, opened beside the main one while motion is looked for: its pictures are the detection's.

It is there only while the main one is. When it fails, motion is looked for in the main one until it is back.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from camera.addresses import AddressError, parse_source
from camera.loading import LOADING
from camera.packets import AudioPacket, Packet, Reason, SourceConfig, SourceError, StreamInfo
from camera.process.capture import NEVER_FROZEN, Backoff
from camera.process.clock import Clock
from camera.process.configuration import Configuration
from camera.process.detection import Detection
from camera.process.freeze import FreezeWatch
from camera.sources import Source, Timeouts, open_source

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from camera.video.decode import Decoder

logger = logging.getLogger(__name__)

# Packets but no picture for so long: the stream is bad. Seconds.
BLIND_AFTER = 10.0
Open = Callable[[SourceConfig, threading.Event, Timeouts | None], Source]


class Aside:
    """`opened` and `closed` are called by the capture thread, `want` by the main one, `run` is its own."""

    def __init__(
        self,
        configuration: Configuration,
        detection: Detection,
        opening: threading.Lock,
        decode: Callable[[bool], None],
        clock: Clock,
        open_it: Open = open_source,
    ) -> None:
        """`opening` is held while a source is opened: each watches whom this process connects to meanwhile. `decode`
        is told whether the main stream is to be decoded for the detection."""
        self._config, self._timeouts, self._clock = configuration.source, configuration.timeouts, clock
        self._detection, self._opening, self._decode, self._open = detection, opening, decode, open_it
        self._deciding = threading.Lock()
        self._news = threading.Condition()
        self._is_wanted = self._is_open = self._is_over = False
        # Ends the stream that is open now.
        self._leave = threading.Event()
        self._backoff = Backoff()
        self._complaint = ""
        # Whether its pictures count. Since when, by the monotonic clock.
        self.feeds = False
        self._fed_at = 0.0

    # The main stream.

    def opened(self, info: StreamInfo) -> None:
        self._set(is_open=True)

    def packet(self, packet: Packet) -> None:
        """The main stream's are none of its business."""

    def audio(self, packet: AudioPacket) -> None:
        """Nobody listens."""

    def closed(self) -> None:
        self._set(is_open=False)

    def want(self, on: bool) -> None:
        """Whether motion is looked for."""
        self._set(is_wanted=on)
        self._decide()

    def stop(self) -> None:
        self._set(is_over=True)

    def _set(self, *, is_wanted: bool | None = None, is_open: bool | None = None, is_over: bool | None = None) -> None:
        with self._news:
            self._is_wanted = self._is_wanted if is_wanted is None else is_wanted
            self._is_open = self._is_open if is_open is None else is_open
            self._is_over = self._is_over if is_over is None else is_over
            if not self._is_due():
                self._leave.set()
            self._news.notify()

    def _is_due(self) -> bool:
        return self._is_wanted and self._is_open and not self._is_over

    # Its own thread.

    def run(self) -> None:
        while not self._is_over:
            with self._news:
                self._news.wait_for(lambda: self._is_due() or self._is_over)
                leave = self._leave = threading.Event()
            if self._is_over:
                return
            error = self._try(leave)
            self._count(False)
            if not leave.is_set():
                self._failed(error, leave)

    def _try(self, leave: threading.Event) -> SourceError:
        try:
            self._follow(leave)
        except SourceError as known:
            return known
        except Exception as unknown:  # whatever a hostile stream provokes ends this try and no more
            logger.exception("the smaller stream failed in an unknown way")
            return SourceError(Reason.BAD_STREAM, f"reading it failed ({type(unknown).__name__})")
        return SourceError(Reason.NO_SIGNAL, "the camera hung up")

    def _failed(self, error: SourceError, leave: threading.Event) -> None:
        good = self._clock.monotonic() - self._fed_at if self._fed_at else 0.0
        wait, self._fed_at = self._backoff.next(good, error.reason), 0.0
        if str(error) != self._complaint:
            self._complaint = str(error)
            logger.warning("the smaller stream: %s; motion is looked for in the main one meanwhile", error)
        self._clock.wait(leave, wait)

    def _follow(self, leave: threading.Event) -> None:
        """Open it and hand its pictures on until it breaks or is not wanted. Raises SourceError."""
        config = _small(self._config)
        with self._opening:
            if leave.is_set():
                return
            source = self._open(config, leave, self._timeouts)
        try:
            reader = _Reader(config, source, self._picture, self._clock)
            for packet in source:
                if leave.is_set():
                    return
                if not isinstance(packet, AudioPacket):
                    reader.packet(packet)
        finally:
            source.close()

    def _picture(self, captured_at: float, frame: "VideoFrame | None" = None, jpeg: bytes = b"") -> None:
        if not self.feeds:
            self._fed_at, self._complaint = self._clock.monotonic(), ""
            logger.info("motion is looked for in the smaller stream")
            self._count(True)
        self._detection.beside(captured_at, frame, jpeg)

    def _count(self, on: bool) -> None:
        if on != self.feeds:
            self.feeds = on
            self._detection.look_beside(on)
            self._decide()

    def _decide(self) -> None:
        """Have the main stream decoded for the detection only while that does not look here."""
        with self._deciding:
            self._decode(self._is_wanted and not self.feeds)


class _Reader:
    """Packets into pictures: `picture` gets (capture time, frame) or (capture time, None, JPEG)."""

    def __init__(self, config: SourceConfig, source: Source, picture: Callable[..., None], clock: Clock) -> None:
        self._source, self._picture, self._clock = source, picture, clock
        self._may_repeat = config.kind in NEVER_FROZEN
        self._info: StreamInfo | None = None
        self._decoder: Decoder | None = None
        self._seen_at = clock.monotonic()

    def packet(self, packet: Packet) -> None:
        """Raises SourceError when nothing comes of the stream."""
        now, info = self._clock.monotonic(), self._source.info
        if info is not self._info:
            self._info, self._watch, self._decoder = info, FreezeWatch(info), None
        if not self._may_repeat and self._watch.frozen(packet, now):
            raise SourceError(Reason.FROZEN, "it sends the same picture again and again")
        if info.codec == "mjpeg":
            self._picture(packet.captured_at, None, packet.data)
            return
        frames = self._made(info).decode(packet)
        if frames:
            self._seen_at = now
        elif now - self._seen_at > BLIND_AFTER:
            raise SourceError(Reason.BAD_STREAM, "its pictures cannot be decoded")
        for frame, captured_at in frames:
            self._picture(captured_at, frame)

    def _made(self, info: StreamInfo) -> "Decoder":
        if self._decoder is None:
            with LOADING:
                from camera.video.decode import Decoder

            self._decoder = Decoder(info, lean=True)
        return self._decoder


def _small(config: SourceConfig) -> SourceConfig:
    """How the smaller stream is opened: with the same log-in, and checked as any other. Raises SourceError."""
    try:
        address = parse_source(config.detect_address)
    except AddressError as error:
        raise SourceError(Reason.REFUSED, str(error)) from None
    return replace(config, kind=address.kind, address=address.address, detect_address="", audio=False)
