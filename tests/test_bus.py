"""The three channels over real sockets."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from camera import bus
from camera.commands import EngineDownError, ask_engine
from tests.house import wait_for


@pytest.fixture
def ends(tmp_path: Path) -> bus.Endpoints:
    return bus.endpoints(tmp_path / "run")


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def proxy(ends: bus.Endpoints) -> Iterator[bus.MediaProxy]:
    context: zmq.Context[Any] = zmq.Context()
    proxy = bus.MediaProxy(context, ends)
    proxy.start()
    yield proxy
    context.term()
    proxy.join(2)


def test_the_bus_folder_is_private_and_paths_are_short(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    for run_dir in (tmp_path, deep):
        path = bus.endpoints(run_dir).media_in.removeprefix("ipc://")
        assert len(path) <= 107
        assert os.stat(os.path.dirname(path)).st_mode & 0o077 == 0
    assert bus.endpoints(deep) == bus.endpoints(deep) != bus.endpoints(tmp_path)


def test_engines_of_other_names_have_other_sockets(tmp_path: Path) -> None:
    assert bus.endpoints(tmp_path, "a") != bus.endpoints(tmp_path, "b")


def subscriber(context: zmq.Context[Any], ends: bus.Endpoints, *names: bytes) -> zmq.Socket[bytes]:
    socket = bus.connect(context, zmq.SUB, ends.media_out, 10)
    for name in names:
        socket.subscribe(name)
    return socket


def asked(publisher: bus.MediaPublisher, name: bytes) -> None:
    wait_for(lambda: name in list(publisher.subscriptions()), 5, f"the subscription of {name!r}")


@pytest.mark.usefixtures("proxy")
def test_each_further_subscriber_is_announced(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    publisher = bus.MediaPublisher(context, ends.media_in)
    name = bus.topic(bus.JPEG, 1)
    first = subscriber(context, ends, name)
    asked(publisher, name)
    second = subscriber(context, ends, name)
    asked(publisher, name)
    assert publisher.wanted == {name}
    assert publisher.send(name, {"t": 1.5}, b"picture")
    for socket in (first, second):
        assert socket.poll(2000)
        parts = socket.recv_multipart()
        assert (parts[0], bus.decode(parts[1]), parts[2]) == (name, {"t": 1.5}, b"picture")
    first.close()
    second.close()
    wait_for(lambda: list(publisher.subscriptions()) or not publisher.wanted, 5, "the unsubscription")
    assert not publisher.wanted
    publisher.close()


@pytest.mark.usefixtures("proxy")
def test_camera_one_is_not_camera_ten(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    publisher = bus.MediaPublisher(context, ends.media_in)
    socket = subscriber(context, ends, bus.topic(bus.JPEG, 1))
    asked(publisher, bus.topic(bus.JPEG, 1))
    publisher.send(bus.topic(bus.JPEG, 10), {}, b"ten")
    publisher.send(bus.topic(bus.JPEG, 1), {}, b"one")
    assert socket.poll(2000)
    assert socket.recv_multipart()[2] == b"one"
    socket.close()
    publisher.close()


def test_reports_are_kept_until_acknowledged_and_resent(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    sender = bus.ReportSender(context, ends.reports, "token-1")
    sender.RESEND = 0.05
    sender.report("motion", {"n": 1})  # no engine yet: must not be lost
    router = bus.Router(context, ends.reports)

    def resent() -> list[tuple[bytes, dict[str, Any], bytes]]:
        sender.resend()
        return list(router.receive())

    got = wait_for(resent, 5, "the report")
    peer, header, _ = got[0]  # type: ignore[index]
    assert peer == b"token-1" and header["body"] == {"n": 1} and sender.kept
    router.send(peer, {"type": "ack", "seq": header["seq"]})
    wait_for(lambda: (list(sender.commands()), not sender.kept)[1], 5, "the acknowledgement")
    sender.close()
    router.close()


def test_what_could_not_be_sent_is_not_overtaken(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    sender = bus.ReportSender(context, ends.reports, "t")
    for number in range(150):
        sender.report("motion", {"n": number})  # nobody is there, and it is more than the channel holds
    router = bus.Router(context, ends.reports)
    wait_for(lambda: sender.socket.poll(0, zmq.POLLOUT), 5, "the connection")
    sender.report("motion", {"n": 150})
    came: list[int] = []

    def all_came() -> bool:
        sender.resend()
        came.extend(header["body"]["n"] for _, header, _ in router.receive())
        return len(came) >= 151

    wait_for(all_came, 10, "all reports")
    assert came == list(range(151))
    sender.close()
    router.close()


def test_too_many_reports_are_counted_not_hidden(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    sender = bus.ReportSender(context, ends.reports, "t")
    sender.KEEP = 3
    for number in range(5):
        sender.report("motion", {"n": number})
    assert [message["body"]["n"] for _, message in sender.kept.values()] == [2, 3, 4]
    assert sender.overflow == 2
    sender.close()


def test_garbage_is_dropped_and_counted(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    router = bus.Router(context, ends.commands)
    peer = bus.connect(context, zmq.DEALER, ends.commands, 10, b"odd")
    deep = [b"[" * 100_000, b""]
    for parts in ([b"\x80\x04pickle"], [b"[]", b""], [b"{", b"", b"", b"x"], deep, [b'{"ok":1}', b"p"]):
        peer.send_multipart(parts)
    seen: list[dict[str, Any]] = []
    wait_for(lambda: seen.extend(h for _, h, _ in router.receive()) or router.garbage == 4 and seen, 5, "the messages")
    assert seen == [{"ok": 1}]
    peer.close()
    router.close()


def test_a_command_without_an_engine_ends_at_its_deadline(ends: bus.Endpoints) -> None:
    began = time.monotonic()
    with pytest.raises(EngineDownError):
        ask_engine(ends.commands, "ping", {}, seconds=0.2)
    assert time.monotonic() - began < 2


@pytest.mark.usefixtures("proxy")
def test_the_states_of_many_cameras_arrive_in_one_burst(context: zmq.Context[Any], ends: bus.Endpoints) -> None:
    publisher = bus.MediaPublisher(context, ends.media_in, bus.RELAY_HWM)
    socket = bus.connect(context, zmq.SUB, ends.media_out, bus.RELAY_HWM)
    socket.subscribe(b"state:")
    asked(publisher, b"state:")
    for camera in range(64):
        assert publisher.send(bus.topic(bus.STATE, camera), {"camera": camera})
    for _ in range(64):
        assert socket.poll(2000), "a state was dropped"
        socket.recv_multipart()
    socket.close()
    publisher.close()
