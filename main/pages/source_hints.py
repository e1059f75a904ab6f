"""What can be written as a camera's address, by kind, for the one who fills in the form."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from camera.access import Actor, may_add
from camera.addresses import KINDS, AddressError, parse_source


@dataclass(frozen=True, slots=True)
class Hint:
    kind: str
    name: str
    example: str
    words: str
    # SOURCE words that exist on this machine.
    here: tuple[str, ...] = ()


TEXTS = {
    "rtsp": (
        "rtsp://192.168.1.20:554/stream1",
        "Most network cameras. The path after the host stands in the camera's manual.",
    ),
    "http": (
        "http://192.168.1.21/video.mjpg",
        "A stream of JPEG pictures, or the address of a single picture, asked again and again.",
    ),
    "tapo": (
        "tapo://192.168.1.22",
        "A TP-Link Tapo camera, by its IP address. It is asked where its pictures are, and can be turned and switched.",
    ),
    "onvif": (
        "onvif://192.168.1.23",
        "A camera that speaks ONVIF, as most do. It is asked where its pictures are; one with a motor can be turned.",
    ),
    "v4l2": ("device:/dev/video0", "A camera plugged into the machine Fairwatch runs on."),
    "file": ("file:yard.mp4", "A video in the folder of CAMERA_FILES, played in a loop as if it were a camera."),
    "push": ("push:", "A program that sends its pictures here, each in a POST of its own. It gets a key for that."),
    "pattern": ("pattern:", "A drawn scene with a clock, to try Fairwatch without a camera."),
}


def hints(actor: Actor) -> list[Hint]:
    """A hint for every kind of camera that `actor` may add."""
    here = {"v4l2": _devices(), "file": _files()}
    return [Hint(kind, KINDS[kind], *TEXTS[kind], here=here.get(kind, ())) for kind in TEXTS if may_add(actor, kind)]


def _devices() -> tuple[str, ...]:
    return _readable(f"device:{path}" for path in sorted(Path("/dev").glob("video*")))


def _files() -> tuple[str, ...]:
    folder = settings.CAMERA_FILES
    if not folder.is_dir():
        return ()
    return _readable(f"file:{path.name}" for path in sorted(folder.iterdir())[:200] if path.is_file())


def _readable(words: Iterable[str]) -> tuple[str, ...]:
    """Those that the form would take."""
    good = []
    for word in words:
        try:
            good.append(parse_source(word).source)
        except AddressError:
            continue
    return tuple(good)
