"""A disk that becomes read-only while it is recorded to, as file systems do after a fault."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from camera.process import closeup
from camera.video.integrity import sha256_of
from camera.video.mux import Mp4Writer
from tests.recording_kit import Desk, camera, info, pictures


def refused(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A recorder with a second and more on the disk."""
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=29))
    return desk


def break_off(desk: Desk, patch: pytest.MonkeyPatch) -> None:
    for of, name in ((Mp4Writer, "write"), (closeup, "repair"), (Path, "unlink"), (Path, "rename")):
        patch.setattr(of, name, refused)
    desk.send(camera(frames=30)[29:])


def test_what_cannot_be_made_whole_now_is_made_whole_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        break_off(desk, patch)
        desk.recorder.closeup.step()
        assert not desk.closed and list(desk.folder.rglob("*.mp4.part"))
    desk.recorder.closeup.step()
    (closed,), (file,) = desk.closed, desk.files()
    assert (closed.state, closed.detail) == ("interrupted", "the disk is read-only")
    assert closed.seconds == pytest.approx(pictures(file) / 15, abs=0.01) and closed.seconds > 1
    assert not list(desk.folder.rglob("*.part"))


def test_what_is_deleted_meanwhile_is_told_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        break_off(desk, patch)
    next(desk.folder.rglob("*.part")).unlink()
    desk.recorder.closeup.step()
    assert (desk.closed[0].state, desk.closed[0].bytes) == ("interrupted", 0) and "deleted" in desk.closed[0].detail


def test_a_disk_that_is_mounted_anew_gets_its_recording_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handle that was held belongs to what is mounted no more; not all had reached the disk."""
    (part,) = desk.folder.rglob("*.part")
    reached = part.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        desk.recorder.closed()
        desk.turn()
    assert not desk.closed
    part.rename(desk.folder / "the file of before")
    part.write_bytes(reached)
    desk.recorder.closeup.step()
    (closed,), (file,) = desk.closed, desk.files()
    assert closed.state == "interrupted" and "away" in closed.detail
    assert (closed.bytes, closed.sha256) == (file.stat().st_size, sha256_of(file))
    assert closed.seconds == pytest.approx(pictures(file) / 15, abs=0.01) and closed.seconds > 1
