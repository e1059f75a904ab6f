"""«Test connection»: open the source once, give one picture or the reason why there is none."""

import json
import logging
import threading
import time
from dataclasses import replace
from typing import Any

from camera.packets import AudioPacket, Reason, SourceConfig, SourceError
from camera.sources import Source, Timeouts, open_source
from camera.video.decode import Decoder
from camera.video.encode import JpegEncoder

logger = logging.getLogger(__name__)

PATIENCE = 12.0


def probe(config: SourceConfig, timeouts: Timeouts | None = None, patience: float = PATIENCE) -> bytes:
    """One line of JSON ({"ok", …}) and, when ok, the bytes of a JPEG. Never takes longer than `patience` seconds."""
    answers: list[bytes] = []
    stop = threading.Event()

    def work() -> None:
        answers.append(_answer(config, stop, timeouts))

    worker = threading.Thread(target=work, name="probe", daemon=True)
    worker.start()
    worker.join(patience)
    stop.set()
    late = SourceError(Reason.NO_SIGNAL, f"no picture within {patience:.0f} s")
    return answers[0] if answers else _refusal(late)


def _answer(config: SourceConfig, stop: threading.Event, timeouts: Timeouts | None) -> bytes:
    began = time.monotonic()
    try:
        source = open_source(replace(config, audio=False), stop, timeouts)
        try:
            values, picture = first_picture(source)
        finally:
            source.close()
    except SourceError as error:
        return _refusal(error)
    except Exception as error:  # the asker gets an answer whatever a hostile stream provokes
        logger.exception("the probe failed in an unknown way")
        return _refusal(SourceError(Reason.BAD_STREAM, f"reading it failed ({type(error).__name__})"))
    return _line({"ok": True, **values, "seconds": round(time.monotonic() - began, 2)}) + picture


def first_picture(source: Source) -> tuple[dict[str, Any], bytes]:
    """({"codec", "width", "height"}, JPEG) of the first picture that can be shown. Raises SourceError."""
    decoder: Decoder | None = None
    for packet in source:
        if isinstance(packet, AudioPacket):
            continue
        info = source.info
        if info.codec == "mjpeg":
            return {"codec": info.codec, "width": info.width, "height": info.height}, packet.data
        decoder = decoder or Decoder(info)
        for frame, _ in decoder.decode(packet):
            values = {"codec": info.codec, "width": frame.width, "height": frame.height}
            return values, JpegEncoder().encode(frame)
    raise SourceError(Reason.BAD_STREAM, "no picture came that can be shown")


def _refusal(error: SourceError) -> bytes:
    return _line({"ok": False, "reason": str(error.reason), "detail": error.detail})


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"
