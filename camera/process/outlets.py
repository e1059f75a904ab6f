"""What a camera process publishes for those who look: one outlet for each form, each only while somebody wants it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from camera import bus
from camera.packets import Frame
from camera.process.live import LiveSlot


class Outlet(Protocol):
    """One form of live pictures. Everything here is called by the main thread; work is done in threads of its own."""

    topics: frozenset[bytes]

    def wanted(self, topics: frozenset[bytes]) -> None:
        """Which of its topics somebody has subscribed to now; called when that changes."""

    def newcomer(self, topic: bytes) -> None:
        """Somebody has just subscribed and is to see something at once, at the next `publish`."""

    def publish(self) -> None:
        """Send what is there to be sent."""


class Outlets:
    """All forms of one camera, on one publisher. Not for sharing between threads."""

    def __init__(self, publisher: bus.MediaPublisher, outlets: Sequence[Outlet]) -> None:
        self._publisher, self._outlets = publisher, tuple(outlets)
        self._told: frozenset[bytes] = frozenset()

    def turn(self) -> None:
        """Hear who looks, and send; in every turn of the loop."""
        news = list(self._publisher.subscriptions())
        if news or self._publisher.wanted != self._told:
            self._tell(news)
        for outlet in self._outlets:
            outlet.publish()

    def _tell(self, news: list[bytes]) -> None:
        wanted = frozenset(self._publisher.wanted)
        for outlet in self._outlets:
            if wanted & outlet.topics != self._told & outlet.topics:
                outlet.wanted(wanted & outlet.topics)
            for topic in news:
                if topic in outlet.topics:
                    outlet.newcomer(topic)
        self._told = wanted


class JpegOutlet:
    """Whole pictures as JPEG."""

    def __init__(
        self,
        camera: int,
        publisher: bus.MediaPublisher,
        slot: LiveSlot,
        watch: Callable[[bool], None],
        sent: Callable[[Frame], None],
    ) -> None:
        """`watch` is told when somebody begins or ceases to look; `sent` gets each picture right before it goes."""
        self._topic = bus.topic(bus.JPEG, camera)
        self.topics = frozenset({self._topic})
        self._publisher, self._slot, self._watch, self._sent = publisher, slot, watch, sent
        # Seconds from picture to picture that the camera is asked for; 0 when it sends as it likes.
        self.every = 0.0
        self.is_wanted = False
        self._has_newcomer = False

    def wanted(self, topics: frozenset[bytes]) -> None:
        self.is_wanted = bool(topics)
        self._watch(self.is_wanted)

    def newcomer(self, topic: bytes) -> None:
        self._has_newcomer = True

    def publish(self) -> None:
        frame = self._slot.take()
        if frame is None and self._has_newcomer:
            frame = self._slot.newest()
        self._has_newcomer = False
        if frame is None or not self.is_wanted:
            return
        self._sent(frame)
        header = {"t": frame.captured_at, "seq": frame.seq, "w": frame.width, "h": frame.height, "every": self.every}
        self._publisher.send(self._topic, header, frame.data)
