"""Puts pictures together that come in pieces.

Some cameras repeat the parameter sets within a key frame, before each of its slices, or send them apart from it. FFmpeg
takes these for the beginning of another picture and gives one key frame as two packets: half of it would be a sample of
its own in a file, to which no player can seek.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from camera.packets import AudioPacket, Packet
from camera.video.nal import starts_picture

CODECS = frozenset({"h264", "hevc"})
# So many whole key frames in a row: this camera does not do it, and none is held back any longer.
ENOUGH = 3


def joined(packets: Iterable[Packet | AudioPacket], codec: str) -> Iterator[Packet | AudioPacket]:
    """The same packets, each a whole picture. Key frames of a camera that cuts them come a picture late."""
    if codec not in CODECS:
        yield from packets
        return
    held: Packet | None = None
    whole, cuts = 0, False
    for packet in packets:
        if isinstance(packet, AudioPacket):
            yield packet
            continue
        if held is not None:
            is_piece = starts_picture(codec, packet.data) is False or starts_picture(codec, held.data) is None
            if is_piece:
                held, cuts = _join(held, packet), cuts or starts_picture(codec, held.data) is not None
                continue
            yield held
            held, whole = None, whole + 1
        if packet.key and (cuts or whole < ENOUGH or starts_picture(codec, packet.data) is None):
            held = packet
        else:
            yield packet


def _join(first: Packet, second: Packet) -> Packet:
    """The first packet of an RTSP session has no time stamps: it takes those of its other piece."""
    pts = second.pts if first.pts is None else first.pts
    return replace(first, data=first.data + second.data, pts=pts, dts=second.dts if first.dts is None else first.dts)
