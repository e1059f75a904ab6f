"""The main loop of a camera process: pictures out, states out, commands in, until the engine is gone."""

import contextlib
import logging
import os
import threading
import time
from collections import deque
from dataclasses import asdict, replace
from typing import Any

import zmq

from camera import bus
from camera.orders import Orders
from camera.packets import Frame, SourceConfig
from camera.process.answers import NOT_FOUND, Body, refusal
from camera.process.aside import Aside
from camera.process.capture import Capture, FanOut, LiveOutput, PacketSink
from camera.process.clock import RealClock
from camera.process.configuration import Configuration
from camera.process.detection import Detection
from camera.process.doorbell import RingPictures
from camera.process.film import FilmOutlet, publisher
from camera.process.filmstore import FilmStore
from camera.process.flagged import Flagged, Then
from camera.process.late import Late
from camera.process.live import LiveSlot
from camera.process.outlets import JpegOutlet, Outlets
from camera.process.pushes import Pushes
from camera.process.recorder import Recorder
from camera.process.small import Small, SmallOutlet
from camera.process.snapshots import Snapshots
from camera.process.state import StateKeeper
from camera.process.transcode import Transcoder
from camera.sources import Source, Timeouts, every, open_source
from camera.sources.push import Inbox

logger = logging.getLogger(__name__)

TICK = 1.0
# After SIGTERM the source gets so long to end before the process goes on without it. Seconds.
SOURCE_GRACE = 1.0
# And all together: files are closed, hashed and reported meanwhile. The engine waits longer than this. Seconds.
GRACE = 6.0
# Of that, for the engine to say that it has the last reports.
_LAST_WORDS = 1.0
# Threads that end when all others have.
_LAST = ("recorder", "closeup", "late")


