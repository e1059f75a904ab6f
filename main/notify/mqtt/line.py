"""The connection to the broker. It is never waited for: what is to stand there stays on the board until it is taken."""

import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from main.notify.mqtt import faults
from main.notify.mqtt.board import MOST_SENT, Board
from main.notify.mqtt.standing import Standing
from main.notify.mqtt.topics import OFFLINE, ONLINE, Names, State
from surveillance.broker import Broker

logger = logging.getLogger(__name__)

# Seconds.
KEEP_ALIVE, ANSWER, CONNECT = 15, 10.0, 5.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
# A connection that held so long was a good one: after it the waits begin anew.
GOOD = 30.0
# So many that did not, one after another, are no accident.
SHORT = 2
# The largest message that the broker may send, in bytes.
MOST_TAKEN = 64 * 1024
_SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS


@dataclass(slots=True)
class Backoff:
    """Waits that double, each with some chance in it so that not all come back at once."""

    step: int = 0

    def next(self) -> float:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.step, 10))
        self.step += 1
        return wait * random.uniform(0.7, 1.0)  # noqa: S311 (spread, not secrecy)


class Line:
    """Belongs to one thread, which calls `turn` whenever `fileno` can be read (or written, when `wants_to_write`), and
    a few times a second. `ordered` is called with the topic and payload of each command."""

    def __init__(self, broker: Broker, names: Names, board: Board, ordered: Callable[[str, bytes], None]) -> None:
        self.standing = Standing()
        self._broker, self._names, self._board, self._ordered = broker, names, board, ordered
        self._backoff = Backoff()
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._client: Client | None = None
        self._next_try = self._began = 0.0
        self._short = 0

    @property
    def fileno(self) -> int | None:
        sock = self._client.socket() if self._client is not None else None
        return sock.fileno() if sock is not None else None

    @property
    def wants_to_write(self) -> bool:
        return self._client is not None and self._client.want_write()

    def turn(self) -> None:
        """Connect when it is time, and do what the connection has to do. Blocks only while it connects."""
        now = time.monotonic()
        if self._client is None:
            if now >= self._next_try:
                self._connect()
            return
        self._read_and_write(self._client)
        if self._client is not None and not self.standing.up and now - self._began > ANSWER:
            self._failed(faults.SILENT)
        self._send()

    def _send(self) -> None:
        if self.standing.up and self._client is not None:
            self._board.send(self._publish)

    def _publish(self, topic: str, payload: bytes) -> int | None:
        if self._client is None:
            return None
        info = self._client.publish(topic, payload, qos=1, retain=True)
        return info.mid if info.rc == _SUCCESS else None

    def _read_and_write(self, client: Client) -> None:
        results = [client.loop_read()]
        # What TLS has decrypted already rings no bell.
        while results[-1] == _SUCCESS and client is self._client and _pending(client):
            results.append(client.loop_read())
        if client.want_write():
            results.append(client.loop_write())
        results.append(client.loop_misc())
        if client is self._client and any(result != _SUCCESS for result in results):
            self._failed(self._lost() if self.standing.up else faults.CLOSED)

    def _lost(self) -> str:
        """Not every broker says that somebody else came under this house's name; then both push each other out."""
        return faults.AGAIN if self._short >= SHORT else faults.LOST

    def _connect(self) -> None:
        client = self._made()
        try:
            if self._broker.tls:
                client.tls_set_context(ssl.create_default_context(cafile=self._broker.ca or None))
            client.connect(self._broker.host, self._broker.port, KEEP_ALIVE, properties=self._limits())
        except (OSError, ValueError) as error:
            self._failed(faults.unreachable(error, self._broker))
            return
        self._began = time.monotonic()
        self._client = client

    def _made(self) -> Client:
        """A new one for each connection: nothing of the one before waits in it."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            # Under the same name the broker ends an old connection, and says its last will, before it takes the new.
            client_id=f"fairwatch-{self._names.node}",
            protocol=self._protocol,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password or None)
        client.will_set(self._names.status, OFFLINE, qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._answered, self._left
        client.on_publish, client.on_message = self._confirmed, self._told
        return client

    def _limits(self) -> Properties | None:
        if self._protocol != MQTTProtocolVersion.MQTTv5:
            return None
        limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        limits.MaximumPacketSize = MOST_TAKEN
        return limits

    def _answered(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            if code.getName() == faults.OLD_PROTOCOL and self._protocol == MQTTProtocolVersion.MQTTv5:
                self._protocol, self._backoff = MQTTProtocolVersion.MQTTv311, Backoff()
            self._failed(faults.refused(code))
            return
        self._stand(True, f"Connected to {self._broker.host}, port {self._broker.port}.")
        self._board.begin(int(getattr(properties, "MaximumPacketSize", MOST_SENT)))
        topics = [self._names.status, *self._names.kept]
        if self._broker.commands:
            topics.append(self._names.commands)
        client.subscribe([(topic, 1) for topic in topics])

    def _left(self, client: Client, _: Any, flags: DisconnectFlags, code: ReasonCode, properties: Any) -> None:
        if client is self._client and flags.is_disconnect_packet_from_server:
            self._failed(faults.refused(code))

    def _confirmed(self, client: Client, _: Any, mid: int, code: ReasonCode, properties: Any) -> None:
        self._board.confirmed(mid, code.getName() if code.is_failure else "")

    def _told(self, client: Client, _: Any, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        if topic == self._names.status:
            if payload == OFFLINE.encode() and self._board.wanted(topic) == ONLINE.encode():
                # The last will of a connection that the broker gave up later than we did.
                self._board.again(topic)
        elif self._names.is_config(topic):
            if payload:
                self._board.clear(topic)
        elif (slug := self._names.slug_of(topic)) is not None:
            if payload and not self._board.wants(topic):
                for state in State:
                    self._board.clear(self._names.state(slug, state))
        elif message.retain:
            # They would be done again at each start. Each is kept once, so they are as few as topics.
            logger.info("MQTT: a command that the broker keeps is not done: %.100r", topic)
        else:
            self._ordered(topic, payload)

    def _failed(self, words: str) -> None:
        client, self._client = self._client, None
        if client is not None:
            # Without a goodbye, so that the last will is said.
            _shut(client)
        self._board.lost()
        if self.standing.up:
            is_good = time.monotonic() - self._began > GOOD
            self._short = 0 if is_good else self._short + 1
            self._backoff = Backoff() if is_good else self._backoff
        self._next_try = time.monotonic() + self._backoff.next()
        self._stand(False, words)

    def _stand(self, up: bool, words: str) -> None:
        """One line in the log for each change, not for each try."""
        if (up, words) != (self.standing.up, self.standing.words):
            self.standing = Standing(up, words)
            logger.log(logging.INFO if up else logging.WARNING, "MQTT: %s", words)

    def close(self, seconds: float = 2.0) -> None:
        """Say goodbye: the broker is told `offline` and keeps the rest."""
        self._board.only(self._names.status, OFFLINE.encode())
        until = time.monotonic() + seconds
        while self._client is not None and self.standing.up and time.monotonic() < until:
            self.turn()
            if self._board.is_settled:
                break
            time.sleep(0.01)
        client, self._client = self._client, None
        if client is None:
            return
        if self._board.is_settled:
            client.disconnect()
            while client.want_write() and client.loop_write() == _SUCCESS:
                continue
        # Otherwise without a goodbye: then the broker says the last will.
        _shut(client)


def _pending(client: Client) -> bool:
    sock = client.socket()
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _shut(client: Client) -> None:
    client.on_disconnect = None
    sock = client.socket()
    if sock is not None:
        sock.close()
