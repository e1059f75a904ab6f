"""A picture handed out to many: the same bytes whichever way they go, and nothing left open."""

import os
import socket
from collections.abc import Iterator

import pytest

from camera.live import sheet as sheet_module
from camera.live.sheet import LARGE, MANY, Sheet

DATA = bytes(range(256)) * 1000


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection whose sender does not block and whose kernel holds little."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    near.setblocking(False)
    with near, far:
        yield near, far


@pytest.mark.parametrize("viewers", [1, MANY])
def test_what_is_sent_piece_by_piece_is_whole(viewers: int, line: tuple[socket.socket, socket.socket]) -> None:
    near, far = line
    files = open_files()
    sheet = Sheet(DATA, viewers)
    assert open_files() == files + (viewers == MANY)
    at, came, refused = 0, b"", 0
    while at < sheet.size:
        try:
            at += sheet.send(near, at)
        except BlockingIOError:
            refused += 1
            came += far.recv(len(DATA))
    near.shutdown(socket.SHUT_WR)
    while data := far.recv(len(DATA)):
        came += data
    assert came == DATA and refused > 3
    del sheet
    assert open_files() == files


def test_few_viewers_and_small_pictures_need_no_file() -> None:
    files = open_files()
    kept = [Sheet(DATA, MANY - 1), Sheet(bytes(LARGE - 1), 500)]
    assert open_files() == files and len(kept) == 2


def test_without_a_file_to_be_had_it_goes_as_it_is(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, flags: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(sheet_module.os, "memfd_create", refuse)
    near, far = line
    taken = Sheet(DATA, 500).send(near)
    assert far.recv(taken, socket.MSG_WAITALL) == DATA[:taken] and taken > 0


def test_one_who_has_gone_is_an_error(line: tuple[socket.socket, socket.socket]) -> None:
    near, far = line
    far.close()
    sheet = Sheet(DATA, MANY)
    with pytest.raises(ConnectionError):
        for _ in range(3):
            sheet.send(near)
