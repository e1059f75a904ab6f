"""A real broker for tests (mosquitto on a free port of loopback), somebody who listens there, and the house's end."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from django.conf import settings
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from main.notify.mqtt import line, service
from surveillance.broker import Broker
from tests.house import end_with_parent, free_port, wait_for

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
NAME, PASSWORD = "fairwatch", "p@ss w#rd/?"
needs_mosquitto = pytest.mark.skipif(not Path(MOSQUITTO).exists(), reason="mosquitto is not installed")


def make_authority(folder: Path, name: str, host: str = "127.0.0.1") -> tuple[Path, Path, Path]:
    """Files: (authority, certificate that it has signed for `host`, its key)."""
    folder.mkdir(parents=True, exist_ok=True)
    made = tuple(folder / f"{name}{end}" for end in ("-ca.pem", ".pem", ".key"))
    authority_key, request, more = folder / f"{name}-ca.key", folder / f"{name}.csr", folder / f"{name}.ext"
    kind = "IP" if host[0].isdigit() else "DNS"
    more.write_text(f"subjectAltName={kind}:{host}\nbasicConstraints=CA:FALSE\n")
    steps: list[list[object]] = [
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name} authority",
         "-keyout", authority_key, "-out", made[0]],
        ["req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout", made[2], "-out", request],
        ["x509", "-req", "-in", request, "-CA", made[0], "-CAkey", authority_key, "-CAcreateserial", "-days", "30",
         "-extfile", more, "-out", made[1]],
    ]  # fmt: skip
    for step in steps:
        subprocess.run(["openssl", *map(str, step)], check=True, capture_output=True, timeout=60)
    return made[0], made[1], made[2]


@dataclass
class Mosquitto:
    """`lines`: more of its configuration. Ends with the block, or by `kill`."""

    folder: Path
    lines: tuple[str, ...] = ("allow_anonymous true",)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *self.lines, ""]))
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [MOSQUITTO, "-v", "-c", str(path)], stdout=log, stderr=log, preexec_fn=end_with_parent  # noqa: PLW1509
            )  # fmt: skip
        wait_for(lambda: b" running" in self.said(), 20, f"mosquitto; it said {self.said()!r}")

    def said(self) -> bytes:
        return (self.folder / "mosquitto.log").read_bytes()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(20)
        (self.folder / "mosquitto.log").write_bytes(b"")

    def pause(self, *, on: bool) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def broker(self) -> Broker:
        return Broker("127.0.0.1", self.port)


def with_password(folder: Path) -> tuple[str, ...]:
    """Configuration under which only NAME with PASSWORD comes in."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(path), NAME, PASSWORD], check=True, timeout=20)
    os.chmod(path, 0o600)
    return ("allow_anonymous false", f"password_file {path}")


class Listener:
    """Somebody else at the broker, such as Home Assistant: hears everything, and says what it is told to."""

    def __init__(self, broker: Broker) -> None:
        self._lock = threading.Lock()
        # By topic: what came, oldest first; and what the broker keeps there now.
        self.heard: dict[str, list[bytes]] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        if broker.username:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._client.tls_set(ca_certs=broker.ca)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = self._note
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def _note(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        with self._lock:
            self.heard.setdefault(message.topic, []).append(bytes(message.payload))

    def last(self, topic: str) -> bytes | None:
        with self._lock:
            return self.heard.get(topic, [None])[-1]

    def kept(self, begin: str = "") -> dict[str, bytes]:
        """What stands under topics that begin so; an empty payload takes a topic away."""
        with self._lock:
            return {topic: said[-1] for topic, said in self.heard.items() if said[-1] and topic.startswith(begin)}

    def waits(self, topic: str, payload: bytes | str, seconds: float = 15) -> None:
        wanted = payload.encode() if isinstance(payload, str) else payload
        wait_for(lambda: self.last(topic) == wanted, seconds, f"{wanted!r} at {topic}, not {self.last(topic)!r}")

    def config(self, topic: str) -> dict[str, Any]:
        return dict(json.loads(self.last(topic) or b"null"))

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker)
    try:
        wait_for(listener._client.is_connected, 15, "the listener at the broker")
        yield listener
    finally:
        listener.close()


@contextmanager
def on_the_broker(broker: Broker, **changes: Any) -> Iterator[service.Service]:
    """The house's end, in a thread of its own; no waits between tries that would make tests long."""
    stop, made = threading.Event(), service.Service(replace(broker, **changes), Path(settings.RUN_DIR))

    def turn() -> None:
        from django.db import connections

        try:
            while not stop.is_set():
                made.turn()
        finally:
            made.close()
            connections.close_all()

    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr(line, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(line, "LONGEST_WAIT", 0.2)


def words_of(made: service.Service) -> Callable[[], str]:
    return lambda: made._line.standing.words


def until_up(made: service.Service) -> None:
    wait_for(lambda: made._line.standing.up, 20, f"the broker; {made._line.standing.words}")


def settled(made: service.Service) -> None:
    wait_for(lambda: made._line.standing.up and made._board.is_settled, 20, "everything to be on the broker")