class CameraProcess:
    """Owns the sockets and the threads. `run` returns when stdin ends or `end` is called."""

    def __init__(self, configuration: Configuration, stdin: int = 0) -> None:
        assert configuration.endpoints is not None  # main asked for them
        self._camera, self._stdin = configuration.camera, stdin
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._over = False
        self._context: zmq.Context[Any] = zmq.Context()
        self._media = bus.MediaPublisher(self._context, configuration.endpoints.media_in)
        self._reports = bus.ReportSender(self._context, configuration.endpoints.reports, configuration.token)
        clock = RealClock()
        self._state_changed = threading.Event()
        self._slot = LiveSlot(self._on_picture)
        self._keeper = StateKeeper(configuration.camera, clock, self._on_online, self._on_state)
        self._transcoder = Transcoder(self._slot, self._keeper.blind)
        self._pictures = JpegOutlet(configuration.camera, self._media, self._slot, self._watch, self._sized)
        self._small = Small(self._slot, self._transcoder, self.wake, self._on_state)
        self._transcoder.small = self._small.offer
        self._small_pictures = SmallOutlet(configuration.camera, self._media, self._small)
        self._outlets = Outlets(self._media, [self._pictures, self._small_pictures])
        films = FilmStore(self.wake)
        self._film_media = publisher(self._context, configuration.endpoints.media_in)
        film = FilmOutlet(configuration.camera, self._film_media, films, self._keeper.films)
        self._film_outlets = Outlets(self._film_media, [film])
        self._outbox: deque[tuple[str, dict[str, Any], Then | None]] = deque()
        # To commands that are not answered at once.
        self._answers: deque[tuple[str, Body]] = deque()
        self._recorder = Recorder(self._report, self._on_state)
        self._detection = Detection(self._report, self._recorder.moved, self._recorder.ring.gop_until)
        self._transcoder.tap = self._detection.offer
        self._detection.pictured = self._recorder.pictured
        self._detection.stirred = self._small.moved
        self._snapshots = Snapshots()
        self._rings = RingPictures(self._report, self._recorder.ring.gop_until, self._recorder.pictured)
        live = LiveOutput(self._slot, self._transcoder)
        # While a source is opened: each of them watches whom this process connects to meanwhile.
        self._opening = threading.Lock()
        self._aside = Aside(configuration, self._detection, self._opening, self._transcoder.detect, clock)
        aside = [self._aside] if configuration.source.detect_address else []
        rest: list[PacketSink] = [self._small, self._snapshots, self._rings, *aside]
        output = FanOut([films, self._recorder, self._detection, live, *rest])
        self._capture = Capture(configuration.source, self._open, self._keeper, output, clock, configuration.timeouts)
        work = {
            "recorder": self._recorder.run,
            "closeup": self._recorder.closeup.run,
            "detection": self._detection.run,
            "transcoder": self._transcoder.run,
            "snapshots": self._snapshots.run,
            "rings": self._rings.run,
            "small": self._small.run,
            "capture": self._capture.run,
        }
        if aside:
            work["aside"] = self._aside.run
        self._inbox: Inbox | None = None
        if configuration.source.kind == "push":
            self._inbox = Inbox()
            self._late = Late(self._report)
            self._flagged = Flagged(self._report, self._inbox, self._late, self._recorder)
            self._pushes = Pushes(self._inbox, self._flagged, self._late)
            work |= {"late": self._late.run, "flagged": self._flagged.run}
        self._threads = {name: threading.Thread(target=run, name=name, daemon=True) for name, run in work.items()}
        self._orders = configuration.orders
        self._take(self._orders)

    def _open(self, config: SourceConfig, stop: threading.Event, timeouts: Timeouts) -> Source:
        """Called by the capture thread, before any picture of the source."""
        with self._opening:
            source = open_source(config, stop, timeouts, self._inbox)
        self._pictures.every = self._small_pictures.every = every(source)
        return source

    def wake(self) -> None:
        """Make the main loop look around; from any thread or signal handler."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._wake, 1)

    def end(self) -> None:
        """Leave at the next turn of the loop; from any thread or signal handler."""
        self._over = True
        self.wake()

    def _on_picture(self) -> None:
        if self._pictures.is_wanted:
            self.wake()

    def _on_online(self, is_online: bool) -> None:
        self._slot.open(is_online)
        self._small.open(is_online)

    def _on_state(self) -> None:
        self._state_changed.set()
        self.wake()

    def _report(self, kind: str, body: dict[str, Any], then: Then | None = None) -> None:
        """Something that is to become a row; from any thread. `then` gets the acknowledgement, in the main one."""
        self._outbox.append((kind, body, then))
        self.wake()

    def _answer(self, command: str, body: Body) -> None:
        """The answer to a command; from any thread."""
        self._answers.append((command, body))
        self.wake()

    def _take(self, orders: Orders) -> None:
        self._orders = orders
        for one in (self._recorder, self._detection, self._snapshots, self._rings):
            one.take(orders)
        if self._inbox is not None:
            self._flagged.take(orders)
            self._late.take(orders)
        self._aside.want(self._detection.wanted)
        self._small.detect(self._detection.wanted)

    def run(self) -> None:
        poller = zmq.Poller()
        for source in (self._media.socket, self._film_media.socket, self._reports.socket, self._stdin, self._wake):
            poller.register(source, zmq.POLLIN)
        for thread in self._threads.values():
            thread.start()
        next_tick = 0.0
        while not self._over:
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                self._tick()
            ready = dict(poller.poll(max(0, round((next_tick - time.monotonic()) * 1000))))
            if self._stdin in ready and not self._engine_lives():
                break
            self._turn()
        self._close()

    def _turn(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        if self._state_changed.is_set():
            self._say_state()
        self._outlets.turn()
        self._film_outlets.turn()
        for header, payload in self._reports.commands():
            if header.get("name") == "frame":
                self._pushed(header, payload)
            else:
                self._reports.reply(str(header.get("id", "")), self._obey(header))
        self._send_reports()

    def _pushed(self, header: dict[str, Any], payload: bytes) -> None:
        """A picture that was sent to this camera; whoever sent it has given up after the deadline."""
        command, deadline = str(header.get("id", "")), header.get("deadline")
        if not isinstance(deadline, int | float) or not time.time() <= deadline:
            return
        if self._inbox is None:
            self._answer(command, refusal(NOT_FOUND))
        else:
            self._pushes.take(header.get("body"), payload, deadline, lambda body: self._answer(command, body))

    def _obey(self, header: dict[str, Any]) -> dict[str, Any]:
        """Do what a command says; the answer to it."""
        if header.get("name") == "motion":
            return self._detection.hear(header.get("body"))
        if header.get("name") != "orders":
            return {"error": "unknown command"}
        try:
            orders = Orders.from_dict(header["body"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("orders that cannot be read (%s) were left aside", type(error).__name__)
            return {"error": "bad orders"}
        self._take(orders)
        self._say_state()
        return {"orders": orders.number}

    def _send_reports(self) -> None:
        while self._outbox:
            self._reports.report(*self._outbox.popleft())
        while self._answers:
            self._reports.reply(*self._answers.popleft())

    def _watch(self, on: bool) -> None:
        self._transcoder.watch(on)
        if not on and self._keeper.state().codec != "mjpeg":
            # Nobody keeps it up to date from here on; whoever comes next gets a new one.
            self._slot.clear()

    def _sized(self, frame: Frame) -> None:
        self._keeper.sized(frame.width, frame.height)

    def _tick(self) -> None:
        self._keeper.look()
        self._say_state()
        self._reports.resend()

    def _say_state(self) -> None:
        self._state_changed.clear()
        recorder = self._recorder
        state = replace(
            self._keeper.state(),
            recording=recorder.recording,
            reasons=recorder.reasons,
            orders=self._orders.number,
            moving=self._small.moving,
        )
        self._reports.state(asdict(state))

    def _engine_lives(self) -> bool:
        try:
            return bool(os.read(self._stdin, 4096))
        except OSError:
            return False

    def _close(self) -> None:
        """Close what is being written, and see that the engine hears of it, within GRACE."""
        began = time.monotonic()
        self._capture.stop.set()
        for one in (self._transcoder, self._small, self._detection, self._aside, self._snapshots, self._rings):
            one.stop()
        self._stop_pushes()
        self._join(began + SOURCE_GRACE, *(name for name in self._threads if name not in _LAST))
        self._recorder.stop()
        self._join(began + GRACE - _LAST_WORDS, *_LAST)
        self._last_words(time.monotonic() + _LAST_WORDS)
        self._media.close()
        self._film_media.close()
        self._reports.close()
        self._context.destroy(linger=200)

    def _stop_pushes(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
            self._flagged.stop()
            self._late.stop()

    def _join(self, deadline: float, *names: str) -> None:
        for name in names:
            if name in self._threads:
                self._threads[name].join(max(0.0, deadline - time.monotonic()))

    def _last_words(self, deadline: float) -> None:
        """Send what the engine does not have yet, and wait until it has it."""
        self._say_state()
        self._send_reports()
        self._reports.resend()
        while self._reports.kept and (left := deadline - time.monotonic()) > 0:
            self._reports.socket.poll(round(left * 1000))
            for _ in self._reports.commands():
                pass  # acknowledgements are taken care of there; it is too late for anything else
            if self._inbox is not None and not self._threads["flagged"].is_alive():
                self._flagged.settle()
            self._send_reports()
