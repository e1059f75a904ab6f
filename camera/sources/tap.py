"""Pictures taken from an RTSP camera's connection on their way to FFmpeg, which would hand each of them out late.

FFmpeg goes on to speak with the camera and to notice when it is silent. Sound is FFmpeg's, and so are the pictures of a
camera that sends them in a way that is not read here.
"""

import logging
import re
import threading
import time
from collections import deque

from camera.packets import AudioPacket, Packet, SourceError
from camera.sources.rtp import CLOCK, CODECS, Depacketizer, UnfitError

logger = logging.getLogger(__name__)

# What the reader has not taken by then is dropped up to the next key frame. Bytes.
_MOST_WAITING = 32 * 1024 * 1024
_HEAD_LIMIT = 32 * 1024
# FFmpeg has found so many key frames where none was seen here: the camera marks them in another way.
_KEYS = 3
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,7})[ \t]*\r?$")
_MEDIA = re.compile(r"(?m)^m=(\w+) (?:(?!^m=).*\n?)*")
_ENCODING = re.compile(r"(?m)^a=rtpmap:\d+ ([A-Za-z0-9-]+)/(\d+)")
_ODD = re.compile(r"packetization-mode=2|max-don-diff")
_NAMES = {"H264": "h264", "H265": "hevc"}


def pictures_of(sdp: str, audio: bool) -> tuple[str, int]:
    """What a description says of its first video: h264 or hevc where it can be read here, else empty; and its place
    among the streams that FFmpeg asks for, with or without sound."""
    wanted = ("video", "audio") if audio else ("video",)
    asked = [one for one in _MEDIA.finditer(sdp.replace("\r", "")) if one[1] in wanted]
    place = next((number for number, one in enumerate(asked) if one[1] == "video"), 0)
    names = _ENCODING.findall(asked[place][0]) if asked else []
    fits = len(names) == 1 and int(names[0][1]) == CLOCK and not _ODD.search(sdp)
    return _NAMES.get(names[0][0].upper(), "") if fits else "", place


class Tap:
    """Between the relay's thread (`play`, `feed`), the one that reads FFmpeg (`other`, `end`), and who wants the
    pictures (`next`)."""

    def __init__(self, codec: str, place: int = 0) -> None:
        """`codec` and `place` as of `pictures_of`."""
        assert codec in CODECS
        self.codec, self._place = codec, place
        self.error: SourceError | None = None
        self.over = False
        self._fit = True
        self._news = threading.Condition()
        self._waiting: deque[Packet | AudioPacket] = deque()
        self._size, self._blocked = 0, False
        self._keys = self._other_keys = 0
        self.play([])

    def play(self, channels: list[int]) -> None:
        """A connection on which pictures begin to come; its interleaved channels in the order of the streams."""
        self._channel = channels[self._place] if self._place < len(channels) else 2 * self._place
        self._raw, self._text = bytearray(), 0
        self._pictures = Depacketizer(self.codec)

    def feed(self, data: bytes) -> None:
        """What came from the camera."""
        if not self._fit:
            return
        self._raw += data
        at = time.time()
        try:
            while (rtp := self._cut()) is not None:
                for packet in self._pictures.feed(rtp, at) if rtp else ():
                    self._put(packet)
        except (UnfitError, IndexError) as error:
            self._give_up(str(error))

    def _cut(self) -> bytes | None:
        """The next RTP packet, empty for anything else that stood there; None when more has to come."""
        raw = self._raw
        if self._text:
            gone = min(self._text, len(raw))
            self._text -= gone
            del raw[:gone]
            return None if self._text else b""
        if len(raw) < 4:
            return None
        if raw[0] == 0x24:
            end = 4 + int.from_bytes(raw[2:4])
            if len(raw) < end:
                return None
            rtp = bytes(raw[4:end]) if raw[1] == self._channel else b""
            del raw[:end]
            return rtp
        end = raw.find(b"\r\n\r\n")
        if end < 0:
            if len(raw) > _HEAD_LIMIT:
                raise UnfitError("neither pictures nor answers")
            return None
        length = _LENGTH.search(raw, 0, end + 2)
        self._text = end + 4 + (int(length[1]) if length else 0)
        return b""

    def _put(self, packet: Packet) -> None:
        with self._news:
            self._keys += packet.key
            self._blocked = (self._blocked and not packet.key) or self._size > _MOST_WAITING
            if not self._blocked:
                self._waiting.append(packet)
                self._size += len(packet.data)
                self._news.notify()

    def _give_up(self, why: str) -> None:
        logger.info("pictures come by way of FFmpeg: %s", why)
        self._fit, self._raw = False, bytearray()
        # FFmpeg gives once more what was given here, by other time stamps.
        self._blocked = self._keys > 0

    def other(self, packet: Packet | AudioPacket) -> None:
        """FFmpeg's own packet."""
        if isinstance(packet, AudioPacket):
            with self._news:
                # Who takes no pictures takes no sound either.
                if not self._blocked:
                    self._waiting.append(packet)
                    self._news.notify()
        elif not self._fit:
            self._put(packet)
        else:
            self._other_keys += packet.key and not self._keys
            if self._other_keys >= _KEYS:
                self._give_up("no key frames are seen")

    def end(self, error: SourceError | None) -> None:
        """FFmpeg has nothing more."""
        with self._news:
            self.error, self.over = error, True
            self._news.notify()

    def next(self, seconds: float) -> Packet | AudioPacket | None:
        """The next picture or piece of sound, waited for so long."""
        with self._news:
            if not self._waiting and not self.over:
                self._news.wait(seconds)
            if not self._waiting:
                return None
            packet = self._waiting.popleft()
            self._size -= len(packet.data) if isinstance(packet, Packet) else 0
            return packet
