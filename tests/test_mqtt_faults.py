"""Brokers that refuse, hang, vanish and come back: told in words, waited for by nobody, and put right afterwards."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from camera.models import Camera
from main.notify.mqtt.service import Service, run
from main.notify.mqtt.standing import how_it_stands
from surveillance.broker import Broker
from tests.house import free_port, wait_for
from tests.mqtt_kit import (
    NAME,
    PASSWORD,
    Mosquitto,
    listening,
    make_authority,
    needs_mosquitto,
    on_the_broker,
    settled,
    soon,
    until_up,
    with_password,
    words_of,
)

__all__ = ["soon"]
pytestmark = [
    pytest.mark.peers,
    pytest.mark.django_db(transaction=True),
    needs_mosquitto,
    pytest.mark.usefixtures("soon"),
]


def says(made: Service, *words: str) -> None:
    """One of these, and pages are told the same."""
    wait_for(lambda: any(one in words_of(made)() for one in words), 20, f"{words}, not «{words_of(made)()}»")
    told = words_of(made)()
    wait_for(lambda: (now := how_it_stands()) is not None and now.words == words_of(made)(), 10, f"«{told}» for pages")


@contextmanager
def listens(serve: Callable[[socket.socket], None]) -> Iterator[Broker]:
    """A server that is no broker: each connection is given to `serve`, then closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                try:
                    connection = server.accept()[0]
                except TimeoutError:
                    continue
                with connection:
                    serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield Broker("127.0.0.1", server.getsockname()[1])
        over.set()
        thread.join(10)


