"""«Test connection»: asks the engine to open a source once, and puts into words what came of it."""

import base64
import threading
from dataclasses import asdict, dataclass
from typing import Any

from camera import commands
from camera.live.hub import current_hub
from camera.packets import REASON_TEXT, Reason, SourceConfig
from camera.redact import redact
from main.camera_changes import engine_commands

SECONDS = 20.0
# Nothing was heard of the engine: it may just be starting, but nobody waits long for one that is not there.
SECONDS_WITHOUT_ENGINE = 3.0
LARGEST_PICTURE = 3 * 1024 * 1024
# Each test opens a connection and decodes; more than these at once would take the machine from the cameras.
_AT_ONCE = threading.BoundedSemaphore(3)
CODECS = {
    "h264": "H.264",
    "hevc": "H.265",
    "mjpeg": "MJPEG",
    "av1": "AV1",
    "mpeg4": "MPEG-4",
    "rawvideo": "uncompressed",
}
ADVICE: dict[str, str] = {
    Reason.NO_SIGNAL: "Is the camera switched on and in this network? Check the host and the port of the address.",
    Reason.STALLED: "It began to send and stopped. Try the other RTSP transport, or a smaller stream of the camera.",
    Reason.FROZEN: "Restart the camera; its encoder hangs.",
    Reason.AUTH_FAILED: "Type user name and password again. Many cameras want an account of their own for streams.",
    Reason.REFUSED: "Check host and port. Addresses of this machine itself are not opened.",
    Reason.NOT_FOUND: "Check what comes after the host in the address; the camera's manual names its stream's path.",
    Reason.BAD_STREAM: "Is it the address of a stream or picture? The camera must send H.264, H.265 or MJPEG.",
    Reason.ENGINE_DOWN: "Nothing was tried. Wait a few seconds and test again; the camera can be saved all the same.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test found. `words` is a whole sentence, `picture` a data: address or empty."""

    ok: bool
    words: str
    detail: str = ""
    advice: str = ""
    picture: str = ""
    # What the camera said of itself before, one sentence each.
    facts: tuple[str, ...] = ()


def try_source(config: SourceConfig) -> Outcome:
    """Waits for the engine up to 20 s; call from a thread, outside of transactions."""
    if not _AT_ONCE.acquire(blocking=False):
        return Outcome(False, "Other connections are being tested just now.", advice="Try again in a few seconds.")
    seconds = SECONDS if current_hub().engine_up() else SECONDS_WITHOUT_ENGINE
    try:
        body, picture = commands.ask_engine(engine_commands(), "test", {"source": asdict(config)}, seconds=seconds)
    except commands.EngineDownError:
        return failed(Reason.ENGINE_DOWN)
    finally:
        _AT_ONCE.release()
    if body.get("ok") is not True:
        return failed(str(body.get("reason")), str(body.get("detail") or ""), config.password)
    return Outcome(True, _found(body), picture=_as_data(picture))


def failed(reason: str, detail: str = "", password: str = "") -> Outcome:
    """The reason in words; `detail` comes from the camera and may repeat what it was sent."""
    words = REASON_TEXT.get(reason, "the camera cannot be shown")
    detail = redact(detail.replace(password, "***") if password else detail)[:300]
    return Outcome(False, f"{words[0].upper()}{words[1:]}.", detail, ADVICE.get(reason, ""))


def _found(body: dict[str, Any]) -> str:
    codec = str(body.get("codec") or "")
    seconds = float(body.get("seconds") or 0)
    size = f"{int(body.get('width') or 0)}×{int(body.get('height') or 0)}"
    return f"{size} {CODECS.get(codec, codec)}, first picture after {seconds:.1f} s"


def _as_data(picture: bytes) -> str:
    if not picture.startswith(b"\xff\xd8") or len(picture) > LARGEST_PICTURE:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()
