"""Packets into frames, each knowing when it was captured."""

from collections import OrderedDict
from typing import Any

import av
import av.error
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from camera.packets import Packet, StreamInfo
from camera.video.jpeg import MAX_PIXELS

# dav1d is several times faster than FFmpeg's own AV1 decoder, which needs hardware.
_DECODERS = {"av1": "libdav1d"}
# Packets may wait in a decoder that puts pictures into another order.
_REMEMBERED = 64


class Decoder:
    """One stream's decoder, on one thread: more threads cost delay and as much CPU."""

    def __init__(self, info: StreamInfo, lean: bool = False) -> None:
        """`lean`: without the loop filter, for pictures that nobody sees. About an eighth cheaper."""
        context = CodecContext.create(_DECODERS.get(info.codec, info.codec), "r")
        assert isinstance(context, VideoCodecContext)  # only video codecs are let in
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        if lean:
            context.options = context.options | {"skip_loop_filter": "all"}
        if info.codec == "av1":
            context.options = context.options | {"max_frame_delay": "1"}
        if info.codec == "rawvideo":
            context.width, context.height, context.pix_fmt = info.width, info.height, info.pix_fmt
        if info.extradata:
            context.extradata = info.extradata
        self._context = context
        self._number = 0
        self._times: OrderedDict[int, float] = OrderedDict()

    def decode(self, packet: Packet) -> list[tuple[VideoFrame, float]]:
        """(frame, capture time) of every frame that is ready. What cannot be decoded gives nothing."""
        self._number += 1
        self._times[self._number] = packet.captured_at
        while len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)
        piece = av.Packet(packet.data)
        # The decoder hands this number on to the frame it makes of the packet.
        piece.pts = piece.dts = self._number
        return self._frames(piece, packet.captured_at)

    def flush(self) -> list[tuple[VideoFrame, float]]:
        """The frames that waited for others to come; after it the decoder takes nothing more."""
        return self._frames(None, next(reversed(self._times.values()), 0.0))

    def _frames(self, piece: "av.Packet[Any] | None", captured_at: float) -> list[tuple[VideoFrame, float]]:
        try:
            frames = self._context.decode(piece)
        except (av.error.FFmpegError, ValueError):
            return []
        return [(frame, self._times.get(frame.pts or 0, captured_at)) for frame in frames]
