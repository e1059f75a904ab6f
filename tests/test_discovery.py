"""Cameras are found by WS-Discovery, and nothing that answers it can do harm."""

import socket
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from camera.discovery import GROUP, discover, read
from camera.sources.net import Peer
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_probe import PORT, DiscoveryResponder, matches


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    with OnvifCamera() as one:
        yield one


def ask(*to: Peer, seconds: float = 0.35, known: tuple[str, ...] = (), **how: bool) -> list[tuple[str, str, str, bool]]:
    found = discover(seconds, known, to, **({"allow_loopback": True} | how), interfaces=["127.0.0.1"])  # type: ignore[arg-type]
    return [(one.address, one.name, one.model, one.known) for one in found]


def answered(*replies: bytes, seconds: float = 0.25) -> list[tuple[str, str, str, bool]]:
    """What is found when a device at 127.0.0.2 answers with these, all of them to each question."""
    with DiscoveryResponder(port=0) as device:
        device.replies = list(replies)
        return ask(device.place, seconds=seconds)


def test_a_camera_is_found_once_with_its_name_and_model(camera: OnvifCamera) -> None:
    camera.model = "Turret 5 (süd)"
    with DiscoveryResponder(camera, port=0) as responder:
        found = ask(responder.place, seconds=1.3)
        assert found == [(camera.address, "Turret 5 (süd)", "M1", False)]
        assert len(responder.probes) >= 4  # both kinds were asked for, and more than once


def test_it_is_found_by_multicast_on_the_loopback_interface(camera: OnvifCamera) -> None:
    with DiscoveryResponder(camera):
        # Other tests' cameras may answer as well.
        assert (camera.address, "Turret 5", "M1", False) in ask(seconds=1.0)


def test_loopback_is_not_asked_and_not_believed_unless_allowed(camera: OnvifCamera) -> None:
    with DiscoveryResponder(camera, port=0) as responder:
        assert ask(responder.place, allow_loopback=False) == []
        assert responder.probes


def test_several_are_sorted_and_known_ones_are_marked(camera: OnvifCamera) -> None:
    with OnvifCamera("127.0.0.10") as other, DiscoveryResponder(camera, port=0) as one:
        other.model = "Dome"
        with DiscoveryResponder(other, port=0) as two:
            found = ask(one.place, two.place, known=("127.0.0.10",))
    assert [(name, known) for _, name, _, known in found] == [("Turret 5", False), ("Dome", True)]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("http://127.0.0.2/onvif/device_service", "onvif://127.0.0.2"),
        ("http://127.0.0.2:8000/onvif/device_service", "onvif://127.0.0.2:8000"),
        ("http://127.0.0.2/onvif/services", "onvif://127.0.0.2/onvif/services"),
        # Its addresses in several networks, and one that nobody reaches.
        ("http://[fe80::1]/x http://10.9.9.9:81/x http://127.0.0.2:82/onvif/device_service", "onvif://127.0.0.2:82"),
        # It was moved, or wants us to ask somebody else.
        ("http://169.254.169.254:8000/onvif/device_service", "onvif://127.0.0.2:8000"),
        ("http://0.0.0.0:8000/onvif/device_service", "onvif://127.0.0.2:8000"),
        ("https://127.0.0.2/onvif/device_service", "onvif://127.0.0.2:443"),
    ],
)
def test_a_device_is_where_its_answer_came_from(said: str, address: str) -> None:
    assert [one[0] for one in answered(matches(said))] == [address]


@pytest.mark.parametrize(
    "said", ["", "ftp://127.0.0.2/x", "http://127.0.0.2:99999/x", "http://[::1", "/x", "http://h/<b>"]
)
def test_a_device_without_an_address_that_can_be_used_is_left_out(said: str) -> None:
    assert answered(matches(said.replace("<", "&lt;"))) == []


def test_other_devices_than_cameras_are_left_out() -> None:
    printer = matches("http://127.0.0.2:80/wsd", types="wsdp:Device print:PrintDeviceType").replace(
        b"onvif://www.onvif.org/", b"ldap:///printer/"
    )
    assert answered(printer) == []


def test_names_are_plain_text_of_bounded_length() -> None:
    ((_, name, model, _),) = answered(matches("http://127.0.0.2/x", "<script>\x01" * 50, "\u202eevil\n"))
    assert name.startswith("<script><script>") and len(name) <= 80 and "\x01" not in name
    assert model == "evil"


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]>"
)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00" * 65000,
        b"<" * 60000,
        b"<a>" * 20000,
        BOMB + b"<x>&j;</x>",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE x [<!ENTITY y SYSTEM "http://127.0.0.1:9/">]><x>&y;</x>',
        '<!DOCTYPE x [<!ENTITY y "z">]><x>&y;</x>'.encode("utf-16"),
        b"<e>" + b"<ProbeMatch/>" * 5000 + b"</e>",
        matches("http://127.0.0.2/x")[:-30],
        matches("http://127.0.0.2/x").replace(b'<?xml version="1.0" encoding="UTF-8"?>', BOMB),
    ],
)
def test_hostile_replies_are_passed_over_and_the_camera_beside_is_found(camera: OnvifCamera, reply: bytes) -> None:
    with DiscoveryResponder(host="127.0.0.66", port=0) as hostile, DiscoveryResponder(camera, port=0) as honest:
        hostile.replies = [reply]
        assert [one[0] for one in ask(hostile.place, honest.place)] == [camera.address]


def test_an_entity_bomb_is_refused_before_it_grows() -> None:
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(ValueError):
        read(BOMB + b"<x>&j;</x>")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000 and time.monotonic() - begun < 0.5
    tracemalloc.stop()


def test_one_device_cannot_fill_the_list() -> None:
    assert len(answered(*(matches(f"http://127.0.0.2:{8000 + i}/x") for i in range(60)))) == 16


def test_a_flood_ends_it_early_and_in_bounds() -> None:
    with DiscoveryResponder(port=0) as device:
        device.replies = [matches(f"http://127.0.0.2:{1000 + i}/x") for i in range(100)] * 20
        begun = time.monotonic()
        found = ask(device.place, seconds=5.0)
    assert len(found) == 16 and time.monotonic() - begun < 4.0


def test_it_ends_in_time_when_nobody_answers() -> None:
    with DiscoveryResponder(port=0) as silent:
        begun = time.monotonic()
        assert ask(silent.place, seconds=0.5) == []
    assert 0.4 < time.monotonic() - begun < 1.5


def test_nobody_there_and_no_way_there_are_no_errors() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.2", 0))
        place = closed.getsockname()
    assert ask(place, seconds=0.3) == []
    assert discover(0.2, interfaces=["192.0.2.1"]) == []


def test_the_group_and_port_are_the_protocols() -> None:
    assert GROUP == ("239.255.255.250", PORT)
