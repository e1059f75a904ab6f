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
from camera.process.capture import Capture, FanOut, LiveOutput
from camera.process.clock import RealClock
from camera.process.configuration import Configuration
from camera.process.detection import Detection
from camera.process.live import LiveSlot
from camera.process.recorder import Recorder
from camera.process.state import StateKeeper
from camera.process.transcode import Transcoder
from camera.sources import Source, Timeouts, every, open_source

logger = logging.getLogger(__name__)

TICK = 1.0
# After SIGTERM the source gets so long to end before the process goes on without it. Seconds.
SOURCE_GRACE = 1.0
# And all together: files are closed, hashed and reported meanwhile. The engine waits longer than this. Seconds.
GRACE = 6.0
# Of that, for the engine to say that it has the last reports.
_LAST_WORDS = 1.0


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
        self._topic = bus.topic(bus.JPEG, configuration.camera)
        clock = RealClock()
        self._state_changed = threading.Event()
        self._wanted = False
        self._every = 0.0
        self._slot = LiveSlot(self._on_picture)
        self._keeper = StateKeeper(configuration.camera, clock, self._slot.open, self._on_state)
        self._transcoder = Transcoder(self._slot, self._keeper.blind)
        self._outbox: deque[tuple[str, dict[str, Any]]] = deque()
        self._recorder = Recorder(self._report, self._on_state)
        self._detection = Detection(self._report, self._recorder.moved, self._recorder.ring.gop_until)
        self._transcoder.tap = self._detection.offer
        self._detection.pictured = self._recorder.pictured
        output = FanOut([self._recorder, self._detection, LiveOutput(self._slot, self._transcoder)])
        self._capture = Capture(configuration.source, self._open, self._keeper, output, clock, configuration.timeouts)
        work = {
            "recorder": self._recorder.run,
            "closeup": self._recorder.closeup.run,
            "detection": self._detection.run,
            "transcoder": self._transcoder.run,
            "capture": self._capture.run,
        }
        self._threads = {name: threading.Thread(target=run, name=name, daemon=True) for name, run in work.items()}
        self._orders = configuration.orders
        self._take(self._orders)

    def _open(self, config: SourceConfig, stop: threading.Event, timeouts: Timeouts) -> Source:
        """Called by the capture thread, before any picture of the source."""
        source = open_source(config, stop, timeouts)
        self._every = every(source)
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
        if self._wanted:
            self.wake()

    def _on_state(self) -> None:
        self._state_changed.set()
        self.wake()

    def _report(self, kind: str, body: dict[str, Any]) -> None:
        """Something that is to become a row; from any thread."""
        self._outbox.append((kind, body))
        self.wake()

    def _take(self, orders: Orders) -> None:
        self._orders = orders
        self._recorder.take(orders)
        self._detection.take(orders)
        self._transcoder.detect(self._detection.wanted)

    def run(self) -> None:
        poller = zmq.Poller()
        for source in (self._media.socket, self._reports.socket, self._stdin, self._wake):
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
        has_newcomer = self._subscriptions()
        frame = self._slot.take()
        if frame is None and has_newcomer:
            frame = self._slot.newest()
        if frame is not None and self._wanted:
            self._publish(frame)
        for header, _ in self._reports.commands():
            self._reports.reply(str(header.get("id", "")), self._obey(header))
        self._send_reports()

    def _obey(self, header: dict[str, Any]) -> dict[str, Any]:
        """Do what a command says; the answer to it."""
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

    def _subscriptions(self) -> bool:
        """Who looks; True when somebody has just come."""
        was_wanted = self._wanted
        has_newcomer = self._topic in list(self._media.subscriptions())
        self._wanted = self._topic in self._media.wanted
        if self._wanted != was_wanted:
            self._transcoder.watch(self._wanted)
        if was_wanted and not self._wanted and self._keeper.state().codec != "mjpeg":
            # Nobody keeps it up to date from here on; whoever comes next gets a new one.
            self._slot.clear()
        return has_newcomer

    def _publish(self, frame: Frame) -> None:
        self._keeper.sized(frame.width, frame.height)
        header = {"t": frame.captured_at, "seq": frame.seq, "w": frame.width, "h": frame.height, "every": self._every}
        self._media.send(self._topic, header, frame.data)

    def _tick(self) -> None:
        self._keeper.look()
        self._say_state()
        self._reports.resend()

    def _say_state(self) -> None:
        self._state_changed.clear()
        recorder = self._recorder
        state = replace(
            self._keeper.state(), recording=recorder.recording, reasons=recorder.reasons, orders=self._orders.number
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
        self._transcoder.stop()
        self._detection.stop()
        self._join(began + SOURCE_GRACE, "capture", "transcoder", "detection")
        self._recorder.stop()
        self._join(began + GRACE - _LAST_WORDS, "recorder", "closeup")
        self._last_words(time.monotonic() + _LAST_WORDS)
        self._media.close()
        self._reports.close()
        self._context.destroy(linger=200)

    def _join(self, deadline: float, *names: str) -> None:
        for name in names:
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