def test_by_password_and_encrypted_and_what_is_wrong_with_either_is_said(
    tmp_path: Path, yard: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    authority, certificate, key = make_authority(tmp_path, "right")
    wrong, *_ = make_authority(tmp_path, "wrong")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing\n")
    lines = (*with_password(tmp_path), f"certfile {certificate}", f"keyfile {key}")
    with Mosquitto(tmp_path / "broker", lines) as mosquitto:
        broker = replace(mosquitto.broker, tls=True, username=NAME, password=PASSWORD, ca=str(authority))
        with on_the_broker(broker) as house, listening(broker) as ha:
            settled(house)
            ha.waits("fairwatch/status", "online")
        cases: list[tuple[dict[str, object], tuple[str, ...]]] = [
            ({"password": "not this one"}, ("user name",)),
            ({"username": "", "password": ""}, ("user name",)),
            ({"ca": str(wrong)}, ("not signed by an authority known to the file that ca",)),
            ({"ca": ""}, ("not signed by an authority known to this machine",)),
            ({"ca": str(nothing)}, ("holds no certificate that can be read",)),
            ({"host": "localhost"}, ("is for another name than localhost",)),
            ({"tls": False}, ("Perhaps it wants encryption",)),
        ]
        for changes, words in cases:
            with on_the_broker(broker, **changes) as house:
                says(house, *words)
    assert PASSWORD not in caplog.text and "not this one" not in caplog.text


def test_where_no_broker_is_it_is_said_once_and_not_for_each_try(
    tmp_path: Path, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "main.notify.mqtt")
    port = free_port()
    with on_the_broker(Broker("127.0.0.1", port)) as house:
        says(house, f"At 127.0.0.1, port {port} nobody listens.")
        wait_for(lambda: house._line._backoff.step > 5, 20, "more tries")
        assert [record.message for record in caplog.records] == [f"MQTT: At 127.0.0.1, port {port} nobody listens."]
        with Mosquitto(tmp_path, port=port):
            until_up(house)
        says(house, "was lost", "nobody listens")
    assert how_it_stands() is None
    with on_the_broker(Broker("no-such-host.invalid", 1883)) as house:
        says(house, "The host no-such-host.invalid is not known.")


def test_what_is_no_broker_is_told_as_such(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.notify.mqtt.line.ANSWER", 0.5)
    with listens(lambda connection: time.sleep(0)) as broker, on_the_broker(broker) as house:
        says(house, "closed the connection before it answered")
    held = threading.Event()
    with listens(lambda connection: bool(held.wait(20))) as broker, on_the_broker(broker) as house:  # type: ignore[arg-type, return-value]
        says(house, "took the connection but does not answer")
        held.set()
    with listens(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as broker:
        with on_the_broker(broker, tls=True) as house:
            says(house, "nobody speaks TLS")
        with on_the_broker(broker) as house:
            says(house, "closed the connection before it answered")


def test_an_old_broker_is_spoken_to_in_its_own_version(db: None) -> None:
    """One that knows MQTT 3.1.1 alone refuses version 5 so."""
    versions: list[int] = []

    def serve(connection: socket.socket) -> None:
        connection.settimeout(10)
        versions.append(connection.recv(4096)[8])
        connection.sendall(b"\x20\x02\x00\x01" if versions[-1] == 5 else b"\x20\x02\x00\x00")
        if versions[-1] != 5:
            connection.recv(4096)

    with listens(serve) as broker, on_the_broker(broker):
        wait_for(lambda: 4 in versions, 20, "version 3.1.1")
    assert versions[:2] == [5, 4]


def test_a_broker_that_restarts_empty_is_told_everything_again(tmp_path: Path, yard: Camera) -> None:
    with Mosquitto(tmp_path) as mosquitto, on_the_broker(mosquitto.broker) as house:
        settled(house)
        with listening(mosquitto.broker) as ha:
            ha.waits("fairwatch/yard/online", "OFF")
            before = ha.kept()
        mosquitto.stop(9)
        wait_for(lambda: not house._line.standing.up, 20, "the loss to be noticed")
        mosquitto.start()
        settled(house)
        with listening(mosquitto.broker) as ha:
            ha.waits("fairwatch/status", "online")
            wait_for(lambda: ha.kept() == before, 15, "everything again")


def test_a_broker_that_hangs_holds_nothing_up_and_nothing_heaps_up(
    tmp_path: Path, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        Camera.objects.create(name=f"Number {number}", slug=f"number-{number}", kind="pattern")
    with Mosquitto(tmp_path) as mosquitto, on_the_broker(mosquitto.broker) as house:
        settled(house)
        mosquitto.pause(on=True)
        try:
            turns = [time.monotonic()]
            for number in range(30):
                Camera.objects.update(name=f"Round {number}")
                house._look_soon()
                count = len(house._board._flying)
                assert count <= 20
                wait_for(lambda: house._due > 0, 10, "a look at the rows while the broker hangs")
                turns.append(time.monotonic())
            assert max(after - before for before, after in zip(turns, turns[1:], strict=False)) < 5
        finally:
            mosquitto.pause(on=False)
        settled(house)
        with listening(mosquitto.broker) as ha:
            ha.waits("fairwatch/status", "online")
            configs = list(ha.kept("homeassistant/camera/").values())
        assert len(configs) == 41
        assert {json.loads(config)["device"]["name"] for config in configs} == {"Round 29"}


def test_another_house_of_the_same_name_is_told_of(tmp_path: Path, db: None) -> None:
    with Mosquitto(tmp_path) as mosquitto, on_the_broker(mosquitto.broker) as house:
        settled(house)
        with on_the_broker(mosquitto.broker):
            says(house, "under this house's name")
            assert house._line._backoff.step > 2


def test_a_last_will_that_comes_late_is_put_right(tmp_path: Path, db: None) -> None:
    with Mosquitto(tmp_path) as mosquitto, on_the_broker(mosquitto.broker) as house:
        settled(house)
        with listening(mosquitto.broker) as ha:
            ha.waits("fairwatch/status", "online")
            ha.say("fairwatch/status", "offline", retain=True)
            wait_for(lambda: ha.heard["fairwatch/status"][-2:] == [b"offline", b"online"], 15, "the house's own word")


def test_where_no_broker_is_named_nothing_runs() -> None:
    assert settings.MQTT_URL is None
    run(threading.Event())
    assert how_it_stands() is None
