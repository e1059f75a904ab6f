"""What is to stand on the broker, and what stands there: of each topic only the newest payload counts.

Nothing waits in a queue, so that a broker that is away or takes nothing costs nothing.
"""

import logging
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

# Messages that the broker has not confirmed yet.
MOST_FLYING = 20
# The largest that goes out, and what of it a topic may take. Bytes.
MOST_SENT, HEAD = 1024 * 1024, 512
# Sends a payload under a topic; its number, or None when it could not be sent.
Publish = Callable[[str, bytes], int | None]


class Board:
    """An empty payload takes a topic away. Belongs to one thread."""

    def __init__(self) -> None:
        self._wanted: dict[str, bytes] = {}
        # What the broker has confirmed, and what is on its way by its number.
        self._done: dict[str, bytes] = {}
        self._flying: dict[int, tuple[str, bytes]] = {}
        # In the order in which it is to go out.
        self._dirty: dict[str, None] = {}
        # What this broker does not take, told once, and the largest message that it does.
        self._refused: set[str] = set()
        self._most = MOST_SENT

    @property
    def is_settled(self) -> bool:
        """Whether the broker has confirmed everything."""
        return not self._dirty and not self._flying

    def wants(self, topic: str) -> bool:
        return topic in self._wanted

    def wanted(self, topic: str) -> bytes | None:
        return self._wanted.get(topic)

    def want(self, wanted: Mapping[str, bytes]) -> None:
        """These topics, and no others of those that were wanted before."""
        for topic, payload in wanted.items():
            if self._wanted.get(topic) is not payload and self._done.get(topic) != payload:
                self._dirty[topic] = None
        for topic in [topic for topic in self._wanted if topic not in wanted]:
            self._dirty[topic] = None
        self._wanted = dict(wanted)

    def only(self, topic: str, payload: bytes) -> None:
        """Nothing but this is to go out any more."""
        self._wanted[topic] = payload
        self._dirty = {topic: None}

    def again(self, topic: str) -> None:
        """The broker has something else there by now."""
        self._done.pop(topic, None)
        self._dirty[topic] = None

    def clear(self, topic: str) -> None:
        """Take away what the broker keeps there, unless it is wanted."""
        if topic not in self._wanted:
            self.again(topic)

    def begin(self, most: int) -> None:
        """A new connection: nothing is known of what the broker has. `most`: bytes of the largest message it takes."""
        self._most = min(most, MOST_SENT)
        self._done.clear()
        self._flying.clear()
        self._refused.clear()
        self._dirty = dict.fromkeys([*self._wanted, *(topic for topic in self._dirty if topic not in self._wanted)])

    def lost(self) -> None:
        """What was on its way may never have come."""
        self._flying.clear()

    def send(self, publish: Publish) -> None:
        """As much of what is to go out as may be on its way at once."""
        in_flight = {topic for topic, _ in self._flying.values()}
        for topic in [topic for topic in self._dirty if topic not in in_flight]:
            if len(self._flying) >= MOST_FLYING:
                return
            del self._dirty[topic]
            payload = self._wanted.get(topic, b"")
            if self._done.get(topic) == payload:
                continue
            if len(payload) > self._most - HEAD:
                self._refuse(topic, "it is too large")
                continue
            number = publish(topic, payload)
            if number is None:
                self._dirty[topic] = None
                return
            self._flying[number] = (topic, payload)

    def confirmed(self, number: int, fault: str = "") -> None:
        """The broker has taken the message with that number, or says why not."""
        if number not in self._flying:
            return
        topic, payload = self._flying.pop(number)
        if fault:
            self._refuse(topic, fault)
        if topic not in self._wanted:
            self._done.pop(topic, None)
        else:
            self._done[topic] = payload
            if self._wanted[topic] != payload:
                self._dirty[topic] = None

    def _refuse(self, topic: str, why: str) -> None:
        if topic not in self._refused:
            self._refused.add(topic)
            logger.warning("MQTT: the broker does not take %s: %s", topic, why)
