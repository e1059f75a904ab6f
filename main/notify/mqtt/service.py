"""The house on a broker, run in a thread of the notifier. Nothing here is ever waited for by anybody else."""

import logging
import threading
import time
from pathlib import Path

import zmq
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from camera import bus
from camera.engine.news import WhenNew
from camera.packets import StateName
from main.models import SiteSettings
from main.notify.mqtt.board import Board
from main.notify.mqtt.discovery import Subject, Teller
from main.notify.mqtt.happening import Happening, Rows, read_rows
from main.notify.mqtt.line import Line
from main.notify.mqtt.media import Media
from main.notify.mqtt.orders import Orders
from main.notify.mqtt.pictures import Stills
from main.notify.mqtt.showing import Showing
from main.notify.mqtt.standing import Notice
from main.notify.mqtt.topics import OFF, ON, ONLINE, Names, State
from surveillance.broker import Broker

logger = logging.getLogger(__name__)

# Without a word from the engine the rows are looked at this often; what time alone brings about, when nobody writes.
# Seconds.
LOOK_EVERY, LOOK_ANYWAY = 2.0, 10.0
# How long a turn waits for something to happen, in milliseconds.
TURN = 250
ALARMS = "mqtt-alarms.json"


def run(stop: threading.Event) -> None:
    """Until `stop`, and not much longer: a connection that is being tried may take seconds."""
    if settings.MQTT_URL is None:
        return
    service = Service(settings.MQTT_URL, Path(settings.RUN_DIR))
    try:
        while not stop.is_set():
            service.turn()
    finally:
        service.close()
        connections.close_all()


class Service:
    """`turn` waits a quarter of a second for something to happen, and sees to it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._names = Names(broker.prefix, broker.discovery)
        self._broker, self._notice = broker, Notice(folder)
        self._media = Media(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out)
        self._orders = Orders(self._names, folder / ALARMS, self._look_soon)
        self._board = Board()
        self._line = Line(broker, self._names, self._board, self._orders.take)
        self._happening, self._stills, self._showing = Happening(), Stills(), Showing()
        self._rows, self._teller = Rows(), self._told_by("")
        self._configs: dict[Subject, dict[str, bytes]] = {}
        self._when_new = WhenNew(self._look, LOOK_ANYWAY)
        self._due, self._has_looked = 0.0, False
        self._orders.start()

    def _told_by(self, url: str) -> Teller:
        return Teller(self._names, settings.VERSION, url, self._broker.commands)

    def _look_soon(self) -> None:
        """Called in any thread."""
        self._due = 0.0

    def turn(self) -> None:
        self._wait()
        now = time.monotonic()
        if self._media.take():
            self._due = 0.0
        if now >= self._due:
            self._due = now + LOOK_EVERY
            try:
                self._when_new()
                self._look_at_stills(now)
            except DatabaseError as error:
                logger.warning("MQTT: what happens is told later: %s", error)
            close_old_connections()
        if self._has_looked:
            # Not before: what is not wanted is taken away from the broker.
            self._board.want(self._wanted())
            self._line.turn()
        self._notice.tell(self._line.standing)

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._media.socket, zmq.POLLIN)
        number = self._line.fileno
        if number is not None and number >= 0:
            poller.register(number, zmq.POLLIN | (zmq.POLLOUT if self._line.wants_to_write else 0))
        poller.poll(TURN)

    def _look(self) -> None:
        """Raises DatabaseError."""
        self._happening.look()
        rows = read_rows(stills=self._broker.pictures)
        teller = self._told_by(SiteSettings.load().house_url.rstrip("/"))
        if rows != self._rows or teller != self._teller or not self._has_looked:
            self._rows, self._teller = rows, teller
            self._configs = {camera: teller.configs(camera) for camera in rows.cameras}
        self._has_looked = True

    def _look_at_stills(self, now: float) -> None:
        """Raises DatabaseError."""
        is_up = self._line.standing.up
        cameras = [camera for camera in self._rows.cameras if camera.stills] if is_up else []
        if is_up:
            self._stills.look([camera.slug for camera in cameras], now)
        self._showing.show([camera.pk for camera in cameras if self._stills.of(camera.slug)], now)

    def _wanted(self) -> dict[str, bytes]:
        """Everything that is to stand on the broker, in the order in which it goes there."""
        found: dict[str, bytes] = {}
        sensed = self._happening.sensed()
        if self._names.discovery:
            for configs in self._configs.values():
                found |= configs
        for camera in self._rows.cameras:
            for what, on in self._states(camera, sensed.get(camera.pk, set())).items():
                found[self._names.state(camera.slug, what)] = (ON if on else OFF).encode()
            still = self._stills.of(camera.slug) if camera.stills else b""
            if still:
                found[self._names.state(camera.slug, State.STILL)] = still
        # Last, so that nothing is believed before it is there.
        return found | {self._names.status: ONLINE.encode()}

    def _states(self, camera: Subject, sensed: set[State]) -> dict[State, bool]:
        state = self._media.state(camera.pk)
        return {
            State.ONLINE: state.state == StateName.ONLINE,
            State.MOTION: State.MOTION in sensed,
            State.PERSON: State.PERSON in sensed,
            State.RING: State.RING in sensed,
            State.RECORDING: state.recording,
            State.RECORD: camera.pk in self._rows.asked,
        }

    def close(self) -> None:
        self._line.close()
        self._showing.show([], time.monotonic())
        self._orders.close()
        self._media.close()
        self._notice.remove()
